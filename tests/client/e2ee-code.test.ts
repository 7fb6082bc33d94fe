import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { toBase64url } from "../../web/client/e2ee/bytes";
import {
  choose,
  choosingHears,
  CodeError,
  MOST_COMMITMENTS,
  readStep,
  showingHears,
  startChoosing,
  startShowing,
  type Choosing,
  type Code,
  type CodeStep,
  type CodeSubject,
  type Showing,
} from "../../web/client/e2ee/code";
import { bytes } from "./e2ee-people";

const SUBJECT: CodeSubject = {
  group: "g",
  epoch: 4,
  authenticator: "a",
  showing: { seat: "p", device: "dp" },
  choosing: { seat: "c", device: "dc" },
};

const wrong = (code: CodeError["code"]) => (error: unknown) => error instanceof CodeError && error.code === code;

type ShowingNow = Extract<Showing, { phase: "showing" }>;
type ChoosingNow = Extract<Choosing, { phase: "choosing" }>;

/** One round up to the choice, each end with its own view of the call. */
async function round(number = 1, seen: CodeSubject = SUBJECT): Promise<{ showing: ShowingNow; choosing: ChoosingNow }> {
  const shower = await startShowing(SUBJECT, number);
  const chooser = await startChoosing(seen, shower.send, 0);
  const answered = await showingHears(shower.state, chooser.send);
  const choosing = await choosingHears(chooser.state, answered.send!);
  return { showing: answered.state as ShowingNow, choosing: choosing as ChoosingNow };
}

describe("the spoken code", () => {
  it("is the same at both ends, and one of three to choose from", async () => {
    const { showing, choosing } = await round();
    assert.equal(showing.code.length, 4);
    assert.deepEqual(choosing.code, showing.code);
    assert.equal(choosing.choices.length, 3);
    assert.equal(new Set(choosing.choices.map(String)).size, 3);
    assert.ok(choosing.choices.map(String).includes(String(showing.code)));
  });

  it("verifies both ends when the right one is picked", async () => {
    const { showing, choosing } = await round();
    const { state, send } = choose(choosing, showing.code);
    assert.deepEqual(state, { phase: "ended", round: 1, outcome: "verified" });
    const told = await showingHears(showing, send);
    assert.deepEqual(told.state, { phase: "ended", round: 1, outcome: "verified" });
  });

  it("allows one mismatch, and stops at the second", async () => {
    for (const [number, outcome] of [
      [1, "mismatch"],
      [2, "stopped"],
    ] as const) {
      const { showing, choosing } = await round(number);
      const decoy = choosing.choices.find((choice) => String(choice) !== String(choosing.code)) as Code;
      for (const choice of [decoy, null]) {
        const { state, send } = choose(choosing, choice);
        assert.deepEqual(state, { phase: "ended", round: number, outcome });
        assert.deepEqual((await showingHears(showing, send)).state, { phase: "ended", round: number, outcome });
      }
    }
    await assert.rejects(startShowing(SUBJECT, 3), wrong("too_many_rounds"));
  });

  it("cannot be searched for: who reveals something else than was committed to is found out", async () => {
    const shower = await startShowing(SUBJECT, 1);
    const chooser = await startChoosing(SUBJECT, shower.send, 0);
    for (let at = 0; at < 50; at++) {
      const other: CodeStep = { step: "reveal", round: 1, nonce: toBase64url(bytes(16, at)) };
      await assert.rejects(choosingHears(chooser.state, other), wrong("wrong_reveal"));
    }
  });

  it("cannot be tried again and again by committing anew", async () => {
    const { send } = await startShowing(SUBJECT, 1);
    await startChoosing(SUBJECT, send, MOST_COMMITMENTS - 1);
    await assert.rejects(startChoosing(SUBJECT, send, MOST_COMMITMENTS), wrong("too_many_rounds"));
  });

  it("does not agree when the ends do not see the same call", async () => {
    for (const change of [
      { authenticator: "forked" },
      { group: "another" },
      { epoch: 5 },
      { choosing: { seat: "c", device: "somebody in between" } },
      { showing: { seat: "p", device: "somebody in between" } },
    ])
      await assert.rejects(round(1, { ...SUBJECT, ...change }), wrong("wrong_reveal"));
  });

  it("is not the same at two ends that are each tied to somebody in between", async () => {
    const theirs = { ...SUBJECT, choosing: { seat: "c", device: "middle" } };
    const ours = { ...SUBJECT, showing: { seat: "p", device: "middle" } };
    const codes = Array.from({ length: 5 }, async () => {
      const shower = await startShowing(theirs, 1);
      const blind = await startChoosing(theirs, shower.send, 0);
      const told = await showingHears(shower.state, blind.send);
      const own = await startShowing(ours, 1);
      const chooser = await startChoosing(ours, own.send, 0);
      const { send } = await showingHears(own.state, chooser.send);
      const choosing = (await choosingHears(chooser.state, send!)) as ChoosingNow;
      return String((told.state as ShowingNow).code) === String(choosing.code);
    });
    assert.ok((await Promise.all(codes)).includes(false));
  });

  it("differs from round to round", async () => {
    const codes = await Promise.all(Array.from({ length: 8 }, async () => String((await round()).showing.code)));
    assert.ok(new Set(codes).size > 1);
  });

  it("takes no step out of turn", async () => {
    const shower = await startShowing(SUBJECT, 1);
    const chooser = await startChoosing(SUBJECT, shower.send, 0);
    const result: CodeStep = { step: "result", round: 1, matched: true };
    await assert.rejects(showingHears(shower.state, result), wrong("out_of_turn"));
    await assert.rejects(showingHears(shower.state, { ...chooser.send, round: 2 }), wrong("out_of_turn"));
    await assert.rejects(startChoosing(SUBJECT, chooser.send, 0), wrong("out_of_turn"));
    await assert.rejects(choosingHears(chooser.state, result), wrong("out_of_turn"));
    assert.throws(() => choose(chooser.state, null), wrong("out_of_turn"));
    const { state } = choose((await round()).choosing, null);
    assert.throws(() => choose(state, null), wrong("out_of_turn"));
  });

  it("reads only what is a step", () => {
    const step = { step: "commit", round: 1, commitment: "x" } as const;
    assert.deepEqual(readStep(JSON.stringify({ t: "code", ...step })), step);
    for (const text of ["", "{}", "[]", '{"step":"commit","round":"1"}', '{"step":"result","round":1,"matched":1}'])
      assert.throws(() => readStep(text), wrong("malformed"), text);
  });
});
