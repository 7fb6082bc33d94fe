// In the place of web/client/e2ee/keys.ts: the same key ring, which also hands its keys to whoever seals and opens frames in another process.

import { KeyRing as RealKeyRing, type EpochKeys } from "../../../web/client/e2ee/keys";
import { toBase64url } from "../../../web/client/e2ee/bytes";

export * from "../../../web/client/e2ee/keys";

export type Told =
  | { readonly what: "installed"; readonly epoch: number; readonly key: string; readonly seats: object; readonly own: number }
  | { readonly what: "reseated"; readonly seats: object }
  | { readonly what: "sending"; readonly epoch: number }
  | { readonly what: "cleared" };

let listener: (told: Told) => void = () => undefined;

/** The key ring that is made next tells this listener. */
export function tellNext(next: (told: Told) => void): void {
  listener = next;
}

export class KeyRing extends RealKeyRing {
  readonly #tell = listener;

  override install(keys: EpochKeys, now: number): void {
    super.install(keys, now);
    const { epoch, baseKey, seats, own } = keys;
    this.#tell({ what: "installed", epoch, key: toBase64url(baseKey), seats: Object.fromEntries(seats), own });
  }

  override reseat(seats: ReadonlyMap<number, string>): void {
    super.reseat(seats);
    this.#tell({ what: "reseated", seats: Object.fromEntries(seats) });
  }

  override async switchSending(epoch: number): Promise<void> {
    const before = this.sending;
    await super.switchSending(epoch);
    if (this.sending !== null && this.sending !== before) this.#tell({ what: "sending", epoch: this.sending.epoch });
  }

  override clear(): void {
    super.clear();
    this.#tell({ what: "cleared" });
  }
}
