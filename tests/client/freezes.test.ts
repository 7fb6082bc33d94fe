import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Freezes } from "../../web/client/freezes";

const look = (freezes: Freezes, frames: Record<string, number>): number =>
  freezes.look(Object.entries(frames).map(([id, count]) => ({ id, frames: count })));

describe("a picture that stands still", () => {
  it("is counted once, and again when it has moved in between", () => {
    const freezes = new Freezes();
    const counted = [0, 30, 60, 60, 60, 75, 90, 90].map((count) => look(freezes, { ann: count }));
    assert.deepEqual(counted, [0, 0, 0, 1, 0, 0, 0, 1]);
  });

  it("is told apart from one that has not begun, and from one that was not to be seen", () => {
    const freezes = new Freezes();
    assert.equal(look(freezes, { ann: 0 }) + look(freezes, { ann: 0 }) + look(freezes, { ann: 0 }), 0);
    assert.equal(look(freezes, { ann: 30 }) + look(freezes, {}) + look(freezes, { ann: 30 }), 0);
  });

  it("is counted for each person", () => {
    const freezes = new Freezes();
    look(freezes, { ann: 0, bob: 0 });
    look(freezes, { ann: 9, bob: 9 });
    assert.equal(look(freezes, { ann: 9, bob: 9 }), 2);
  });
});
