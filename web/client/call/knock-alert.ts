/** Calls the host to the door: a sound, the page's title, and words for the screen reader, while somebody waits. */
import type { Devices } from "../devices";
import { playChime } from "../lobby/chime";
import type { Person } from "../types";
import { t } from "../ui/i18n";
import { announce } from "../ui/live";

const AGAIN_MS = 30_000;

export class KnockAlert {
  readonly #devices: Devices;
  readonly #title: () => string;
  #known = new Set<string>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(devices: Devices, title: () => string) {
    this.#devices = devices;
    this.#title = title;
  }

  update(waiting: readonly Person[]): void {
    const keys = new Set(waiting.map((person) => `${person.seat} ${person.knock_since}`));
    const fresh = waiting.filter((person) => !this.#known.has(`${person.seat} ${person.knock_since}`));
    this.#known = keys;
    document.title = waiting.length > 0 ? `(${waiting.length}) ${t("Somebody is waiting")}` : this.#title();
    if (fresh.length > 0) {
      this.#ring();
      for (const { name } of fresh) announce(t("{name} is waiting to be let in.", { name }), "assertive");
    }
    if (waiting.length > 0) this.#timer ??= setInterval(() => this.#ring(), AGAIN_MS);
    else this.stop();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #ring(): void {
    // Where the browser keeps silent until a tap, the title and the banner still say it.
    playChime(this.#devices.value.speaker).catch(() => undefined);
  }
}
