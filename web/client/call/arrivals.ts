/** Every join rings and is shown, with the name from the key: nobody can come in unnoticed. */
import type { Devices } from "../devices";
import type { GroupView, Member } from "../e2ee/crypto";
import type { Encryption } from "../encryption";
import { playChime } from "../lobby/chime";
import { Store } from "../store";
import { t } from "../ui/i18n";
import { announce } from "../ui/live";

const SHOWN_MS = 12_000;

/** Also that the keys are new, which nobody in particular has brought about: without a seat. */
export interface Arrival {
  seat: string;
  device: string;
  words: string;
}

export class Arrivals {
  readonly shown = new Store<readonly Arrival[]>([]);
  /** Names by seat, as keys have said them in this call. */
  readonly names = new Map<string, string>();
  readonly #devices: Devices;
  readonly #stop: () => void;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  /** Devices by seat; null until this device has come in itself. */
  #known: Map<string, string> | null = null;
  #group: string | null = null;

  constructor(encryption: Encryption, devices: Devices) {
    this.#devices = devices;
    this.#stop = encryption.view.subscribe((view) => view && this.#look(view));
    if (encryption.view.value) this.#look(encryption.view.value);
  }

  stop(): void {
    this.#stop();
    for (const timer of this.#timers) clearTimeout(timer);
  }

  dismiss(arrival: Arrival): void {
    this.shown.set(this.shown.value.filter((one) => one !== arrival));
  }

  #look(view: GroupView): void {
    const others = view.members.filter((member) => member.leaf !== view.own);
    const before = this.#known;
    this.#known = new Map(others.map(({ seat, device }) => [seat, device]));
    for (const { seat, name } of others) this.names.set(seat, name);
    // Who was here already is on the tiles; a reload on either side is no arrival.
    if (before) for (const member of others) if (before.get(member.seat) !== member.device) this.#tell(member, before);
    const { group } = view;
    if (this.#group !== null && this.#group !== group)
      this.#show({ seat: "", device: "", words: t("The keys of this conversation were made anew, because a device of the team came back.") });
    this.#group = group;
  }

  #tell({ seat, device, name }: Member, before: ReadonlyMap<string, string>): void {
    const words = before.has(seat)
      ? t("{name} has joined from another device.", { name })
      : t("{name} has joined.", { name });
    this.#show({ seat, device, words });
    playChime(this.#devices.value.speaker).catch(() => undefined);
  }

  #show(arrival: Arrival): void {
    this.shown.set([...this.shown.value.filter((one) => one.seat !== arrival.seat), arrival]);
    announce(arrival.words);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.dismiss(arrival);
    }, SHOWN_MS);
    this.#timers.add(timer);
  }
}
