// One MLS group as this device sees it (RFC 9420): who is in it, commits that only certified hosts may make,
// messages, and the exporter.
// With suite.ts, leaf.ts, welcome.ts and authentication.ts the only code that knows ts-mls. State lives in memory and
// is never written anywhere.

import { createGroup, joinGroup, type ClientState } from "ts-mls/clientState.js";
import { createCommit } from "ts-mls/createCommit.js";
import { createApplicationMessage } from "ts-mls/createMessage.js";
import type { CiphersuiteImpl } from "ts-mls/crypto/ciphersuite.js";
import { ratchetTreeFromExtension } from "ts-mls/groupInfo.js";
import { mlsExporter } from "ts-mls/keySchedule.js";
import { encodeMlsMessage } from "ts-mls/message.js";
import { unprotectPrivateMessage } from "ts-mls/messageProtection.js";
import type { PrivateMessage } from "ts-mls/privateMessage.js";
import { processPrivateMessage } from "ts-mls/processMessages.js";
import type { Proposal } from "ts-mls/proposal.js";
import { emptyPskIndex } from "ts-mls/pskIndex.js";
import type { RatchetTree } from "ts-mls/ratchetTree.js";
import { consumeRatchet } from "ts-mls/secretTree.js";
import { leafToNodeIndex, toLeafIndex } from "ts-mls/treemath.js";

import {
  Authentication,
  identityBytes,
  leafAt,
  MlsRefused,
  PAST_EPOCHS,
  type Judge,
  type Member,
  type MlsRefusal,
} from "./authentication";
import { concat, copy, equal, fromUtf8, random, toBase64url, utf8, type Bytes } from "./bytes";
import { GROUP_TAG, readKeyPackage, readMessage, type OwnPackage } from "./leaf";
import { checkTag, groupTag, openWelcome } from "./welcome";

/** The whole roster of one epoch. */
export interface GroupView {
  /** Group id, base64url. */
  readonly group: string;
  readonly epoch: number;
  /** RFC 9420 section 8.7, base64url: equal for two members only if they share the whole history. */
  readonly authenticator: string;
  /** This device's own leaf. */
  readonly own: number;
  readonly members: readonly Member[];
}

/** The data of a `mls.commit` request. */
export interface CommitOutput {
  readonly group: string;
  /** The epoch it is built on. */
  readonly epoch: number;
  readonly commit: string;
  readonly added: readonly { readonly seat: string; readonly welcome: string }[];
  readonly removed: readonly string[];
}

export interface GroupChange {
  readonly add: readonly { readonly seat: string; readonly keyPackage: string }[];
  /** Seats; every leaf of theirs goes. A seat that is added loses its former leaf by itself. */
  readonly remove: readonly string[];
}

export interface ReceivedMessage {
  readonly from: Member;
  readonly payload: string;
  readonly epoch: number;
  /** The epoch's authenticator (RFC 9420 section 8.7), base64url: equal for two members only if they share the
   * whole history. */
  readonly authenticator: string;
}

export interface SentMessage {
  readonly message: string;
  readonly epoch: number;
  readonly authenticator: string;
}

const EXPORTER_LABEL = "SFrame 1.0 Base Key";
const BASE_KEY = 16;
const GROUP_ID = 16;
const PAYLOAD_LIMIT = 10_000;
const NOTHING = new Uint8Array();

interface Pending {
  readonly next: ClientState;
  readonly members: readonly Member[];
  readonly consumed: readonly Uint8Array[];
}

/** What is still needed of an epoch to place messages that were sent in it. */
interface EpochMemory {
  readonly members: readonly Member[];
  readonly authenticator: string;
}

/** Calls must not overlap: whoever owns the group waits for each to end. */
export class Group {
  readonly #suite: CiphersuiteImpl;
  readonly #authentication: Authentication;
  readonly #epochs = new Map<number, EpochMemory>();
  #state: ClientState;
  #members: readonly Member[] = [];
  #pending: Pending | null = null;

  private constructor(suite: CiphersuiteImpl, authentication: Authentication, state: ClientState) {
    this.#suite = suite;
    this.#authentication = authentication;
    this.#state = state;
  }

  /** A new group with this leaf alone. Only for a certified host's device that holds the appointment's secret. */
  static async create(suite: CiphersuiteImpl, judge: Judge, own: OwnPackage): Promise<Group> {
    const authentication = new Authentication(judge);
    const me = await authentication.judge(own.open.leafNode);
    if (!me.mayCommit) throw new MlsRefused("not_committer");
    if (judge.trust.secret === null) throw new MlsRefused("wrong_tag");
    const id = random(GROUP_ID);
    const creator = copy(own.open.leafNode.signaturePublicKey);
    const extensionData = concat(creator, await groupTag(judge.trust.secret, id, creator));
    const extensions = [{ extensionType: GROUP_TAG, extensionData }];
    const state = await createGroup(id, own.open, own.secret, extensions, suite, authentication.config);
    const group = new Group(suite, authentication, state);
    group.#adopt(state, await authentication.judgeTree(state.ratchetTree), []);
    return group;
  }

  /** Accepts a welcome for this leaf: from a certified host, into a group whose tag fits the appointment's secret. */
  static async join(suite: CiphersuiteImpl, judge: Judge, own: OwnPackage, text: string): Promise<Group> {
    const message = readMessage(text);
    if (message?.wireformat !== "mls_welcome") throw new MlsRefused("malformed");
    const { welcome } = message;
    const authentication = new Authentication(judge);
    const info = await authentication.guarded(() => openWelcome(suite, own, welcome));
    const tree = ratchetTreeFromExtension(info);
    const signer = tree && leafAt(tree, info.signer);
    if (!tree || !signer) throw new MlsRefused("malformed");
    if (!(await authentication.judge(signer)).mayCommit) throw new MlsRefused("uncertified_creator");
    await checkTag(info, judge.trust);
    const members = await authentication.judgeTree(tree);
    const { config } = authentication;
    const state = await authentication.guarded(() =>
      joinGroup(welcome, own.open, own.secret, emptyPskIndex, suite, undefined, undefined, config),
    );
    const group = new Group(suite, authentication, state);
    group.#adopt(state, members, []);
    return group;
  }

  get view(): GroupView {
    const { groupContext, privatePath } = this.#state;
    return {
      group: toBase64url(groupContext.groupId),
      epoch: Number(groupContext.epoch),
      authenticator: authenticatorOf(this.#state),
      own: privatePath.leafIndex,
      members: this.#members,
    };
  }

  /** Judges everybody anew. Whoever is refused now stays a member, marked so, until somebody removes them. */
  async rejudge(): Promise<GroupView> {
    this.#members = await this.#authentication.judgeTree(this.#state.ratchetTree, this.#known);
    return this.view;
  }

  /** RFC 9605 section 5.2: the base key of this epoch's SFrame keys. */
  async baseKey(): Promise<Bytes> {
    const { exporterSecret } = this.#state.keySchedule;
    return copy(await mlsExporter(exporterSecret, EXPORTER_LABEL, NOTHING, BASE_KEY, this.#suite));
  }

  /** Builds a commit with its welcome. Nothing changes until `won`. */
  async commit(change: GroupChange): Promise<CommitOutput> {
    if (this.#pending) throw new MlsRefused("pending_commit");
    const { group, epoch, own } = await this.rejudge();
    if (!this.#members.some((member) => member.leaf === own && member.mayCommit)) throw new MlsRefused("not_committer");
    const additions: Proposal[] = [];
    for (const one of change.add) additions.push(await this.#admit(one.seat, one.keyPackage));
    const going = new Set([...change.remove, ...change.add.map((one) => one.seat)]);
    const leaving = this.#members.filter((member) => going.has(member.seat));
    if (leaving.some((member) => member.leaf === own)) throw new MlsRefused("wrong_seat");
    const extraProposals = [...leaving.map(({ leaf }): Proposal => removal(leaf)), ...additions];
    if (extraProposals.length === 0) throw new MlsRefused("nothing_to_do");
    const { newState, commit, welcome, consumed } = await this.#authentication.guarded(() =>
      createCommit({ state: this.#state, cipherSuite: this.#suite }, { extraProposals, ratchetTreeExtension: true }),
    );
    await this.#spendHandshakeKey(own);
    const members = await this.#authentication.judgeTree(newState.ratchetTree, this.#known);
    this.#pending = { next: newState, members, consumed };
    const packed = welcome && encodeMlsMessage({ version: "mls10", wireformat: "mls_welcome", welcome });
    return {
      group,
      epoch,
      commit: toBase64url(encodeMlsMessage(commit)),
      added: packed ? change.add.map(({ seat }) => ({ seat, welcome: toBase64url(packed) })) : [],
      removed: change.remove.filter((seat) => leaving.some((member) => member.seat === seat)),
    };
  }

  /** The server took the commit: its epoch is the present one. */
  won(): GroupView {
    const pending = this.#pending;
    if (!pending) throw new MlsRefused("no_pending_commit");
    const former = this.#state;
    const past = new Map(pending.next.historicalReceiverData);
    const kept = past.get(former.groupContext.epoch);
    // Messages may have been opened since the commit was built: their keys are gone, and stay so.
    if (kept) past.set(former.groupContext.epoch, { ...kept, secretTree: former.secretTree });
    this.#adopt({ ...pending.next, historicalReceiverData: past }, pending.members, pending.consumed);
    return this.view;
  }

  /** Another commit was first, or nobody knows: the prepared epoch is forgotten. */
  lost(): void {
    this.#pending = null;
  }

  /** Applies somebody's commit; null when it removed this leaf. A commit that was being prepared is lost by it. */
  async receive(text: string): Promise<GroupView | null> {
    const message = this.#readPrivate(text, "commit");
    if (Number(message.epoch) !== this.view.epoch) throw new MlsRefused("wrong_epoch");
    // A certificate may have run out or been revoked since the last commit.
    await this.rejudge();
    const verdict = { committer: -1, refusal: null as MlsRefusal | null };
    const result = await this.#authentication.guarded(() =>
      processPrivateMessage(this.#state, message, emptyPskIndex, this.#suite, (incoming) => {
        if (incoming.kind === "commit") {
          verdict.committer = incoming.senderLeafIndex ?? -1;
          verdict.refusal = this.#judgeCommit(verdict.committer, incoming.proposals);
        } else verdict.refusal = "not_allowed_proposal";
        return verdict.refusal ? "reject" : "accept";
      }),
    );
    if (verdict.refusal) throw new MlsRefused(verdict.refusal);
    if (result.kind !== "newState") throw new MlsRefused("malformed");
    const { newState } = result;
    this.#checkUnchanged(verdict.committer, newState.ratchetTree);
    if (newState.groupActiveState.kind === "removedFromGroup") {
      this.#adopt(newState, [], result.consumed);
      return null;
    }
    const members = await this.#authentication.judgeTree(newState.ratchetTree, this.#known);
    this.#adopt(newState, members, result.consumed);
    return this.view;
  }

  /** Encrypts a text to the members of this epoch. */
  async protect(payload: string): Promise<SentMessage> {
    const bytes = utf8(payload);
    if (bytes.length > PAYLOAD_LIMIT) throw new MlsRefused("too_large");
    const { newState, privateMessage, consumed } = await this.#authentication.guarded(() =>
      createApplicationMessage(this.#state, bytes, this.#suite),
    );
    this.#state = newState;
    erase(consumed);
    const message = encodeMlsMessage({ version: "mls10", wireformat: "mls_private_message", privateMessage });
    return { message: toBase64url(message), epoch: this.view.epoch, authenticator: this.view.authenticator };
  }

  /** Decrypts a member's text; the sender is the leaf whose signature holds. Messages of the last epochs still open. */
  async unprotect(text: string): Promise<ReceivedMessage> {
    const message = this.#readPrivate(text, "application");
    const epoch = Number(message.epoch);
    const memory = this.#epochs.get(epoch);
    const past = this.#state.historicalReceiverData.get(message.epoch);
    const present = epoch === this.view.epoch;
    const keys = present ? { ...this.#state, senderDataSecret: this.#state.keySchedule.senderDataSecret } : past;
    if (!keys || !memory) throw new MlsRefused("wrong_epoch");
    const { config } = this.#authentication;
    const { content, tree, consumed } = await this.#authentication.guarded(() =>
      unprotectPrivateMessage(
        keys.senderDataSecret,
        message,
        keys.secretTree,
        keys.ratchetTree,
        keys.groupContext,
        config.keyRetentionConfig,
        this.#suite,
      ),
    );
    const { sender, ...framed } = content.content;
    const from = sender.senderType === "member" && memory.members.find((member) => member.leaf === sender.leafIndex);
    if (!from || framed.contentType !== "application") throw new MlsRefused("malformed");
    const historicalReceiverData = new Map(this.#state.historicalReceiverData);
    if (past) historicalReceiverData.set(message.epoch, { ...past, secretTree: tree });
    this.#state = { ...this.#state, historicalReceiverData, ...(present ? { secretTree: tree } : {}) };
    erase(consumed);
    let payload: string;
    try {
      payload = fromUtf8(framed.applicationData);
    } catch {
      throw new MlsRefused("malformed");
    }
    return { from, payload, epoch, authenticator: memory.authenticator };
  }

  get #known(): { tree: RatchetTree; members: readonly Member[] } {
    return { tree: this.#state.ratchetTree, members: this.#members };
  }

  async #admit(seat: string, text: string): Promise<Proposal> {
    const keyPackage = readKeyPackage(text);
    if (!keyPackage) throw new MlsRefused("malformed");
    const identity = await this.#authentication.judge(keyPackage.leafNode);
    if (identity.seat !== seat) throw new MlsRefused("wrong_seat");
    return { proposalType: "add", add: { keyPackage } };
  }

  /** The library forgets which key a commit was encrypted with: a second commit in this epoch must not meet it
   * again. */
  async #spendHandshakeKey(own: number): Promise<void> {
    const at = leafToNodeIndex(toLeafIndex(own));
    const { newTree } = await consumeRatchet(this.#state.secretTree, at, "commit", this.#suite);
    this.#state = { ...this.#state, secretTree: newTree };
  }

  #judgeCommit(committer: number, proposals: readonly Proposed[]): MlsRefusal | null {
    if (!this.#members.some((member) => member.leaf === committer && member.mayCommit)) return "uncertified_committer";
    const fine = ({ proposal, senderLeafIndex }: Proposed): boolean =>
      senderLeafIndex === committer && (proposal.proposalType === "add" || proposal.proposalType === "remove");
    return proposals.every(fine) ? null : "not_allowed_proposal";
  }

  /** A commit brings fresh encryption keys for its sender's leaf, never another person or signature. */
  #checkUnchanged(committer: number, tree: RatchetTree): void {
    const before = leafAt(this.#state.ratchetTree, committer);
    const after = leafAt(tree, committer);
    const same =
      before &&
      after &&
      equal(before.signaturePublicKey, after.signaturePublicKey) &&
      equal(identityBytes(before) ?? NOTHING, identityBytes(after) ?? NOTHING);
    if (!same) throw new MlsRefused("leaf_changed");
  }

  /** Only PrivateMessage: nobody outside the group can make one, which leaves no way for external commits and
   * proposals. */
  #readPrivate(text: string, wanted: "commit" | "application"): PrivateMessage {
    const message = readMessage(text);
    if (!message) throw new MlsRefused("malformed");
    if (message.wireformat !== "mls_private_message") throw new MlsRefused("not_private");
    if (this.#state.groupActiveState.kind !== "active") throw new MlsRefused("removed");
    const { privateMessage } = message;
    if (!equal(privateMessage.groupId, this.#state.groupContext.groupId)) throw new MlsRefused("wrong_group");
    if (privateMessage.contentType !== wanted)
      throw new MlsRefused(privateMessage.contentType === "proposal" ? "not_allowed_proposal" : "malformed");
    return privateMessage;
  }

  #adopt(state: ClientState, members: readonly Member[], consumed: readonly Uint8Array[]): void {
    this.#state = state;
    this.#members = members;
    this.#pending = null;
    erase(consumed);
    this.#epochs.set(this.view.epoch, { members, authenticator: this.view.authenticator });
    const oldest = this.view.epoch - PAST_EPOCHS;
    for (const epoch of this.#epochs.keys()) if (epoch < oldest) this.#epochs.delete(epoch);
  }
}

interface Proposed {
  readonly proposal: Proposal;
  readonly senderLeafIndex: number | undefined;
}

const removal = (leaf: number): Proposal => ({ proposalType: "remove", remove: { removed: leaf } });

const authenticatorOf = (state: ClientState): string => toBase64url(state.keySchedule.epochAuthenticator);

function erase(secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}
