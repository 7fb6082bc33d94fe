/** What stands in the place of the pictures while nobody is here who could lead the conversation. */
import { phoneLink } from "../lobby/frame";
import type { Snapshot } from "../types";
import { fill, h } from "../ui/dom";
import { t } from "../ui/i18n";

export class Paused {
  readonly element = h("section", { class: "paused", hidden: true, "aria-live": "polite" });

  update({ phase, help_phone: phone }: Snapshot["room"]): void {
    const paused = phase === "paused";
    if (paused === !this.element.hidden) return;
    this.element.hidden = !paused;
    fill(
      this.element,
      paused && h("h2", { class: "paused__title" }, t("The conversation is paused")),
      paused &&
        h(
          "p",
          null,
          t(
            "No team member who can lead it is here at this moment. Nobody sees or hears you. It goes on by itself when somebody returns.",
          ),
        ),
      paused && phone !== "" && h("p", null, t("If nobody comes, please phone.")),
      paused && phone !== "" && phoneLink(phone),
    );
  }
}
