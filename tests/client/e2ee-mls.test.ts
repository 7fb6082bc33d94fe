import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { MlsRefused, type MlsRefusal } from "../../web/client/e2ee/authentication";
import { fromBase64url, toBase64url } from "../../web/client/e2ee/bytes";
import type { Refusal } from "../../web/client/e2ee/credential";
import { writeKeyPackage } from "../../web/client/e2ee/leaf";
import { Group } from "../../web/client/e2ee/mls";
import {
  admit,
  bytes,
  client,
  freshLeaf,
  gather,
  judge,
  makeOrganisation,
  raise,
  SECRET,
  staff,
  suite,
  type Person,
} from "./e2ee-people";

const refused = (code: MlsRefusal, credential: Refusal | null = null) => (error: unknown) => {
  assert.ok(error instanceof MlsRefused, String(error));
  assert.deepEqual([error.code, error.credential], [code, credential]);
  return true;
};

const keyPackage = async (person: Person): Promise<string> => writeKeyPackage((await freshLeaf(person)).open);

const add = async (person: Person) => ({
  add: [{ seat: person.seat, keyPackage: await keyPackage(person) }],
  remove: [],
});

async function agreed(...groups: readonly Group[]): Promise<boolean> {
  const keys = await Promise.all(groups.map(async (group) => toBase64url(await group.baseKey())));
  return new Set(keys).size === 1 && new Set(groups.map((group) => group.view.epoch)).size === 1;
}

const seats = (group: Group): string[] => group.view.members.map((member) => member.seat);

describe("a group", () => {
  it("is raised by a certified host and joined through a welcome", async () => {
    const [host, guest] = await gather(await staff("p"), await client("c"));
    assert.ok(await agreed(host!, guest!));
    assert.deepEqual(seats(guest!), ["p", "c"]);
    assert.deepEqual(
      guest!.view.members.map((member) => [member.name, member.standing, member.mayCommit]),
      [
        ["psychologist p", "certified", true],
        ["client c", "unverified", false],
      ],
    );
  });

  it("gives the removed no keys, and lets them be added again with a fresh leaf", async () => {
    const c = await client("c");
    const [host, guest, other] = await gather(await staff("p"), c, await staff("s", "social_worker"));
    const before = toBase64url(await guest!.baseKey());
    const output = await host!.commit({ add: [], remove: ["c"] });
    host!.won();
    await other!.receive(output.commit);
    assert.deepEqual(output.removed, ["c"]);
    assert.equal(await guest!.receive(output.commit), null);
    assert.ok(await agreed(host!, other!));
    assert.notEqual(toBase64url(await host!.baseKey()), before);
    await assert.rejects(guest!.protect("still here?"), refused("undecryptable"));
    const again = await admit(host!, c, [other!]);
    assert.ok(await agreed(host!, other!, again));
  });

  it("replaces the leaf of a seat that comes back, in one commit", async () => {
    const c = await client("c");
    const [host, former] = await gather(await staff("p"), c);
    const fresh = await admit(host!, c, []);
    assert.deepEqual(seats(fresh), ["p", "c"]);
    assert.ok(await agreed(host!, fresh));
    assert.equal(former!.view.epoch, 1);
  });

  it("lets eight people in by one commit, with one welcome", async () => {
    const host = await raise(await staff("p"));
    const people = await Promise.all(Array.from({ length: 7 }, (_, at) => client(`c${at}`)));
    const leaves = await Promise.all(people.map((person) => freshLeaf(person)));
    const output = await host.commit({
      add: people.map(({ seat }, at) => ({ seat, keyPackage: writeKeyPackage(leaves[at]!.open) })),
      remove: [],
    });
    host.won();
    const joined = await Promise.all(
      leaves.map((leaf, at) => Group.join(suite, judge(), leaf, output.added[at]!.welcome)),
    );
    assert.ok(await agreed(host, ...joined));
  });

  it("takes the first of two commits; the loser drops its own and tries again", async () => {
    const [one, two] = await gather(await staff("p"), await staff("s", "social_worker"));
    const c = await client("c");
    const d = await client("d");
    const first = await one!.commit(await add(c));
    await two!.commit(await add(d));
    one!.won();
    await two!.receive(first.commit);
    assert.throws(() => two!.won(), refused("no_pending_commit"));
    const retry = await two!.commit(await add(d));
    two!.won();
    await one!.receive(retry.commit);
    assert.ok(await agreed(one!, two!));
    assert.deepEqual(seats(one!), ["p", "s", "c", "d"]);
  });

  it("prepares only one commit at a time, and another one once that is lost", async () => {
    const [host, other] = await gather(await staff("p"), await staff("s", "social_worker"));
    const first = await host!.commit({ add: [], remove: ["s"] });
    await assert.rejects(host!.commit({ add: [], remove: ["s"] }), refused("pending_commit"));
    host!.lost();
    const second = await host!.commit(await add(await client("c")));
    assert.notEqual(first.commit, second.commit);
    host!.won();
    await other!.receive(second.commit);
    assert.ok(await agreed(host!, other!));
  });
});

describe("who may change a group", () => {
  it("is not a client, an interpreter or an uncertified colleague", async () => {
    const uncertified = { ...(await staff("u", "lawyer")), certificate: null };
    for (const person of [await client("c"), await staff("i", "interpreter"), uncertified]) {
      const [, group] = await gather(await staff("p"), person);
      await assert.rejects(group!.commit({ add: [], remove: ["p"] }), refused("not_committer"));
      await assert.rejects(raise(person), refused("not_committer"));
    }
  });

  it("is judged by every receiver, whatever the committer's own device says", async () => {
    const person = await staff("s", "social_worker");
    const c = await client("c");
    const creator = await staff("p");
    const theirs = judge();
    const host = await raise(creator);
    const other = await admit(host, person);
    const guest = await admit(host, c, [other], theirs);
    // Revoked meanwhile, which the committer's own device does not know or does not heed.
    theirs.trust = judge({ revoked: [person.device.fingerprint] }).trust;
    const output = await other.commit({ add: [], remove: ["p"] });
    await assert.rejects(guest.receive(output.commit), refused("uncertified_committer"));
    assert.deepEqual(seats(guest), ["p", "s", "c"]);
    assert.equal(guest.view.members[1]!.refused, "revoked");
    assert.ok(await agreed(host, guest));
  });

  it("is nobody whose certificate has run out or comes from another organisation", async () => {
    const stranger = await makeOrganisation();
    await assert.rejects(
      raise(await staff("p", "lawyer", { expires: "2026-02-01T00:00:00.000Z" })),
      refused("bad_credential", "expired"),
    );
    await assert.rejects(
      raise(await staff("p", "lawyer", { by: stranger })),
      refused("bad_credential", "wrong_organisation"),
    );
  });
});

describe("who is let into a group", () => {
  it("is not a key package under another seat's name", async () => {
    const host = await raise(await staff("p"));
    const ghost = await keyPackage(await client("ghost"));
    const change = { add: [{ seat: "c", keyPackage: ghost }], remove: [] };
    await assert.rejects(host.commit(change), refused("wrong_seat"));
  });

  it("is not a ghost that claims a seat without its invitation's secret", async () => {
    const host = await raise(await staff("p"), judge({ invitations: { c: toBase64url(bytes(16, 3)) } }));
    await assert.rejects(host.commit(await add(await client("c", bytes(16, 4)))), refused("bad_credential", "bad_mac"));
    const invited = await admit(host, await client("c"));
    assert.equal(host.view.members[1]!.standing, "invited");
    assert.ok(await agreed(host, invited));
  });

  it("is not something that is no key package", async () => {
    const host = await raise(await staff("p"));
    for (const keyPackage of ["", "A", "!", "AAEA", toBase64url(bytes(4000, 255))])
      await assert.rejects(host.commit({ add: [{ seat: "c", keyPackage }], remove: [] }), refused("malformed"));
  });
});

describe("a welcome", () => {
  const welcomeFor = async (creator: Person, by = judge()) => {
    const host = await raise(creator, by);
    const own = await freshLeaf(await client("c"));
    const { added } = await host.commit({ add: [{ seat: "c", keyPackage: writeKeyPackage(own.open) }], remove: [] });
    return { own, welcome: added[0]!.welcome };
  };

  it("into a group that was raised without the appointment's secret is refused", async () => {
    const { own, welcome } = await welcomeFor(await staff("p"), judge({ secret: toBase64url(bytes(16, 8)) }));
    await assert.rejects(Group.join(suite, judge(), own, welcome), refused("wrong_tag"));
    const joined = await Group.join(suite, judge({ secret: null }), own, welcome);
    assert.equal(joined.view.epoch, 1);
  });

  it("by a server that plays an organisation of its own is refused", async () => {
    const fake = await makeOrganisation();
    const by = judge({ organisation: { key: fake.key, pinned: true }, secret: SECRET });
    const { own, welcome } = await welcomeFor(await staff("p", "lawyer", { by: fake }), by);
    await assert.rejects(Group.join(suite, judge(), own, welcome), refused("bad_credential", "wrong_organisation"));
  });

  it("by a device that was revoked is refused", async () => {
    const p = await staff("p");
    const { own, welcome } = await welcomeFor(p);
    const revoked = judge({ revoked: [p.device.fingerprint] });
    await assert.rejects(Group.join(suite, revoked, own, welcome), refused("bad_credential", "revoked"));
  });

  it("for another leaf opens nothing", async () => {
    const { welcome } = await welcomeFor(await staff("p"));
    const other = await freshLeaf(await client("c"));
    await assert.rejects(Group.join(suite, judge(), other, welcome), refused("undecryptable"));
    await assert.rejects(Group.join(suite, judge(), other, "AAAA"), refused("malformed"));
  });
});

describe("a commit on its way", () => {
  it("is refused when a single bit was flipped, wherever it was", async () => {
    const [host, guest] = await gather(await staff("p"), await client("c"));
    const { commit } = await host!.commit(await add(await client("d")));
    const whole = fromBase64url(commit);
    for (let at = 0; at < whole.length; at += 37) {
      const flipped = whole.slice();
      flipped[at]! ^= 1;
      await assert.rejects(guest!.receive(toBase64url(flipped)), (error) => error instanceof MlsRefused);
    }
    assert.equal(guest!.view.epoch, 1);
    host!.won();
    await guest!.receive(commit);
    assert.ok(await agreed(host!, guest!));
  });

  it("is refused when it comes again, or before its turn", async () => {
    const [host, guest] = await gather(await staff("p"), await client("c"));
    const first = await host!.commit(await add(await client("d")));
    host!.won();
    const second = await host!.commit({ add: [], remove: ["d"] });
    host!.won();
    await assert.rejects(guest!.receive(second.commit), refused("wrong_epoch"));
    await guest!.receive(first.commit);
    await assert.rejects(guest!.receive(first.commit), refused("wrong_epoch"));
    await guest!.receive(second.commit);
    assert.ok(await agreed(host!, guest!));
  });

  it("of another group is refused", async () => {
    const p = await staff("p");
    const [one] = await gather(p, await client("c"));
    const [, other] = await gather(p, await client("c"));
    const { commit } = await one!.commit({ add: [], remove: ["c"] });
    await assert.rejects(other!.receive(commit), refused("wrong_group"));
  });

  it("from outside the group is refused: nothing but private messages is read", async () => {
    const [, guest] = await gather(await staff("p"), await client("c"));
    await assert.rejects(guest!.receive(await keyPackage(await client("x"))), refused("not_private"));
    await assert.rejects(guest!.receive(""), refused("malformed"));
  });
});

describe("a message", () => {
  it("comes with its sender's seat, in order or not", async () => {
    const [host, guest] = await gather(await staff("p"), await client("c"));
    const sent = [await host!.protect("one"), await host!.protect("two"), await host!.protect("three")];
    for (const at of [2, 0, 1]) {
      const { from, payload, authenticator } = await guest!.unprotect(sent[at]!.message);
      assert.deepEqual([from.seat, payload], ["p", ["one", "two", "three"][at]]);
      assert.equal(authenticator, sent[at]!.authenticator);
    }
  });

  it("is read once", async () => {
    const [host, guest] = await gather(await staff("p"), await client("c"));
    const { message } = await guest!.protect("вітаю");
    assert.equal((await host!.unprotect(message)).payload, "вітаю");
    await assert.rejects(host!.unprotect(message), refused("undecryptable"));
  });

  it("that crosses a commit is still read, and still once", async () => {
    const [host, guest] = await gather(await staff("p"), await client("c"));
    const early = await guest!.protect("before");
    const late = await guest!.protect("crossing");
    await host!.commit(await add(await client("d")));
    await host!.unprotect(early.message);
    host!.won();
    await assert.rejects(host!.unprotect(early.message), refused("undecryptable"));
    const { payload, epoch, authenticator } = await host!.unprotect(late.message);
    assert.deepEqual([payload, epoch, authenticator], ["crossing", 1, late.authenticator]);
    await assert.rejects(host!.unprotect(late.message), refused("undecryptable"));
  });

  it("of a fork of the group is not understood, and the authenticators differ", async () => {
    const [host, guest, third] = await gather(await staff("p"), await client("c"), await staff("s", "lawyer"));
    const one = await host!.commit(await add(await client("d")));
    const two = await third!.commit(await add(await client("e")));
    host!.won();
    third!.won();
    // The server shows each of them a different winner.
    await guest!.receive(two.commit);
    assert.equal(one.epoch, two.epoch);
    const sent = await host!.protect("code?");
    await assert.rejects(guest!.unprotect(sent.message), refused("undecryptable"));
    assert.notEqual((await guest!.protect("code?")).authenticator, sent.authenticator);
  });

  it("has a limit", async () => {
    const host = await raise(await staff("p"));
    await assert.rejects(host.protect("x".repeat(10_001)), refused("too_large"));
  });
});
