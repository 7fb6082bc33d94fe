// Which counters of one key were seen already: a sliding window, because frames arrive late and out of order.

const SIZE = 1024;

/** Pure state; counters are below 2^53. What fell out of the window counts as seen. */
export class ReplayWindow {
  readonly #seen = new Uint8Array(SIZE);
  #highest = -1;

  /** Whether the counter may still be accepted. */
  fresh(counter: number): boolean {
    if (counter > this.#highest) return true;
    return counter > this.#highest - SIZE && this.#seen[counter % SIZE] === 0;
  }

  /** Takes the counter; false when it had been taken before or is too old. Only for frames that were authentic. */
  take(counter: number): boolean {
    if (!this.fresh(counter)) return false;
    if (counter - this.#highest >= SIZE) this.#seen.fill(0);
    else for (let between = this.#highest + 1; between < counter; between++) this.#seen[between % SIZE] = 0;
    this.#seen[counter % SIZE] = 1;
    this.#highest = Math.max(this.#highest, counter);
    return true;
  }
}
