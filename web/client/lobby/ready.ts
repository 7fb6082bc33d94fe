/** The last page before the waiting room: what will be on, and one big button. */
import type { Devices } from "../devices";
import { h } from "../ui/dom";
import { t } from "../ui/i18n";
import { icon, type IconName } from "../ui/icons";
import { buttons, mainButton, quietButton, text, type Frame } from "./frame";
import type { Move } from "./permission";

export function readyPage(frame: Frame, devices: Devices, withHelper: boolean): Promise<Move> {
  return frame.show<Move>((done) => {
    const { audio, video } = devices.abilities;
    return {
      title: t("Everything is ready"),
      body: [
        h(
          "ul",
          { class: "lobby__summary" },
          fact(
            audio ? "microphone" : "microphone-off",
            audio ? t("The microphone is on.") : t("Without microphone: the others do not hear you."),
          ),
          fact(
            video ? "camera" : "camera-off",
            video ? t("The camera is on.") : t("Without camera: the others do not see you."),
          ),
          fact(withHelper ? "two-persons" : "person", withHelper ? t("Someone is with you.") : t("You are alone.")),
        ),
        text(t("Nobody sees or hears you until you are let in.")),
        buttons(mainButton(t("I am ready"), () => done("next"), "check"), quietButton(t("Back"), () => done("back"))),
      ],
    };
  });
}

function fact(picture: IconName, words: string): HTMLElement {
  return h("li", null, icon(picture), h("span", null, words));
}
