import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { afterSample, FINE, type LineSample, type LineView } from "../../web/client/line";

const good: LineSample = { lostUp: 0.01, lostDown: 0, roundTrip: 0.08 };
const lossy: LineSample = { ...good, lostUp: 0.2 };
const slow: LineSample = { ...good, roundTrip: 1.5 };
const deaf: LineSample = { ...good, lostDown: 0.2 };
const silent: LineSample = { lostUp: null, lostDown: null, roundTrip: null };

const after = (samples: LineSample[], from: LineView = FINE): LineView => samples.reduce(afterSample, from);
const times = (count: number, sample: LineSample): LineSample[] => Array<LineSample>(count).fill(sample);

describe("one's own line", () => {
  it("is not called weak for a bad moment or two", () => {
    assert.equal(after(times(2, lossy)).weak, false);
    assert.equal(after([lossy, ...times(5, good), lossy]).weak, false);
  });

  for (const [name, sample] of Object.entries({ lossy, slow, deaf }))
    it(`is called weak when it stays ${name}`, () => {
      assert.equal(after(times(5, sample)).weak, true);
    });

  it("is fine again after a while, and not at the first good second", () => {
    const weak = after(times(10, lossy));
    assert.equal(after([good], weak).weak, true);
    assert.equal(after(times(8, good), weak).weak, false);
  });

  it("is not called weak before anybody knows anything", () => {
    assert.equal(after(times(20, silent)).weak, false);
  });
});
