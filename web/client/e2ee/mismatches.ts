// How often spoken codes have not matched in one conversation, as this device remembers it: a reload forgets nothing.

import { keepMismatches, keptMismatches } from "./device";

/** One may be a slip of the tongue: media pauses until another code matches. The second stops. */
export const MOST_MISMATCHES = 2;

/** How many count when the page comes: a reload changes nothing, but whoever opens the link anew may try once more, with
 * nothing sent or shown before a code has matched. Pure. */
export function countedAt(kept: number, anew: boolean): number {
  return anew ? Math.min(kept, MOST_MISMATCHES - 1) : kept;
}

export class Mismatches {
  readonly #place: string;
  readonly #anew: boolean;
  #count: Promise<number> | null = null;

  /** `place`: the token of the link, which the server cannot rename; for staff the appointment. */
  constructor(place: string, anew = isOpenedAnew()) {
    this.#place = place;
    this.#anew = anew;
  }

  /** Where a browser keeps nothing, 0 after a reload. */
  count(): Promise<number> {
    this.#count ??= keptMismatches(this.#place).then(
      (kept) => countedAt(kept, this.#anew),
      () => 0,
    );
    return this.#count;
  }

  async add(): Promise<void> {
    await this.#keep((await this.count()) + 1);
  }

  /** A code has matched. */
  async clear(): Promise<void> {
    await this.#keep(0);
  }

  async #keep(count: number): Promise<void> {
    this.#count = Promise.resolve(count);
    await keepMismatches(this.#place, count).catch(() => undefined);
  }
}

function isOpenedAnew(): boolean {
  const [entry] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  return entry?.type === "navigate";
}
