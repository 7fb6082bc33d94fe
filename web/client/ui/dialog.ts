/** A question that must be answered before anything else goes on. */
import { h } from "./dom";
import { exitRow } from "./exit";

export type Question = {
  readonly title: string;
  readonly body?: string;
  readonly confirm: string;
  readonly cancel: string;
  /** The answer cannot be taken back: the button says so by colour, and the safe answer has the focus. */
  readonly danger?: boolean;
};

let count = 0;

/** Resolves to true when confirmed; to false on cancel, Escape, or when the page takes the dialog away. */
export function confirmDialog(question: Question): Promise<boolean> {
  const id = `dialog-${++count}`;
  const before = document.activeElement;
  return new Promise((resolve) => {
    const button = (text: string, answer: string, look: string): HTMLButtonElement =>
      h("button", { type: "button", class: `button ${look}`, onclick: () => dialog.close(answer) }, text);
    const yes = button(question.confirm, "yes", question.danger ? "button--danger" : "button--main");
    const no = button(question.cancel, "no", "button--quiet");
    const described = question.body === undefined ? null : `${id}-body`;
    const dialog = h(
      "dialog",
      { class: "dialog", "aria-labelledby": `${id}-title`, "aria-describedby": described },
      h("h2", { id: `${id}-title`, class: "dialog__title" }, question.title),
      question.body ? h("p", { id: `${id}-body`, class: "dialog__body" }, question.body) : null,
      h("div", { class: "dialog__buttons" }, yes, no),
      exitRow(),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
    (question.danger ? no : yes).focus();
  });
}
