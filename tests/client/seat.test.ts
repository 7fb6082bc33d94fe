import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { readClaim } from "../../web/client/seat";
import { Store, until } from "../../web/client/store";

describe("the address", () => {
  it("says which invitation, entry code or appointment it is", () => {
    assert.deepEqual(readClaim("#i=abc-_1"), { link: "abc-_1" });
    assert.deepEqual(readClaim("#c=code.sig"), { code: "code.sig" });
    assert.deepEqual(readClaim("#a=0c9e11aa22bb33cc"), { appointment: "0c9e11aa22bb33cc" });
  });

  it("says nothing where nothing is", () => {
    for (const fragment of ["", "#", "#i=", "#x=1", "#i"]) assert.equal(readClaim(fragment), null);
  });
});

describe("waiting for a value", () => {
  it("ends at once when it is there already", async () => {
    assert.equal(await until(new Store(3), (value) => value > 2, new AbortController().signal), 3);
  });

  it("ends with the first value that fits", async () => {
    const store = new Store(0);
    const waited = until(store, (value) => value > 1, new AbortController().signal);
    for (const value of [1, 2, 3]) store.set(value);
    assert.equal(await waited, 2);
  });

  it("ends with the reason for which it was given up", async () => {
    const giveUp = new AbortController();
    const waited = until(new Store(0), (value) => value > 1, giveUp.signal);
    giveUp.abort(new Error("closed"));
    await assert.rejects(waited, /closed/);
  });
});
