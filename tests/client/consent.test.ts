import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { toSign } from "../../web/client/consent/desk";
import { aloud } from "../../web/client/consent/listen";
import { answerTo, explainAnswer, otherWayWords } from "../../web/client/consent/pages";
import type { ConsentItem, NoticeShown, OtherWay } from "../../web/client/consent/types";
import { consentWords, tookBack, tookBackWords, waitsForWords } from "../../web/client/consent/words";
import type { Person, Snapshot } from "../../web/client/types";

const HASH = "ab".repeat(32);
const notice: NoticeShown = {
  id: "interpreter",
  version: 3,
  hash: HASH,
  language: "uk",
  title: "title",
  what: "what",
  why: "why",
  who: "who",
  how_long: "how long",
  rights: "rights",
  withdraw: "withdraw",
  controller: "controller",
  picture: "interpreter",
  audio: null,
  sign_video: null,
};
const item: ConsentItem = {
  purpose: "interpreter",
  about: { seat: "1".repeat(16), name: "Oleh", role: "interpreter" },
  why: "not_asked",
  notice,
};

function person(changes: Partial<Person>): Person {
  return {
    seat: "c".repeat(16),
    name: "Olia",
    role: "client",
    phase: "in",
    since: null,
    with_helper: null,
    knock: null,
    knock_since: null,
    admitted_by: null,
    muted_by_host: false,
    abilities: { audio: true, video: true, vp9: true },
    consent: "allow",
    took_back: false,
    stopped: [],
    waits_for: [],
    ...changes,
  };
}

const you = (role: Snapshot["you"]["role"], seat = "m".repeat(16)): Snapshot["you"] => ({
  seat,
  role,
  name: "Maria",
  phase: "in",
  knock: null,
  host: false,
  can: [],
  muted_by_host: false,
  consent: null,
  asked: [],
});

describe("an answer", () => {
  it("carries the hash of the text that was shown, and whom it is about", () => {
    const expected = { purpose: "interpreter", about_seat: "1".repeat(16), notice_hash: HASH, decision: "refused" };
    assert.deepEqual(answerTo(item, "refused"), expected);
    assert.equal(answerTo({ ...item, about: null }, "given").about_seat, null);
    assert.equal(explainAnswer(notice).purpose, "explain");
  });

  it("is signed over the very bytes that the server spells", () => {
    // consent/records.py, to_sign: sorted keys, no spaces, nothing escaped that need not be.
    const answers = [answerTo(item, "given"), { ...answerTo(item, "refused"), about_seat: null, purpose: "video" }];
    assert.equal(
      toSign("5".repeat(16), answers, "2026-11-21T13:55:00.000Z"),
      `{"answers":[{"about":"${"1".repeat(16)}","decision":"given","notice":"${HASH}","purpose":"interpreter"},` +
        `{"about":"","decision":"refused","notice":"${HASH}","purpose":"video"}],` +
        `"at":"2026-11-21T13:55:00.000Z","seat":"${"5".repeat(16)}"}`,
    );
  });
});

describe("a text", () => {
  it("is read aloud whole, in the order of the page", () => {
    const read = aloud(notice).split("\n");
    assert.deepEqual(read, ["title", "what", "why", "who", "how long", "rights", "withdraw", "controller"]);
  });
});

describe("other ways", () => {
  it("name who does it, and say when only once somebody has said so", () => {
    const by = "2026-11-23T16:00:00.000Z";
    const words = (way: OtherWay): string => otherWayWords(way, "Europe/Kyiv");
    assert.match(words({ kind: "phone", owner: "Maria", by: null }), /^Maria will phone you and agree/);
    assert.match(words({ kind: "visit", owner: "Maria", by }), /^Maria will visit you, at the latest: .*18:00/);
    assert.match(words({ kind: "in_person", owner: "", by: null }), /^Your team will meet you/);
  });
});

describe("what others see of a client's consent", () => {
  it("is nothing while they agree, and nothing about oneself", () => {
    assert.equal(consentWords(person({}), you("case_manager")), null);
    assert.equal(consentWords(person({ consent: "ask" }), you("client", "c".repeat(16))), null);
    assert.equal(consentWords(person({ consent: "ask", phase: "lost" }), you("lawyer")), null);
  });

  it("is that they have stopped, for everybody", () => {
    assert.match(consentWords(person({ consent: "ask" }), you("lawyer")) ?? "", /Olia has stopped/);
  });

  it("is in an explanation what each of them may do", () => {
    const told = person({ consent: "explain" });
    assert.match(consentWords(told, you("interpreter")) ?? "", /agreed only to be told/);
    assert.match(consentWords(told, you("psychologist")) ?? "", /You do not see and hear one another yet/);
  });

  it("names what was taken back only where that is known", () => {
    assert.equal(tookBackWords(person({ stopped: [] })), "Olia has taken back an agreement.");
    assert.equal(
      tookBackWords(person({ stopped: ["video", "interpreter"] })),
      "Olia has taken back an agreement: the conversation by video, an interpreter.",
    );
  });

  it("is news once: when something is taken back, not when it is given again", () => {
    const before = person({});
    const one = person({ took_back: true, stopped: ["video"] });
    const two = person({ took_back: true, stopped: ["interpreter", "video"] });
    assert.equal(tookBack(one, before), true);
    assert.equal(tookBack(one, one), false);
    assert.equal(tookBack(two, one), true);
    assert.equal(tookBack(one, two), false);
    assert.equal(tookBack(before, one), false);
    assert.equal(tookBack(one, undefined), false);
  });
});

describe("somebody at the door", () => {
  it("waits for those whose agreement is missing, by name", () => {
    const client = person({});
    assert.equal(waitsForWords(person({ seat: "x" }), [client]), null);
    const guest = person({ seat: "x", waits_for: [client.seat] });
    assert.equal(waitsForWords(guest, [client]), "Waits for the agreement of Olia");
  });
});
