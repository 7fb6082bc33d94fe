import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { arrange, initials, rankOf, signers, tiled } from "../../web/client/call/arrangement";
import type { Person, PersonPhase } from "../../web/client/types";

const person = (seat: string, phase: PersonPhase, since: string | null): Person => ({
  seat,
  name: seat,
  role: "client",
  phase,
  since,
  with_helper: null,
  knock: null,
  knock_since: null,
  admitted_by: null,
  muted_by_host: false,
  abilities: { audio: true, video: true, vp9: true },
  consent: null,
  took_back: false,
  stopped: [],
  waits_for: [],
});

describe("the tiles", () => {
  it("are for whoever is present or lost, by arrival, oneself last", () => {
    const people = [
      person("me", "in", "2026-11-21T14:00:00.000Z"),
      person("late", "in", "2026-11-21T14:05:00.000Z"),
      person("lost", "lost", "2026-11-21T14:01:00.000Z"),
      person("waiting", "waiting", "2026-11-21T14:02:00.000Z"),
      person("gone", "left", "2026-11-21T14:03:00.000Z"),
      person("expected", "expected", null),
    ];
    assert.deepEqual(tiled(people, "me").map(({ seat }) => seat), ["lost", "late", "me"]);
  });

  it("keep people who arrived at the same moment in one order", () => {
    const at = "2026-11-21T14:00:00.000Z";
    const once = tiled([person("b", "in", at), person("a", "in", at)], "me");
    const again = tiled([person("a", "in", at), person("b", "in", at)], "me");
    assert.deepEqual(once, again);
  });
});

describe("the arrangement", () => {
  const seats = ["a", "b", "me"];

  it("shows all alike in the grid", () => {
    assert.deepEqual(arrange(seats, "me", "grid", null, "b"), { stage: [], rest: seats });
  });

  it("makes whoever speaks large, and the first of the others before anybody spoke", () => {
    assert.deepEqual(arrange(seats, "me", "speaker", null, "b"), { stage: ["b"], rest: ["a", "me"] });
    assert.deepEqual(arrange(seats, "me", "speaker", null, null).stage, ["a"]);
  });

  it("never makes oneself large for speaking", () => {
    assert.deepEqual(arrange(seats, "me", "speaker", null, "me").stage, ["a"]);
  });

  it("lets a pin win over whoever speaks, also in the grid", () => {
    assert.deepEqual(arrange(seats, "me", "speaker", "a", "b").stage, ["a"]);
    assert.deepEqual(arrange(seats, "me", "grid", "b", null).stage, ["b"]);
  });

  it("makes a screen that is shown large, unless something is pinned", () => {
    const screens = ["a screen"];
    assert.deepEqual(arrange(seats, "me", "grid", null, "b", screens), { stage: screens, rest: seats });
    assert.deepEqual(arrange(seats, "me", "speaker", "b", null, screens), { stage: ["b"], rest: ["a screen", "a", "me"] });
  });

  it("forgets a pin on somebody who has gone", () => {
    assert.deepEqual(arrange(seats, "me", "grid", "gone", null), { stage: [], rest: seats });
  });

  it("leaves somebody alone in the grid", () => {
    assert.deepEqual(arrange(["me"], "me", "speaker", null, null), { stage: [], rest: ["me"] });
  });
});

describe("initials", () => {
  it("are the first and the last word's", () => {
    assert.equal(initials("Марія Коваль"), "МК");
    assert.equal(initials("  анна марія  де ла круз "), "АК");
    assert.equal(initials("Оля"), "О");
    assert.equal(initials(""), "");
  });
});

describe("who comes first where pictures come before sound", () => {
  const since = "2026-11-21T14:00:00.000Z";
  const as = (seat: string, role: Person["role"]): Person => ({ ...person(seat, "in", since), role });
  const people = [as("manager", "case_manager"), as("hands", "interpreter"), as("client", "client")];
  const ranks = (pinned: string | null, first: readonly string[]): string[] =>
    people.map(({ seat }) => rankOf(seat, arrange([], "client", "grid", pinned, null), pinned, "manager", first));

  it("is the interpreter, who is silent and whom nobody need have made larger", () => {
    assert.deepEqual(signers(people, "client"), ["hands"]);
    assert.deepEqual(ranks(null, signers(people, "client")), ["speaker", "pinned", "grid"]);
  });

  it("is the client, where one is the interpreter oneself", () => {
    assert.deepEqual(signers(people, "hands"), ["client"]);
  });

  it("is whoever was made larger, and then nobody else", () => {
    assert.deepEqual(ranks("client", signers(people, "manager")), ["speaker", "grid", "pinned"]);
  });

  it("is who speaks, where nobody signs and for everybody who hears", () => {
    assert.deepEqual(ranks(null, []), ["speaker", "grid", "grid"]);
  });
});
