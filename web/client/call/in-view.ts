/** Which pictures are looked at: not those that are scrolled away, and none while the whole page is. */

/** After so long out of sight a picture is no longer asked for: who scrolls past, or looks up something, waits for nothing. */
const AWAY_MS = 2_000;

export class InView {
  readonly #away = new Set<Element>();
  readonly #leaving = new Map<Element, ReturnType<typeof setTimeout>>();
  readonly #observer: IntersectionObserver;
  readonly #onChange: () => void;
  #pageAway = false;
  #pageLeaving: ReturnType<typeof setTimeout> | undefined;

  /** Calls back when something has come into sight, at once, or has gone, after a moment. Ends with `life`. */
  constructor(onChange: () => void, life: AbortSignal) {
    this.#onChange = onChange;
    this.#observer = new IntersectionObserver((entries) => {
      let came = false;
      for (const { target, isIntersecting } of entries) came = this.#seen(target, isIntersecting) || came;
      if (came) onChange();
    });
    for (const event of ["visibilitychange", "enterpictureinpicture", "leavepictureinpicture"])
      document.addEventListener(event, () => this.#lookAtPage(), { signal: life });
    life.addEventListener("abort", () => this.#stop());
    this.#lookAtPage();
  }

  watch(element: Element): void {
    this.#observer.observe(element);
  }

  forget(element: Element): void {
    this.#observer.unobserve(element);
    clearTimeout(this.#leaving.get(element));
    this.#leaving.delete(element);
    this.#away.delete(element);
  }

  /** True as long as nothing else is known. */
  of(element: Element): boolean {
    return !this.#pageAway && !this.#away.has(element);
  }

  /** Tells whether it has come back. */
  #seen(element: Element, inView: boolean): boolean {
    clearTimeout(this.#leaving.get(element));
    this.#leaving.delete(element);
    if (inView) return this.#away.delete(element);
    if (!this.#away.has(element)) this.#leaving.set(element, setTimeout(() => this.#gone(element), AWAY_MS));
    return false;
  }

  #gone(element: Element): void {
    this.#leaving.delete(element);
    this.#away.add(element);
    this.#onChange();
  }

  #lookAtPage(): void {
    clearTimeout(this.#pageLeaving);
    const away = isPageAway();
    if (away && !this.#pageAway) this.#pageLeaving = setTimeout(() => this.#turn(isPageAway()), AWAY_MS);
    else this.#turn(away);
  }

  #turn(away: boolean): void {
    if (this.#pageAway === away) return;
    this.#pageAway = away;
    this.#onChange();
  }

  #stop(): void {
    this.#observer.disconnect();
    clearTimeout(this.#pageLeaving);
    for (const timer of this.#leaving.values()) clearTimeout(timer);
  }
}

/** A browser that cannot say whether it shows a picture in a window of its own (Firefox) may be doing just that. */
function isPageAway(): boolean {
  return document.hidden && document.pictureInPictureElement === null;
}
