// Which streams can be read at this moment, from the worker's counts. Pure.

import type { Counts } from "./crypto";

interface Last {
  readonly done: number;
  readonly refused: number;
  readonly open: boolean;
}

export class Reading {
  #last = new Map<number, Last>();

  /** The streams whose latest frames opened. One that merely pauses stays as it was. */
  update(counts: Counts): ReadonlySet<number> {
    const now = new Map<number, Last>();
    for (const [id, { done, refused: reasons }] of Object.entries(counts)) {
      const refused = Object.values(reasons).reduce((total, one) => total + one, 0);
      const last = this.#last.get(Number(id)) ?? { done: 0, refused: 0, open: false };
      const open = done > last.done || (refused === last.refused && last.open);
      now.set(Number(id), { done, refused, open });
    }
    this.#last = now;
    return new Set([...now].filter(([, { open }]) => open).map(([id]) => id));
  }
}
