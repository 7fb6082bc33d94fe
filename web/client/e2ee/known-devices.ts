// Devices that have been in this call before, as this tab remembers them: they come back without asking.

import { isVerified } from "./device";

export class KnownDevices {
  readonly #key: string;
  readonly #known: Set<string>;

  constructor(appointment: string) {
    this.#key = `poruch.known.${appointment}`;
    this.#known = new Set(read(this.#key));
  }

  add(devices: readonly string[]): void {
    if (devices.every((device) => this.#known.has(device))) return;
    for (const device of devices) this.#known.add(device);
    try {
      sessionStorage.setItem(this.#key, JSON.stringify([...this.#known]));
    } catch {
      // After a reload they have to be let in again.
    }
  }

  /** Also a device with which a spoken code has matched, on whatever day. */
  async has(device: string): Promise<boolean> {
    return this.#known.has(device) || (await isVerified(device).catch(() => false));
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
