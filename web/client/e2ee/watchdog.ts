// Whether all media really goes through the encrypting worker, judged from its counts and the browser's own.

/** A reading may fall between a frame that the browser counts and the moment when the worker gets it. */
const SLACK_FRAMES = 10;

/** Totals of one stream since it was attached. */
export interface StreamFigures {
  /** Frames that have come to the worker: done, refused and empty together. */
  readonly worker: number;
  /** The browser's own, see `browserFigure`. Read it **before** the worker's. */
  readonly browser: number;
}

export const NO_FIGURES: StreamFigures = { worker: 0, browser: 0 };

/** Whether media has passed the worker by between two readings, about two seconds apart: then it travels in the clear,
 * or was taken from somebody in the clear. A worker on a tired machine lags, so that fewer frames prove nothing; but a
 * stream that goes past it brings it none at all. Ask twice in a row before stopping anything. */
export function isBypassed(before: StreamFigures, now: StreamFigures): boolean {
  return now.worker === before.worker && now.browser - before.browser > SLACK_FRAMES;
}

/** Packets of audio (each is one frame of Opus), frames of video; null for entries of a report that say neither.
 * Chromium
 * counts a video frame as sent before the worker has seen it. Several layers are several entries: sum them. */
export function browserFigure(entry: Record<string, unknown>): number | null {
  const figure = (field: string): number => (typeof entry[field] === "number" ? entry[field] : 0);
  if (entry["type"] === "outbound-rtp") return figure(entry["kind"] === "video" ? "framesSent" : "packetsSent");
  if (entry["type"] !== "inbound-rtp") return null;
  return entry["kind"] === "video" ? figure("framesDecoded") : figure("packetsReceived") - figure("packetsDiscarded");
}
