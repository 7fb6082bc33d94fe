/** Asking for a microphone or a camera: what the browser will show, and what to do when it does not work. */
import { DeviceFault } from "../devices";
import { h } from "../ui/dom";
import { t } from "../ui/i18n";
import { icon } from "../ui/icons";
import { platform } from "./browser";
import { faultSteps, faultTitle, type Device, type Fault } from "./faults";
import { buttons, mainButton, quietButton, steps, text, type Frame } from "./frame";

type Answer = "ask" | "without" | "back";

/** The next page, or the one before. */
export type Move = "next" | "back";

/** One device as its page needs it. */
export type Opening = {
  readonly device: Device;
  /** Whether it was used last time: only then is it opened without a question where the browser allows that. */
  readonly wanted: boolean;
  /** Rejects with a DeviceFault. */
  readonly open: () => Promise<unknown>;
  readonly close: () => void;
  /** The page that shows the open device. */
  readonly running: () => Promise<Move | "without">;
};

/** Resolves with the device open, or closed when the person goes on without it. */
export async function openDevice(frame: Frame, opening: Opening): Promise<Move> {
  const { device } = opening;
  const granted = opening.wanted && (await isGranted(device));
  let answer: Answer = granted ? "ask" : await beforeAsking(frame, device);
  while (answer === "ask") {
    const asking = opening.open().then(
      () => null,
      (error: unknown) => faultOf(error),
    );
    const outcome = granted ? await asking : await whileAsking(frame, device, asking);
    if (outcome === null) {
      const move = await opening.running();
      if (move !== "without") return move;
      answer = "without";
    } else if (outcome === "without") {
      // The browser's question may still be answered with "allow": nothing may run that the person goes on without.
      void asking.then(opening.close);
      answer = "without";
    } else {
      answer = await trouble(frame, outcome, device);
    }
  }
  if (answer === "back") return "back";
  opening.close();
  return "next";
}

/** Whether the browser will give the device without asking. Browsers that do not say count as "will ask". */
export async function isGranted(device: Device): Promise<boolean> {
  try {
    return (await navigator.permissions.query({ name: device as PermissionName })).state === "granted";
  } catch {
    return false;
  }
}

/** The page before the browser asks. */
function beforeAsking(frame: Frame, device: Device): Promise<Answer> {
  const microphone = device === "microphone";
  return frame.show<Answer>((done) => ({
    title: microphone ? t("May we hear you?") : t("May we see you?"),
    body: [
      text(
        microphone
          ? t("Your browser will ask about the microphone. Press “Allow”.")
          : t("Your browser will ask about the camera. Press “Allow”."),
      ),
      promptPicture(device),
      buttons(
        mainButton(
          microphone ? t("Switch on the microphone") : t("Switch on the camera"),
          () => done("ask"),
          microphone ? "microphone" : "camera",
        ),
        without(device, () => done("without")),
        quietButton(t("Back"), () => done("back")),
      ),
    ],
  }));
}

/** While the browser's own question is open. It ends with `asking`, or earlier when the person goes on without. */
async function whileAsking<T>(frame: Frame, device: Device, asking: Promise<T>): Promise<T | "without"> {
  return frame.show<T | "without">((done) => {
    void asking.then(done);
    return {
      picture: device,
      title: t("Press “Allow”"),
      body: [
        text(t("Your browser asks at the top or in the middle of the screen.")),
        buttons(without(device, () => done("without"))),
      ],
    };
  });
}

/** The page for one fault: what happened, what to do, and the way on without. */
function trouble(frame: Frame, fault: Fault, device: Device): Promise<Answer> {
  return frame.show<Answer>((done) => ({
    picture: device === "microphone" ? "microphone-off" : "camera-off",
    title: faultTitle(fault, device),
    body: [
      steps(faultSteps(fault, device, platform())),
      buttons(
        mainButton(t("Try again"), () => done("ask")),
        without(device, () => done("without")),
        quietButton(t("Back"), () => done("back")),
      ),
    ],
  }));
}

function faultOf(error: unknown): Fault {
  return error instanceof DeviceFault ? error.code : "failed";
}

export function without(device: Device, onclick: () => void): HTMLButtonElement {
  return device === "microphone"
    ? quietButton(t("Go on without microphone"), onclick, "microphone-off")
    : quietButton(t("Go on without camera"), onclick, "camera-off");
}

/** A drawing of the browser's question, with the right answer marked. */
function promptPicture(device: Device): HTMLElement {
  return h(
    "div",
    { class: "prompt", "aria-hidden": "true" },
    h(
      "div",
      { class: "prompt__row" },
      icon(device),
      h("span", null, device === "microphone" ? t("use your microphone") : t("use your camera")),
    ),
    h(
      "div",
      { class: "prompt__row prompt__row--end" },
      h("span", { class: "prompt__choice" }, t("Block")),
      h("span", { class: "prompt__choice prompt__choice--right" }, icon("check"), t("Allow")),
    ),
  );
}
