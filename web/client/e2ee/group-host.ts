// What stands between a group and its page: how far the group is, and what the page lends to it.

import type { ReceivedMessage } from "./crypto";
import type { Who } from "./device";

export type GroupStage =
  /** This device has no keys yet; `late` when nobody has added it for a while. */
  | { readonly name: "asking"; readonly late: boolean }
  | { readonly name: "in" }
  /** Nothing is sent any more and nothing comes in. `reason` is a code. */
  | { readonly name: "stopped"; readonly reason: string };

/** What the page lends to the group. */
export interface GroupHost {
  /** Whether the organisation has certified this device: those who come later then wait for it to add them. */
  readonly certified: boolean;
  readonly heard: (message: ReceivedMessage) => void;
  /** Learns revocations and secrets that have come since. */
  readonly renew: () => Promise<void>;
  /** Who was in this call with a person's or a key's consent, at which device; kept over a reload. */
  readonly known: { has(who: Who): Promise<boolean>; add(people: readonly Who[]): void };
}
