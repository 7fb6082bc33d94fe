// Whether all media really goes through the encrypting worker, judged from its counts and the browser's own.

/** Browsers count a frame or two differently at the edges, never more and more of them. */
const SLACK = 5;

export interface StreamFigures {
  /** Frames that the worker has handled: sealed, or opened and refused together; zero-length ones too. */
  readonly worker: number;
  /** The browser's: packets of audio, frames of video that were sent, or received and decoded. Read **before** the
   * worker's. */
  readonly browser: number;
}

/** Whether frames passed the worker by, since the stream began: one packet of Opus is one frame. More than a few mean
 * that media travels in the clear, and its track has to be stopped. Fewer in the browser than in the worker: no harm. */
export const isBypassed = ({ worker, browser }: StreamFigures): boolean => browser > worker + SLACK;

/** What one entry of a statistics report says of a stream; null for entries that say nothing. `rid` layers are
 * summed by the caller. */
export function browserFigure(entry: Record<string, unknown>): number | null {
  const figure = (field: string): number => (typeof entry[field] === "number" ? entry[field] : 0);
  if (entry["type"] === "outbound-rtp") return figure(entry["kind"] === "video" ? "framesSent" : "packetsSent");
  if (entry["type"] !== "inbound-rtp") return null;
  return entry["kind"] === "video" ? figure("framesDecoded") : figure("packetsReceived") - figure("packetsDiscarded");
}
