/** What must be noticed during the call, above the pictures: each with words, a picture, and often a button. */
import { fill, h } from "../ui/dom";
import { icon, type IconName } from "../ui/icons";
import { announce } from "../ui/live";

export interface Banner {
  key: string;
  words: string;
  picture: IconName;
  tone: "plain" | "warn" | "stop";
  /** Read out when it appears; leave it out for what is announced elsewhere. */
  spoken?: boolean;
  buttons?: { key: string; words: string; main?: boolean; onPress: () => unknown }[];
}

export class Banners {
  readonly element = h("div", { class: "banners" });
  #shown = "";
  #keys = new Set<string>();

  update(banners: readonly Banner[]): void {
    const state = JSON.stringify(banners);
    if (state === this.#shown) return;
    this.#shown = state;
    const focused = this.element.contains(document.activeElement)
      ? (document.activeElement as HTMLElement).dataset["key"]
      : undefined;
    fill(this.element, ...banners.map(draw));
    if (focused !== undefined) this.element.querySelector<HTMLElement>(`[data-key="${focused}"]`)?.focus();
    for (const banner of banners) if (banner.spoken && !this.#keys.has(banner.key)) announce(banner.words);
    this.#keys = new Set(banners.map((banner) => banner.key));
  }
}

function draw(banner: Banner): HTMLElement {
  const buttons = (banner.buttons ?? []).map(({ key, words, main, onPress }) =>
    h(
      "button",
      {
        type: "button",
        class: main ? "button button--main" : "button",
        "data-key": key,
        onclick: () => void onPress(),
      },
      words,
    ),
  );
  return h(
    "div",
    { class: `banner banner--${banner.tone}`, "data-banner": banner.key },
    icon(banner.picture),
    h("p", { class: "banner__words" }, banner.words),
    buttons.length > 0 && h("div", { class: "banner__buttons" }, ...buttons),
  );
}
