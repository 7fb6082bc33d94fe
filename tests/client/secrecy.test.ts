// How secret the call is, in words, and who is who.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Arrival } from "../../web/client/call/arrivals";
import type { Banner } from "../../web/client/call/banners";
import { readChat } from "../../web/client/call/chat";
import { named } from "../../web/client/call/naming";
import { notices, type Answers, type Moment } from "../../web/client/call/notices";
import { Missing } from "../../web/client/call/unlisted";
import { secrecy } from "../../web/client/call/secrecy-words";
import type { Counts, Member } from "../../web/client/e2ee/crypto";
import { Reading } from "../../web/client/e2ee/reading";
import type { Person, Snapshot } from "../../web/client/types";

const member = (seat: string, change: Partial<Member> = {}): Member => ({
  seat,
  role: "client",
  name: `Key ${seat}`,
  standing: "invited",
  device: `device ${seat}`,
  mayCommit: false,
  leaf: 1,
  refused: null,
  ...change,
});

const person = (seat: string, phase: Person["phase"]): Person => ({
  seat,
  name: `Server ${seat}`,
  role: "client",
  phase,
  since: null,
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

const snapshot = (...people: Person[]): Snapshot => ({ you: { seat: "me" }, people }) as unknown as Snapshot;

describe("names", () => {
  const name = (phase: Person["phase"], members: Member[], before = new Map<string, string>()): string | undefined =>
    named(snapshot(person("a", phase)), (seat) => members.find((one) => one.seat === seat) ?? null, before).people[0]?.name;

  it("are the keys' and not the server's", () => assert.equal(name("in", [member("a")]), "Key a"));
  it("are nobody's where no key speaks", () => assert.equal(name("in", []), "Not recognised yet"));
  it("stay the keys' after somebody has gone", () => assert.equal(name("left", [], new Map([["a", "Key a"]])), "Key a"));
  it("are the server's for whoever was never in", () => assert.equal(name("waiting", []), "Server a"));
});

describe("the state in words", () => {
  const state = (others: Member[], change: object = {}): string =>
    secrecy({
      stage: { name: "in" },
      paused: false,
      others,
      isSure: (one) => one.standing !== "unverified",
      ...change,
    }).state;

  it("is verified when everybody is", () => assert.equal(state([member("a"), member("b")]), "verified"));
  it("is not verified while one is not", () =>
    assert.equal(state([member("a"), member("b", { standing: "unverified" })]), "unverified"));
  it("is stopped after a code that did not match", () => assert.equal(state([member("a")], { paused: true }), "stopped"));
  it("is starting without keys", () =>
    assert.equal(state([], { stage: { name: "asking", late: false } }), "starting"));
  it("is stopped when nobody lets this device in", () =>
    assert.equal(state([], { stage: { name: "asking", late: true } }), "stopped"));
});

describe("the banner of those who have joined", () => {
  const seen: string[] = [];
  const shown = (...arrivals: Arrival[]): Banner[] =>
    notices(
      {
        snapshot: { you: { can: [], muted_by_host: false }, people: [] },
        soundBlocked: false,
        microphoneHeld: false,
        cameraHeld: false,
        sharing: false,
        secrecy: { state: "verified" },
        told: null,
        doubtful: [],
        unlisted: [],
        arrivals,
      } as unknown as Moment,
      { seen: ({ seat }: Arrival) => seen.push(seat) } as unknown as Answers,
    );
  const arrival = (seat: string): Arrival => ({ seat, device: seat, words: `${seat} has joined.` });

  it("is not there while nobody has", () => assert.deepEqual(shown(), []));
  it("is one line for several, and one press closes it", () => {
    const banners = shown(arrival("a"), arrival("b"));
    assert.deepEqual(banners.map(({ words }) => words), ["a has joined. b has joined."]);
    banners[0]?.buttons?.[0]?.onPress();
    assert.deepEqual(seen, ["a", "b"]);
  });
});

describe("somebody with keys who is not in the list", () => {
  const room = (phase: string, ...people: Person[]): Snapshot => ({ ...snapshot(...people), room: { phase } }) as Snapshot;
  const others = [member("a"), member("b"), member("c")];
  const open = room("open", person("a", "in"), person("b", "lost"));
  const seats = (missing: Missing, at: Snapshot, now: number): string[] =>
    missing.update(others, at, now).members.map(({ seat }) => seat);

  it("is named once a leave would be over, and nobody who is in or lost", () => {
    const missing = new Missing();
    assert.deepEqual(missing.update(others, open, 0), { members: [], again: 8_000 });
    assert.deepEqual(missing.update(others, open, 7_000), { members: [], again: 1_000 });
    assert.deepEqual(missing.update(others, open, 8_000), { members: [others[2]], again: null });
  });
  it("is named also where the list says that they have left", () => {
    const missing = new Missing();
    const left = room("open", person("a", "in"), person("b", "in"), person("c", "left"));
    seats(missing, left, 0);
    assert.deepEqual(seats(missing, left, 9_000), ["c"]);
  });
  it("begins anew after having been in the list, and while the room is paused", () => {
    const missing = new Missing();
    seats(missing, open, 0);
    seats(missing, room("open", ...others.map(({ seat }) => person(seat, "in"))), 7_000);
    assert.deepEqual(seats(missing, open, 9_000), []);
    assert.deepEqual(seats(missing, room("paused"), 60_000), []);
    assert.deepEqual(seats(missing, open, 61_000), []);
  });
  it("has a banner that says what to do", () => {
    const [banner] = notices(
      {
        snapshot: { you: { can: [], muted_by_host: false }, people: [] },
        soundBlocked: false,
        microphoneHeld: false,
        cameraHeld: false,
        sharing: false,
        secrecy: { state: "verified" },
        told: null,
        doubtful: [],
        arrivals: [],
        unlisted: [member("c")],
      } as unknown as Moment,
      {} as Answers,
    );
    assert.match(banner?.words ?? "", /not in the list: Key c.*phone each other/);
  });
});

describe("reading", () => {
  const counts = (done: number, tampered: number): Counts => ({
    1: { done, empty: 0, refused: { no_key: 0, unknown_epoch: 0, newer_epoch: 0, wrong_sender: 0, replayed: 0, tampered } },
  });

  it("begins with the first frame that opens", () => {
    const reading = new Reading();
    assert.equal(reading.update(counts(0, 0)).size, 0);
    assert.ok(reading.update(counts(1, 0)).has(1));
  });
  it("goes on while nothing comes", () => {
    const reading = new Reading();
    reading.update(counts(5, 0));
    assert.ok(reading.update(counts(5, 0)).has(1));
  });
  it("ends when frames come that do not open, and returns", () => {
    const reading = new Reading();
    reading.update(counts(5, 0));
    assert.ok(!reading.update(counts(5, 3)).has(1));
    assert.ok(reading.update(counts(6, 3)).has(1));
  });
});

describe("the chat", () => {
  it("takes lines and nothing else", () => {
    assert.equal(readChat('{"t":"chat","text":"hello"}'), "hello");
    for (const other of ["", "[]", "null", '{"t":"code"}', '{"t":"chat","text":5}', '{"t":"chat","text":""}'])
      assert.equal(readChat(other), null);
  });
});
