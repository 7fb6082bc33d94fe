// Who has been in this call before, and at which device, as this tab remembers them: they come back without asking. Another
// person at the same device does not.

import { isVerified, whoKey, type Who } from "./device";

export class KnownDevices {
  readonly #key: string;
  readonly #known: Set<string>;

  constructor(appointment: string) {
    this.#key = `poruch.known.${appointment}`;
    this.#known = new Set(read(this.#key));
  }

  add(people: readonly Who[]): void {
    if (people.every((who) => this.#known.has(whoKey(who)))) return;
    for (const who of people) this.#known.add(whoKey(who));
    try {
      sessionStorage.setItem(this.#key, JSON.stringify([...this.#known]));
    } catch {
      // After a reload they have to be let in again.
    }
  }

  /** Also somebody with whom a spoken code has matched at that device, on whatever day. */
  async has(who: Who): Promise<boolean> {
    return this.#known.has(whoKey(who)) || (await isVerified(who).catch(() => false));
  }
}

function read(key: string): string[] {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(key) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}
