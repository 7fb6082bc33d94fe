/** The dialogs of the call: which devices, and which keys. */
import { DeviceFault, watchLevel, type Devices } from "../devices";
import type { ShareFault } from "../screen-share";
import { playChime } from "../lobby/chime";
import type { Quality } from "../quality";
import { fill, h, setText, type Child } from "../ui/dom";
import { exitRow } from "../ui/exit";
import { t } from "../ui/i18n";
import { lineWords } from "./line-words";

let count = 0;

/** Shows a dialog that is only closed, not answered; the focus returns to where it was. */
export function openDialog(title: string, body: Child[], onClose?: () => void): HTMLDialogElement {
  const id = `call-dialog-${++count}`;
  const before = document.activeElement;
  const close = h(
    "button",
    { type: "button", class: "button button--main", onclick: (): void => dialog.close() },
    t("Done"),
  );
  const dialog: HTMLDialogElement = h(
    "dialog",
    { class: "dialog", "aria-labelledby": id },
    h("h2", { id, class: "dialog__title", tabindex: -1 }, title),
    ...body,
    h("div", { class: "dialog__buttons" }, close),
    exitRow(),
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    onClose?.();
    if (before instanceof HTMLElement && before.isConnected) before.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

export async function devicesDialog(devices: Devices, quality: Quality, onDone: () => void): Promise<void> {
  const body = h("div", { class: "devices" });
  const fault = h("p", { class: "devices__fault", role: "alert" });
  const meter = h("meter", {
    class: "devices__meter",
    min: 0,
    max: 1,
    value: 0,
    "aria-label": t("Loudness of your microphone"),
  });
  const attempt = async (change: () => Promise<unknown>): Promise<void> => {
    fault.textContent = "";
    try {
      await change();
    } catch (error) {
      if (!(error instanceof DeviceFault)) throw error;
      fault.textContent = faultWords(error);
    }
  };
  const draw = async (): Promise<void> => {
    const { microphones, cameras, speakers } = await devices.list();
    const { microphone, camera, speaker } = devices.value;
    const current = (track: MediaStreamTrack | null): string => track?.getSettings().deviceId ?? "";
    fill(
      body,
      choice(t("Microphone"), microphones, current(microphone), (id) => attempt(() => devices.openMicrophone(id))),
      microphone && meter,
      choice(t("Camera"), cameras, current(camera), (id) => attempt(() => devices.openCamera({ deviceId: id }))),
      devices.canChooseSpeaker && choice(t("Speaker"), speakers, speaker, (id) => devices.setSpeaker(id)),
      h(
        "button",
        {
          type: "button",
          class: "button",
          onclick: () => void playChime(devices.value.speaker).catch(() => undefined),
        },
        t("Play a sound"),
      ),
    );
  };
  let stopMeter = (): void => undefined;
  let measured: MediaStreamTrack | null = null;
  const measure = (): void => {
    const { microphone } = devices.value;
    if (microphone === measured) return;
    stopMeter();
    measured = microphone;
    stopMeter = microphone
      ? watchLevel(microphone, (level) => {
          meter.value = level;
        })
      : () => undefined;
  };
  await draw();
  measure();
  const refresh = (): void => {
    measure();
    void draw();
  };
  const stopWatching = devices.subscribe(measure);
  const line = h("p", { class: "devices__line" });
  const drawLine = (): void => setText(line, lineWords(quality.report.value, quality.reception.value.ownWeak).join(" "));
  drawLine();
  const stopLine = quality.report.subscribe(drawLine);
  navigator.mediaDevices?.addEventListener("devicechange", refresh);
  openDialog(t("Devices"), [body, fault, h("h3", { class: "devices__heading" }, t("Your connection")), line], () => {
    stopWatching();
    stopLine();
    stopMeter();
    onDone();
    navigator.mediaDevices?.removeEventListener("devicechange", refresh);
  });
}

function choice(
  label: string,
  list: readonly MediaDeviceInfo[],
  current: string,
  onChoose: (id: string) => unknown,
): HTMLElement {
  const id = `choice-${++count}`;
  const options = list.map((device, index) =>
    h(
      "option",
      { value: device.deviceId, selected: device.deviceId === current },
      device.label || `${label} ${index + 1}`,
    ),
  );
  const select = h(
    "select",
    { id, class: "devices__select", disabled: list.length === 0, onchange: () => void onChoose(select.value) },
    ...options,
  );
  if (list.length === 0) select.append(h("option", null, t("None found")));
  return h("p", { class: "devices__choice" }, h("label", { for: id }, label), select);
}

export function faultWords(fault: DeviceFault): string {
  const microphone = fault.device === "microphone";
  switch (fault.code) {
    case "denied":
      return microphone
        ? t("The browser does not allow the microphone. Touch the lock beside the address and allow it.")
        : t("The browser does not allow the camera. Touch the lock beside the address and allow it.");
    case "missing":
      return microphone ? t("No microphone was found.") : t("No camera was found.");
    case "in_use":
      return microphone
        ? t("Another program uses the microphone. Close it and try again.")
        : t("Another program uses the camera. Close it and try again.");
    case "unsupported":
    case "failed":
      return microphone ? t("The microphone does not start.") : t("The camera does not start.");
  }
}

export function shareFaultWords({ code }: ShareFault): string {
  switch (code) {
    case "denied":
      return t("Your screen is not shown. If you wanted to show it, allow it in the browser, or allow the browser to record the screen in the settings of your device.");
    case "missing":
    case "failed":
      return t("The screen cannot be shown. Choose another window, or close other programs and try again.");
  }
}

export interface Shortcut {
  /** Position on the keyboard, the same in every alphabet. */
  code: string;
  shown: string;
  words: string;
  run: () => void;
}

export function keysDialog(shortcuts: readonly Shortcut[]): void {
  const rows = shortcuts.flatMap(({ shown, words }) => [h("dt", null, h("kbd", null, shown)), h("dd", null, words)]);
  openDialog(t("Keys"), [h("dl", { class: "keys" }, ...rows)]);
}

/** Alt and a letter, wherever the focus is; plain letters stay free for screen readers. */
export function listenForShortcuts(shortcuts: readonly Shortcut[], signal: AbortSignal): void {
  document.addEventListener(
    "keydown",
    (event) => {
      if (!event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || document.querySelector("dialog[open]"))
        return;
      const shortcut = shortcuts.find(({ code }) => code === event.code);
      if (!shortcut) return;
      event.preventDefault();
      if (!event.repeat) shortcut.run();
    },
    { signal },
  );
}
