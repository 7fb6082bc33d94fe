// How often a picture that should move has stood still: told from the number of its frames, once a second.

export interface Moving {
  readonly id: string;
  /** Decoded since it began. */
  readonly frames: number;
}

interface Known {
  readonly frames: number;
  /** Whether it had moved when it was last looked at. */
  readonly moved: boolean;
}

export class Freezes {
  #known: ReadonlyMap<string, Known> = new Map();

  /** How many pictures have begun to stand still since the last look. Give it only those that should move now: of one
   * that was not there the last time, nothing is known yet. */
  look(pictures: readonly Moving[]): number {
    let begun = 0;
    this.#known = new Map(
      pictures.map(({ id, frames }) => {
        const last = this.#known.get(id);
        const moved = last !== undefined && frames > last.frames;
        if (last?.moved && !moved) begun++;
        return [id, { frames, moved }];
      }),
    );
    return begun;
  }
}
