// Members who run another client than ours, and a server that knows MLS: what they send is built with the library
// itself.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { createGroup, joinGroup, type ClientState } from "ts-mls/clientState.js";
import { createCommit, createGroupInfoWithExternalPubAndRatchetTree, joinGroupExternal } from "ts-mls/createCommit.js";
import { createProposal } from "ts-mls/createMessage.js";
import { proposeAddExternal } from "ts-mls/externalProposal.js";
import { encodeMlsMessage, type MLSMessage } from "ts-mls/message.js";
import type { Proposal } from "ts-mls/proposal.js";
import { emptyPskIndex } from "ts-mls/pskIndex.js";

import { MlsRefused, type MlsRefusal } from "../../web/client/e2ee/authentication";
import { concat, copy, fromBase64url, hmac, labelled, toBase64url } from "../../web/client/e2ee/bytes";
import type { Refusal } from "../../web/client/e2ee/credential";
import { GROUP_TAG, makeKeyPackage, readMessage, writeKeyPackage, type OwnPackage } from "../../web/client/e2ee/leaf";
import { Group } from "../../web/client/e2ee/mls";
import { nobleCurves } from "../../web/client/e2ee/noble";
import { makeSuite } from "../../web/client/e2ee/suite";
import {
  admit,
  bytes,
  client,
  freshLeaf,
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

const wire = (message: MLSMessage): string => toBase64url(encodeMlsMessage(message));

const adding = ({ open }: OwnPackage): Proposal => ({ proposalType: "add", add: { keyPackage: open } });

/** A group whose creator runs the bare library, which accepts everybody; `guest` runs our code. */
async function rogueGroup(creator: Person): Promise<{ rogue: ClientState; guest: Group; own: OwnPackage }> {
  const own = await freshLeaf(creator);
  const id = bytes(16, 1);
  const key = copy(own.open.leafNode.signaturePublicKey);
  const tag = await hmac(fromBase64url(SECRET), labelled("poruch group", concat(id, key)));
  const extensions = [{ extensionType: GROUP_TAG, extensionData: concat(key, tag) }];
  const alone = await createGroup(id, own.open, own.secret, extensions, suite);
  const leaf = await freshLeaf(await client("c"));
  const { newState, welcome } = await createCommit(
    { state: alone, cipherSuite: suite },
    { extraProposals: [adding(leaf)], ratchetTreeExtension: true },
  );
  const text = wire({ version: "mls10", wireformat: "mls_welcome", welcome: welcome! });
  return { rogue: newState, guest: await Group.join(suite, judge(), leaf, text), own };
}

const commitOf = async (state: ClientState, ...extraProposals: Proposal[]): Promise<string> =>
  wire((await createCommit({ state, cipherSuite: suite }, { extraProposals })).commit);

describe("a certified host with another client", () => {
  it("cannot add a ghost whose credential does not hold", async () => {
    const { rogue, guest } = await rogueGroup(await staff("p"));
    const forged = await freshLeaf(await staff("g", "lawyer", { by: await makeOrganisation() }));
    const commit = await commitOf(rogue, adding(forged));
    await assert.rejects(guest.receive(commit), refused("bad_credential", "wrong_organisation"));
    const nobody = await makeKeyPackage(suite, await suite.signature.keygen().then(asKeys), bytes(9, 65), Date.now());
    await assert.rejects(guest.receive(await commitOf(rogue, adding(nobody))), refused("bad_credential", "malformed"));
    assert.equal(guest.view.epoch, 1);
  });

  it("cannot seat a second leaf beside somebody's own", async () => {
    const { rogue, guest } = await rogueGroup(await staff("p"));
    const twin = await freshLeaf(await client("c", null));
    await assert.rejects(guest.receive(await commitOf(rogue, adding(twin))), refused("duplicate_seat"));
  });

  it("cannot let the server propose, nor change the group in any way but adding and removing", async () => {
    const { rogue, guest } = await rogueGroup(await staff("p"));
    const changes: Proposal[] = [
      {
        proposalType: "group_context_extensions",
        groupContextExtensions: { extensions: rogue.groupContext.extensions },
      },
      { proposalType: 0xf0a2, proposalData: bytes(4, 1) },
      {
        proposalType: "reinit",
        reinit: { groupId: bytes(16, 2), version: "mls10", cipherSuite: suite.name, extensions: [] },
      },
    ];
    for (const change of changes)
      await assert.rejects(guest.receive(await commitOf(rogue, change)), refused("not_allowed_proposal"));
    assert.equal(guest.view.epoch, 1);
  });

  it("cannot leave proposals lying about for later", async () => {
    const { rogue, guest } = await rogueGroup(await staff("p"));
    for (const inTheOpen of [true, false]) {
      const proposal: Proposal = { proposalType: "remove", remove: { removed: 1 } };
      const { message } = await createProposal(rogue, inTheOpen, proposal, suite);
      await assert.rejects(guest.receive(wire(message)), refused(inTheOpen ? "not_private" : "not_allowed_proposal"));
    }
  });
});

describe("a client with another client", () => {
  it("cannot commit: nobody follows", async () => {
    const host = await raise(await staff("p"));
    const own = await freshLeaf(await client("c"));
    const { added } = await host.commit({ add: [{ seat: "c", keyPackage: writeKeyPackage(own.open) }], remove: [] });
    host.won();
    const message = readMessage(added[0]!.welcome);
    assert.ok(message?.wireformat === "mls_welcome");
    const rogue = await joinGroup(message.welcome, own.open, own.secret, emptyPskIndex, suite);
    const ghost = await freshLeaf(await client("g"));
    const removal: Proposal = { proposalType: "remove", remove: { removed: 0 } };
    for (const proposals of [[adding(ghost)], [removal], []])
      await assert.rejects(host.receive(await commitOf(rogue, ...proposals)), refused("uncertified_committer"));
    assert.deepEqual(host.view.members.map((member) => member.seat), ["p", "c"]);
    // And the call goes on.
    const other = await admit(host, await client("d"));
    assert.deepEqual(await other.baseKey(), await host.baseKey());
  });
});

describe("a server that knows MLS", () => {
  it("cannot come in by an external commit", async () => {
    const { rogue, guest } = await rogueGroup(await staff("p"));
    const info = await createGroupInfoWithExternalPubAndRatchetTree(rogue, [], suite);
    const ghost = await freshLeaf(await client("g"));
    const { publicMessage } = await joinGroupExternal(info, ghost.open, ghost.secret, false, suite);
    const message = wire({ version: "mls10", wireformat: "mls_public_message", publicMessage });
    await assert.rejects(guest.receive(message), refused("not_private"));
  });

  it("cannot propose from outside", async () => {
    const { rogue, guest } = await rogueGroup(await staff("p"));
    const info = await createGroupInfoWithExternalPubAndRatchetTree(rogue, [], suite);
    const ghost = await freshLeaf(await client("g"));
    const message = await proposeAddExternal(info, ghost.open, ghost.secret, suite);
    await assert.rejects(guest.receive(wire(message)), refused("not_private"));
    assert.equal(guest.view.epoch, 1);
  });

  it("cannot raise a group of its own, whoever's credential it copies", async () => {
    const p = await staff("p");
    const copied = await freshLeaf(p);
    const keys = await suite.signature.keygen().then(asKeys);
    const identity = copied.open.leafNode.credential;
    assert.ok(identity.credentialType === "basic");
    const own = await makeKeyPackage(suite, keys, copy(identity.identity), Date.now());
    const state = await createGroup(bytes(16, 1), own.open, own.secret, [], suite);
    const leaf = await freshLeaf(await client("c"));
    const { welcome } = await createCommit(
      { state, cipherSuite: suite },
      { extraProposals: [adding(leaf)], ratchetTreeExtension: true },
    );
    const text = wire({ version: "mls10", wireformat: "mls_welcome", welcome: welcome! });
    await assert.rejects(Group.join(suite, judge(), leaf, text), refused("bad_credential", "bad_proof"));
  });
});

describe("a browser without the curves", () => {
  it("is in one group with the others", async () => {
    const noble = await makeSuite(nobleCurves);
    const host = await raise(await staff("p"));
    const c = await client("c");
    const own = await freshLeaf(c, noble);
    const { added } = await host.commit({ add: [{ seat: "c", keyPackage: writeKeyPackage(own.open) }], remove: [] });
    host.won();
    const guest = await Group.join(noble, judge(), own, added[0]!.welcome);
    const other = await admit(host, await staff("s", "lawyer"), [guest]);
    const { commit } = await other.commit({ add: [], remove: ["p"] });
    other.won();
    await guest.receive(commit);
    assert.deepEqual(await guest.baseKey(), await other.baseKey());
    assert.equal((await other.unprotect((await guest.protect("чути")).message)).payload, "чути");
  });
});

const asKeys = ({ publicKey, signKey }: { publicKey: Uint8Array; signKey: Uint8Array }) => ({
  publicKey: copy(publicKey),
  signKey,
});
