// The voices of the others: one audio element for each, on the chosen speaker, unlocked by a tap where the browser wants one.

import type { Devices } from "./devices";
import type { MediaSession } from "./session";
import { Store } from "./store";
import { h } from "./ui/dom";

export class Sound {
  /** The browser plays nothing before the person has touched the page. */
  readonly blocked = new Store(false);

  /** In the page, so that the quick exit finds every voice. */
  readonly #shelf = h("div", { hidden: true });
  readonly #elements = new Map<string, HTMLAudioElement>();
  readonly #stops: (() => void)[];
  readonly #devices: Devices;

  constructor(session: MediaSession, devices: Devices) {
    this.#devices = devices;
    document.body.append(this.#shelf);
    this.#stops = [
      session.streams.subscribe((streams) => {
        const voices = streams.filter((stream) => stream.kind === "audio");
        for (const id of this.#elements.keys()) if (!voices.some((voice) => voice.producerId === id)) this.#remove(id);
        for (const voice of voices) if (!this.#elements.has(voice.producerId)) this.#add(voice.producerId, voice.track);
      }),
      devices.subscribe(({ speaker }) => {
        for (const element of this.#elements.values()) this.#route(element, speaker);
      }),
    ];
    document.addEventListener("visibilitychange", this.unlock);
  }

  /** Call it from a tap. */
  readonly unlock = (): void => {
    void Promise.allSettled([...this.#elements.values()].map((element) => element.play())).then((results) => {
      this.blocked.set(results.some((result) => result.status === "rejected" && isRefusal(result.reason)));
    });
  };

  stop(): void {
    document.removeEventListener("visibilitychange", this.unlock);
    for (const stop of this.#stops) stop();
    for (const id of [...this.#elements.keys()]) this.#remove(id);
    this.#shelf.remove();
  }

  #add(id: string, track: MediaStreamTrack): void {
    const element = h("audio", { srcObject: new MediaStream([track]) });
    this.#shelf.append(element);
    this.#elements.set(id, element);
    this.#route(element, this.#devices.value.speaker);
    element.play().catch((error: unknown) => {
      if (isRefusal(error)) this.blocked.set(true);
    });
  }

  #remove(id: string): void {
    const element = this.#elements.get(id);
    this.#elements.delete(id);
    element?.pause();
    if (element) element.srcObject = null;
    element?.remove();
  }

  #route(element: HTMLAudioElement, speaker: string): void {
    if (!this.#devices.canChooseSpeaker) return;
    // An unplugged speaker is refused; the system's own choice then stays.
    element.setSinkId(speaker).catch(() => undefined);
  }
}

const isRefusal = (error: unknown): boolean => error instanceof DOMException && error.name === "NotAllowedError";
