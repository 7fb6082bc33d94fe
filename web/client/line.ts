// Whether one's own line is weak, told from single bad moments: what the others lose of ours, and how long an answer takes.

export interface LineSample {
  /** Share of one's own packets that the server missed since its last report; null before it has reported. */
  lostUp: number | null;
  /** Share that was missing of everything received; null when nothing is received. */
  lostDown: number | null;
  /** Seconds until an answer; null before there was one. */
  roundTrip: number | null;
}

/** What the server sees of one's line, and the way by which the browser has come. Shares are of the last few seconds. */
export interface LineReport {
  path: "udp" | "tcp" | "relay" | null;
  lost_up_permille: number | null;
  lost_down_permille: number | null;
  round_trip_ms: number | null;
  jitter_ms: number;
  up_kbps: number;
  down_kbps: number;
  available_down_kbps: number | null;
  /** Pictures that come smaller than their tiles would have them, and streams that do not come at all. */
  smaller: number;
  held: number;
  freezes: number;
}

export interface LineView {
  readonly weak: boolean;
  readonly trouble: number;
}

export const FINE: LineView = { weak: false, trouble: 0 };

const LOST = 0.06;
const SLOW_S = 0.6;
export const LOST_MUCH = 1_000 * LOST;
export const SLOW_MS = 1_000 * SLOW_S;
/** Samples are a second apart: about four bad ones in a row say it, about six good ones take it back. */
const WEIGHT = 0.25;
const SAY = 0.65;
const TAKE_BACK = 0.2;

/** The view after one more sample. */
export function afterSample(before: LineView, sample: LineSample): LineView {
  const bad = (sample.lostUp ?? 0) > LOST || (sample.lostDown ?? 0) > LOST || (sample.roundTrip ?? 0) > SLOW_S;
  const trouble = before.trouble + WEIGHT * ((bad ? 1 : 0) - before.trouble);
  return { weak: before.weak ? trouble > TAKE_BACK : trouble > SAY, trouble };
}
