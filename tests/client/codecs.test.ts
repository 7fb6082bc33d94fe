import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { allTakeVp9, CODECS, isVp9 } from "../../web/client/codecs";
import type { Person, PersonPhase } from "../../web/client/types";

const person = (phase: PersonPhase, vp9: boolean): Person => ({
  seat: phase,
  name: "",
  role: "lawyer",
  phase,
  since: null,
  with_helper: null,
  knock: null,
  knock_since: null,
  admitted_by: null,
  muted_by_host: false,
  abilities: { audio: true, video: true, vp9 },
  consent: null,
  took_back: false,
  stopped: [],
  waits_for: [],
});

describe("a screen in VP9", () => {
  it("is for a room in which everybody takes it", () => {
    assert.ok(allTakeVp9([person("in", true), person("in", true)]));
    assert.ok(!allTakeVp9([person("in", true), person("in", false)]));
  });

  it("counts who was lost a moment ago, and nobody who is not there", () => {
    assert.ok(!allTakeVp9([person("in", true), person("lost", false)]));
    for (const phase of ["expected", "waiting", "left", "removed"] as const)
      assert.ok(allTakeVp9([person("in", true), person(phase, false)]), phase);
  });

  it("is told from other codecs by its name alone", () => {
    assert.deepEqual(["video/VP9", "video/vp9", "video/VP8"].map((mimeType) => isVp9({ mimeType })), [true, true, false]);
    assert.ok(!isVp9(undefined));
    assert.ok(!CODECS.has("video/h264"));
  });
});
