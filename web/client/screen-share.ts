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
  constructor() {
    super(null);
  }

  /** Phones have no such thing. */
  get isPossible(): boolean {
    return typeof navigator.mediaDevices?.getDisplayMedia === "function";
  }

  /** Asks the browser, which asks the person what to show. Throws a ShareFault. */
  async start(): Promise<void> {
    const track = await capture();
    // Letters before movement: sharp rather than fluent.
    track.contentHint = "detail";
    track.addEventListener("ended", () => this.value === track && this.set(null));
    this.stop();
    this.set(track);
  }

  stop(): void {
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
