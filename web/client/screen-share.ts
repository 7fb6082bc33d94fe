// The screen, a window or a tab that this person shows to the others: opened by a press, ended by a press here or by the browser's own button.

import { Store } from "./store";

/** `denied`: the person, the browser or the system said no; which of them, browsers do not tell. */
export type ShareFaultCode = "denied" | "missing" | "failed";

export class ShareFault extends Error {
  constructor(readonly code: ShareFaultCode) {
    super(`screen: ${code}`);
    this.name = "ShareFault";
  }
}

const FAULTS: Record<string, ShareFaultCode> = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "missing",
  NotReadableError: "missing",
};

/** What is legible changes slowly; more would only take the line away from the voices. */
const CONSTRAINTS: DisplayMediaStreamOptions = {
  video: { width: { max: 1920 }, height: { max: 1080 }, frameRate: { ideal: 8, max: 10 } },
  audio: false,
};

/** The track that is shown, or null. */
export class ScreenShare extends Store<MediaStreamTrack | null> {
  #stops = 0;

  constructor() {
    super(null);
  }

  /** Phones have no such thing. */
  get isPossible(): boolean {
    return typeof navigator.mediaDevices?.getDisplayMedia === "function";
  }

  /** Asks the browser, which asks the person what to show; nothing where that is stopped before they have chosen. Throws a
   * ShareFault. */
  async start(): Promise<void> {
    const stops = this.#stops;
    const track = await capture();
    if (this.#stops !== stops) return track.stop();
    // Letters before movement: sharp rather than fluent.
    track.contentHint = "detail";
    track.addEventListener("ended", () => this.value === track && this.set(null));
    this.#end();
    this.set(track);
  }

  stop(): void {
    this.#stops += 1;
    this.#end();
  }

  #end(): void {
    const track = this.value;
    if (!track) return;
    track.stop();
    this.set(null);
  }
}

async function capture(): Promise<MediaStreamTrack> {
  let track: MediaStreamTrack | undefined;
  try {
    [track] = (await navigator.mediaDevices.getDisplayMedia(CONSTRAINTS)).getVideoTracks();
  } catch (error) {
    throw new ShareFault(FAULTS[(error as DOMException).name] ?? "failed");
  }
  if (!track) throw new ShareFault("failed");
  return track;
}
