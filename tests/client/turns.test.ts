// Whose turn it is to change the group.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Counts, GroupView, Member } from "../../web/client/e2ee/crypto";
import { admitting, asking, FreshStarts, isDeserted, leaving, turn, Unheard } from "../../web/client/e2ee/turns";
import type { DeliveryState, PersonPhase, Role, Snapshot } from "../../web/client/types";

const member = (seat: string, leaf: number, mayCommit: boolean): Member => ({
  seat,
  role: mayCommit ? "psychologist" : "client",
  name: seat,
  standing: "certified",
  device: seat,
  mayCommit,
  leaf,
  refused: null,
});

const HOSTS = [member("a", 0, true), member("b", 1, true), member("c", 2, true)];

const view = (...members: Member[]): GroupView => ({ group: "g", epoch: 3, own: 0, authenticator: "", members });

const room = (you: string, people: Record<string, [PersonPhase, Role]>): Snapshot =>
  ({
    you: { seat: you },
    people: Object.entries(people).map(([seat, [phase, role]]) => ({ seat, phase, role })),
  }) as unknown as Snapshot;

const state = (change: Partial<DeliveryState>): DeliveryState => ({
  revision: 1,
  group: "g",
  epoch: 3,
  ready: 3,
  members: HOSTS.map(({ seat }) => ({ seat, live: true, leads: true })),
  pending: [],
  committer: null,
  ...change,
});

describe("the turn to commit", () => {
  const of = (own: number, concerned: string[] = [], change: Partial<DeliveryState> = {}, admits: string[] = []): number =>
    turn(state(change), view(...HOSTS, member("d", 3, false)), HOSTS[own] as Member, new Set(concerned), new Set(admits));

  it("is the lowest leaf's, then the next one's", () => assert.deepEqual([of(0), of(1), of(2)], [0, 1, 2]));
  it("is first of all theirs who let somebody in", () =>
    assert.deepEqual([0, 1, 2].map((own) => of(own, [], {}, ["b"])), [1, 0, 2]));
  it("does not wait for whoever let somebody in and is not connected, or may not commit", () => {
    const members = HOSTS.map(({ seat }) => ({ seat, live: seat !== "b", leads: true }));
    assert.deepEqual([of(0, [], { members }, ["b"]), of(2, [], {}, ["d"])], [0, 2]);
  });
  it("passes over whom it concerns", () => assert.equal(of(1, ["a"]), 0));
  it("passes over whoever is not connected", () =>
    assert.equal(of(1, [], { members: [{ seat: "a", live: false, leads: true }, { seat: "b", live: true, leads: true }] }), 0));
  it("passes over whoever may not commit", () =>
    assert.equal(turn(state({}), view(member("d", 0, false), HOSTS[1] as Member), HOSTS[1] as Member, new Set(), new Set()), 0));
});

describe("who is added and who goes", () => {
  const people = room("a", {
    a: ["in", "psychologist"],
    b: ["lost", "psychologist"],
    c: ["left", "psychologist"],
    d: ["waiting", "client"],
  });
  const since = "2026-11-21T14:00:00.000Z";

  it("leaves out oneself, who waits outside, and whose key package is not shown", () => {
    const pending = ["a", "b", "d"].map((seat) => ({ seat, keyPackage: "k", since }));
    assert.deepEqual(asking(state({ pending }), people, "a"), []);
    const inside = room("a", { e: ["in", "client"], f: ["in", "client"] });
    const asked = [{ seat: "e", keyPackage: "k", since }, { seat: "f", keyPackage: null, since }];
    assert.deepEqual(asking(state({ pending: asked }), inside, "a"), [{ seat: "e", keyPackage: "k" }]);
  });
  it("knows who has let in those who are added", () => {
    const admitted = (seat: string, by: string | null): object => ({ seat, phase: "in", role: "client", admitted_by: by });
    const inside = { people: [admitted("d", "b"), admitted("e", "a"), admitted("f", null)] } as unknown as Snapshot;
    assert.deepEqual([...admitting(inside, new Set(["d", "f"]))], ["b"]);
  });
  it("takes out who has left, not who is lost", () =>
    assert.deepEqual(leaving(view(...HOSTS), people, "a", new Set()), ["c"]));
  it("takes out a revoked device that the room still shows, and not oneself", () => {
    const revoked = HOSTS.map((one) => ({ ...one, refused: "revoked" as const }));
    assert.deepEqual(leaving(view(...revoked), people, "a", new Set()), ["b", "c"]);
    const expired = HOSTS.map((one) => ({ ...one, refused: "expired" as const }));
    assert.deepEqual(leaving(view(...expired), people, "a", new Set()), ["c"]);
  });
  it("takes out the old leaf of whoever comes with a new one", () =>
    assert.deepEqual(leaving(view(...HOSTS), people, "a", new Set(["b"])), ["b", "c"]));
});

describe("fresh starts", () => {
  it("are allowed now and then, and not many in a short time", () => {
    const starts = new FreshStarts(2, 1_000);
    assert.deepEqual([0, 10, 20].map((now) => starts.take(now)), [true, true, false]);
    assert.deepEqual([1_005, 2_500, 4_000].map((now) => starts.take(now)), [false, true, true]);
  });
});

describe("frames of an epoch that nobody has told of", () => {
  const counts = (newer: number, other = 0): Counts => ({
    1: {
      done: 5,
      empty: 0,
      refused: { no_key: other, unknown_epoch: other, newer_epoch: newer, wrong_sender: 0, replayed: 0, tampered: 0 },
    },
  });
  /** What is said at each of these seconds, while `newer` frames have come by then. */
  const said = (unheard: Unheard, ...steps: [second: number, newer: number][]): boolean[] =>
    steps.map(([second, newer]) => unheard.isBehind(counts(newer), second * 1_000));
  const steady = (from: number, to: number): [number, number][] =>
    Array.from({ length: to - from + 1 }, (_, at) => [from + at, (from + at + 1) * 50]);

  it("mean that the news is withheld once they have come for five seconds", () =>
    assert.deepEqual(said(new Unheard(), ...steady(0, 5)), [false, false, false, false, false, true]));
  it("mean nothing when they cease, or the keys come in between", () => {
    const unheard = new Unheard();
    assert.ok(!said(unheard, ...steady(0, 3), [4, 200], [6, 300], [7, 350], [8, 400], [9, 450], [10, 500]).includes(true));
    unheard.forget();
    assert.ok(!said(unheard, ...steady(11, 15)).includes(true));
  });
  it("mean nothing while others are refused", () => {
    const unheard = new Unheard();
    assert.ok(!steady(0, 9).some(([second, other]) => unheard.isBehind(counts(0, other), second * 1_000)));
  });
  it("bring about one fresh leaf in a minute, because a member could forge them", () =>
    assert.equal(said(new Unheard(), ...steady(0, 70)).filter(Boolean).length, 2));
});

describe("a group is deserted", () => {
  const members = (live: boolean, leads: boolean): DeliveryState =>
    state({
      members: [
        { seat: "me", live: true, leads: true },
        { seat: "a", live, leads },
        { seat: "d", live: true, leads: false },
      ],
    });

  it("when nobody else who leads is connected", () => assert.ok(isDeserted(members(false, true), "me")));
  it("when the other hosts are not certified", () => assert.ok(isDeserted(members(true, false), "me")));
  it("but not while somebody leads", () => assert.ok(!isDeserted(members(true, true), "me")));
});
