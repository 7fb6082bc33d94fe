/** The pages that ask, above the call: the same pages as in the lobby, one after the other. */
import { h } from "../ui/dom";
import { exitRow } from "../ui/exit";
import { t } from "../ui/i18n";
import { icon } from "../ui/icons";
import type { Show } from "./pages";

/** Whoever closes a page without an answer has answered nothing. */
export class Unanswered extends Error {}

let count = 0;

/** Shows pages as dialogs; they go when `life` ends, and the promise rejects with Unanswered. */
export function inDialogs(life: AbortSignal): Show {
  return (draw) =>
    new Promise((resolve, reject) => {
      const before = document.activeElement;
      const alive = new AbortController();
      let answered = false;
      const end = (): void => {
        alive.abort();
        if (dialog.open) dialog.close();
        dialog.remove();
        if (before instanceof HTMLElement && before.isConnected) before.focus();
        if (!answered) reject(new Unanswered());
      };
      const view = draw((value) => {
        answered = true;
        resolve(value);
        end();
      }, alive.signal);
      const id = `consent-dialog-${++count}`;
      const heading = h("h2", { id, class: "dialog__title", tabindex: -1 }, view.title);
      const picture = view.picture === undefined ? null : h("div", { class: "lobby__picture" }, icon(view.picture));
      // Not every device has an Escape key: whoever is asked can put it off as easily as answer.
      const later = h("button", { type: "button", class: "button button--quiet", onclick: () => dialog.close() }, t("Not now"));
      const dialog: HTMLDialogElement = h(
        "dialog",
        { class: "dialog consent-dialog", "aria-labelledby": id },
        h("div", { class: "lobby__heading" }, picture, heading),
        ...view.body,
        h("div", { class: "consent-dialog__out" }, later, exitRow()),
      );
      dialog.addEventListener("close", end, { signal: alive.signal });
      life.addEventListener("abort", end, { signal: alive.signal });
      document.body.append(dialog);
      dialog.showModal();
      heading.focus();
    });
}
