/** The frame of every lobby page: language and quick exit above, one thing in the middle, the phone number below. */
import { fill, h, type Child } from "../ui/dom";
import { quickExitButton, watchExitKeys } from "../ui/exit";
import { language, languages, rememberLanguage, setLanguage, t } from "../ui/i18n";
import { icon, type IconName } from "../ui/icons";
import { prepareAnnouncements } from "../ui/live";

/** One page: a heading that takes the focus, and what stands under it. */
export type View = {
  readonly title: string;
  readonly picture?: IconName;
  readonly body: readonly Child[];
};

/** Draws a page. `alive` ends when the page goes or is drawn anew in another language. */
export type Draw<T> = (done: (value: T) => void, alive: AbortSignal) => View;

export class Frame {
  readonly #screen: HTMLElement;
  readonly #phone: string;
  readonly #signal: AbortSignal;

  /** Once `signal` is aborted no page is shown any more, and whoever waits for an answer gets the signal's reason. */
  constructor(screen: HTMLElement, phone: string, signal: AbortSignal) {
    this.#screen = screen;
    this.#phone = phone;
    this.#signal = signal;
    prepareAnnouncements();
  }

  /** Shows one page until it is answered. */
  show<T>(draw: Draw<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let page = new AbortController();
      const leave = (): void => {
        page.abort();
        this.#signal.removeEventListener("abort", stopped);
      };
      const stopped = (): void => {
        leave();
        reject(this.#signal.reason);
      };
      const done = (value: T): void => {
        leave();
        resolve(value);
      };
      const render = (): HTMLElement => {
        page.abort();
        page = new AbortController();
        return this.#put(draw(done, page.signal), () => render(), page.signal);
      };
      if (this.#signal.aborted) {
        stopped();
        return;
      }
      this.#signal.addEventListener("abort", stopped);
      render().focus();
    });
  }

  #put(view: View, redraw: () => void, alive: AbortSignal): HTMLElement {
    // Which page it is stays out of the title: whoever looks over a shoulder or into the history reads nothing there.
    document.title = t("Video conversation");
    const heading = h("h1", { tabindex: -1, class: "lobby__title" }, view.title);
    const head = h("header", { class: "lobby__head" }, languageSwitch(redraw), quickExitButton());
    const foot = this.#phone === "" ? null : h("footer", { class: "lobby__foot" }, phoneLink(this.#phone));
    const picture = view.picture === undefined ? null : h("div", { class: "lobby__picture" }, icon(view.picture));
    const top = h("div", { class: "lobby__heading" }, picture, heading);
    const main = h("main", { class: "lobby__main" }, top, ...view.body);
    const page = h("div", { class: "lobby" }, head, main, foot);
    fill(this.#screen, page);
    keepWaysOutInSight(page, head, foot, alive);
    watchExitKeys(alive);
    scrollTo(0, 0);
    return heading;
  }
}

/** The quick exit and the phone number do not scroll away, unless text is so large that they would fill the screen. */
function keepWaysOutInSight(page: HTMLElement, head: HTMLElement, foot: HTMLElement | null, alive: AbortSignal): void {
  const measure = (): void => {
    const taken = head.offsetHeight + (foot?.offsetHeight ?? 0);
    page.classList.toggle("lobby--roomy", taken < innerHeight * 0.3);
  };
  measure();
  addEventListener("resize", measure, { signal: alive });
}

function languageSwitch(redraw: () => void): HTMLElement {
  const buttons = languages().map(({ code, name }) =>
    h(
      "button",
      {
        type: "button",
        lang: code,
        class: "lobby__language",
        "aria-pressed": String(code === language()),
        "data-language": code,
        onclick: async () => {
          await setLanguage(code);
          rememberLanguage(code);
          redraw();
          document.querySelector<HTMLElement>(`.lobby__language[data-language="${code}"]`)?.focus();
        },
      },
      // A narrow screen shows only the beginning.
      h("span", null, name.slice(0, 3)),
      h("span", { class: "lobby__language-rest" }, name.slice(3)),
    ),
  );
  return h("div", { role: "group", "aria-label": t("Language"), class: "lobby__languages" }, ...buttons);
}

/** The way out for anything that goes wrong: a number to touch. */
export function phoneLink(phone: string, text?: string): HTMLElement {
  return h(
    "a",
    { class: "lobby__phone", href: `tel:${phone.replace(/[^\d+]/g, "")}` },
    icon("phone"),
    h("span", null, text ?? t("Help by phone:"), " ", h("strong", null, phone)),
  );
}

/** The one big button of a page. */
export function mainButton(text: string, onclick: () => void, picture?: IconName): HTMLButtonElement {
  const drawn = picture === undefined ? null : icon(picture);
  return h("button", { type: "button", class: "lobby__button", onclick }, drawn, h("span", null, text));
}

/** Another way on, less loud. */
export function quietButton(text: string, onclick: () => void, picture?: IconName): HTMLButtonElement {
  const button = mainButton(text, onclick, picture);
  button.classList.add("lobby__button--quiet");
  return button;
}

export function buttons(...children: Child[]): HTMLElement {
  return h("div", { class: "lobby__buttons" }, ...children);
}

export function text(words: string): HTMLElement {
  return h("p", { class: "lobby__text" }, words);
}

/** Steps in their order; a single one is a plain sentence. */
export function steps(lines: readonly string[]): HTMLElement {
  if (lines.length === 1) return text(lines[0] ?? "");
  return h("ol", { class: "lobby__steps" }, ...lines.map((line) => h("li", null, line)));
}

/** Something to notice, by picture and words, never by colour alone. */
export function notice(words: string, picture: IconName = "warning"): HTMLElement {
  return h("div", { class: "lobby__notice" }, icon(picture), h("p", null, words));
}
