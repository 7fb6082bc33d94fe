/** The row of buttons under the call: picture and words on each, the state in words as well. */
import { fill, h, setText } from "../ui/dom";
import { icon, type IconName } from "../ui/icons";

export interface ControlView {
  /** What it is about. */
  words: string;
  /** How it stands, below the words; "" where there is nothing to say. */
  state: string;
  picture: IconName;
  pressed?: boolean;
  expanded?: boolean;
  alert?: boolean;
}

/** A button whose words and state change while the button, and the focus on it, stay. */
export class Control {
  readonly element: HTMLButtonElement;
  readonly #words = h("span", { class: "control__words" });
  readonly #state = h("span", { class: "control__state" });
  readonly #picture = h("span", { class: "control__picture" });
  #icon: IconName | null = null;

  constructor(key: string, shortcut: string | null, onPress: () => void, tone: "plain" | "danger" = "plain") {
    this.element = h(
      "button",
      {
        type: "button",
        class: `control control--${tone}`,
        "data-key": key,
        "aria-keyshortcuts": shortcut,
        onclick: onPress,
      },
      this.#picture,
      this.#words,
      " ",
      this.#state,
    );
  }

  update(view: ControlView): void {
    setText(this.#words, view.words);
    setText(this.#state, view.state);
    if (view.picture !== this.#icon) fill(this.#picture, icon((this.#icon = view.picture)));
    mark(this.element, "aria-pressed", view.pressed);
    mark(this.element, "aria-expanded", view.expanded);
    this.element.classList.toggle("control--alert", view.alert === true);
  }
}

function mark(element: Element, attribute: string, value: boolean | undefined): void {
  if (value === undefined) element.removeAttribute(attribute);
  else element.setAttribute(attribute, String(value));
}
