/** "I am alone" or "Someone is with me", by two pictures. */
import { h } from "../ui/dom";
import { t } from "../ui/i18n";
import { icon, type IconName } from "../ui/icons";
import { buttons, quietButton, text, type Frame } from "./frame";

/** Resolves with whether somebody sits beside the person. */
export function companionPage(frame: Frame): Promise<boolean | "back"> {
  return frame.show<boolean | "back">((done) => ({
    title: t("Is someone with you?"),
    body: [
      text(t("The others will see what you choose. Both are fine.")),
      h(
        "div",
        { class: "choice" },
        card(t("I am alone"), "person", () => done(false)),
        card(t("Someone is with me"), "two-persons", () => done(true)),
      ),
      buttons(quietButton(t("Back"), () => done("back"))),
    ],
  }));
}

function card(words: string, picture: IconName, onclick: () => void): HTMLElement {
  return h("button", { type: "button", class: "choice__card", onclick }, icon(picture), h("span", null, words));
}
