// Whether all media really goes through the encrypting worker, judged from its counts and the browser's own.

/** A busy worker lags behind by a few frames, and browsers count some packets twice. */
const SLACK_FRAMES = 10;
const SLACK_SHARE = 0.25;

/** Totals of one stream since it was attached. */
export interface StreamFigures {
  /** Frames that have come to the worker: done, refused and empty together. */
  readonly worker: number;
  /** The browser's own, see `browserFigure`. Read it **before** the worker's. */
  readonly browser: number;
}

export const NO_FIGURES: StreamFigures = { worker: 0, browser: 0 };

/** Whether media has passed the worker by between two readings, about two seconds apart: then it travels in the clear,
 * or was taken from somebody in the clear, and the track has to be stopped. More in the worker does no harm. */
export function isBypassed(before: StreamFigures, now: StreamFigures): boolean {
  const seen = now.browser - before.browser;
  const missed = seen - (now.worker - before.worker);
  return missed > Math.max(SLACK_FRAMES, seen * SLACK_SHARE);
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
