import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { lineWords, weakLineWords } from "../../web/client/call/line-words";
import type { LineReport } from "../../web/client/line";

const GOOD: LineReport = {
  path: "udp",
  lost_up_permille: 0,
  lost_down_permille: 0,
  round_trip_ms: 40,
  jitter_ms: 5,
  up_kbps: 900,
  down_kbps: 900,
  available_down_kbps: 3_000,
  smaller: 0,
  held: 0,
  freezes: 0,
};
const ADVICE = /helps|Leave one another time/;

describe("what is said of one's own line", () => {
  it("always has advice when it is weak, and says which way it is weak", () => {
    const said = [
      null,
      GOOD,
      { ...GOOD, path: "tcp" as const },
      { ...GOOD, lost_up_permille: 120 },
      { ...GOOD, lost_down_permille: 120 },
      { ...GOOD, round_trip_ms: 900 },
      { ...GOOD, lost_up_permille: null, lost_down_permille: null, round_trip_ms: null },
    ].map(weakLineWords);
    for (const words of said) assert.match(words, ADVICE);
    assert.equal(new Set(said).size, 5);
    assert.equal(weakLineWords({ ...GOOD, path: "relay" }), weakLineWords({ ...GOOD, path: "tcp" }));
    assert.equal(weakLineWords({ ...GOOD, lost_up_permille: 120, lost_down_permille: 120 }), weakLineWords(null));
  });

  it("is plain when nothing is wrong, and says nothing before anything is known", () => {
    assert.deepEqual(lineWords(GOOD, false), ["Your connection is good."]);
    assert.deepEqual(lineWords(null, false), ["The connection is being measured."]);
    assert.deepEqual(lineWords({ ...GOOD, path: null }, true), ["The connection is being measured."]);
  });

  it("tells of a detour and of smaller pictures without calling the line weak", () => {
    const [good, ...more] = lineWords({ ...GOOD, path: "relay", smaller: 1 }, false);
    assert.equal(good, "Your connection is good.");
    assert.match(more[0]!, /smaller/);
    assert.match(more[1]!, /relay.*another network helps/);
    assert.match(lineWords({ ...GOOD, path: "tcp", held: 1, smaller: 2 }, false).join(" "), /left out.*TCP/);
  });
});
