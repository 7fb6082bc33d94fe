// How often codes have not matched, over reloads.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { countedAt, Mismatches } from "../../web/client/e2ee/mismatches";

describe("mismatches of spoken codes", () => {
  it("are remembered over a reload", () => assert.deepEqual([0, 1, 2].map((kept) => countedAt(kept, false)), [0, 1, 2]));
  it("leave one attempt to whoever opens the link anew, and still the pause", () =>
    assert.deepEqual([0, 1, 2, 5].map((kept) => countedAt(kept, true)), [0, 1, 1, 1]));
  it("count in this page where a browser keeps nothing, and end when a code matches", async () => {
    const mismatches = new Mismatches("a0a0", false);
    assert.equal(await mismatches.count(), 0);
    await mismatches.add();
    await mismatches.add();
    assert.equal(await mismatches.count(), 2);
    await mismatches.clear();
    assert.equal(await mismatches.count(), 0);
  });
});
