/** How tall each person's picture stands on the screen, so that nobody is sent a larger one than is looked at. */

export type Rank = "pinned" | "speaker" | "grid" | "hidden";

export interface Shown {
  /** In pixels of the screen, in steps: a window that is drawn larger asks a few times, not with every pixel. */
  height: number;
  rank: Rank;
}

/** What the tile of a person's screen is called, beside the one of their camera, which is called by the seat. */
export const screenKey = (seat: string): string => `${seat} screen`;

const STEP = 90;

/** The height to ask for, for an element of so many CSS pixels. */
export function steps(cssHeight: number, pixelRatio: number): number {
  return Math.ceil((cssHeight * pixelRatio) / STEP) * STEP;
}

export function same(one: ReadonlyMap<string, Shown> | null, other: ReadonlyMap<string, Shown>): boolean {
  if (one?.size !== other.size) return false;
  return [...other].every(([seat, { height, rank }]) => {
    const shown = one.get(seat);
    return shown?.height === height && shown.rank === rank;
  });
}

/** Watches elements and calls back when one of them has become taller or smaller by a step. */
export class Sizes {
  readonly #heights = new Map<Element, number>();
  readonly #observer: ResizeObserver;

  constructor(onChange: () => void) {
    this.#observer = new ResizeObserver((entries) => {
      let changed = false;
      for (const { target, contentRect } of entries) {
        const height = steps(contentRect.height, devicePixelRatio);
        if (this.#heights.get(target) === height) continue;
        this.#heights.set(target, height);
        changed = true;
      }
      if (changed) onChange();
    });
  }

  watch(element: Element): void {
    this.#observer.observe(element);
  }

  forget(element: Element): void {
    this.#observer.unobserve(element);
    this.#heights.delete(element);
  }

  /** 0 while it is not known. */
  of(element: Element): number {
    return this.#heights.get(element) ?? 0;
  }
}
