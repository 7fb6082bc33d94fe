// The authentication service of one MLS group: every leaf is judged by its credential, and refusals have names.

import type { ClientConfig } from "ts-mls/clientConfig.js";
import { defaultKeyPackageEqualityConfig } from "ts-mls/keyPackageEqualityConfig.js";
import type { LeafNode } from "ts-mls/leafNode.js";
import type { RatchetTree } from "ts-mls/ratchetTree.js";
import { leafToNodeIndex, toLeafIndex } from "ts-mls/treemath.js";

import { copy, equal } from "./bytes";
import { CredentialError, identify, type Identity, type Refusal, type Trust } from "./credential";

export interface Member extends Identity {
  readonly leaf: number;
  /** Why the credential no longer holds, though it did when this member came: a revoked device, say. Such a member
   * never commits. */
  readonly refused: Refusal | null;
}

export type MlsRefusal =
  | "malformed"
  | "not_private"
  | "wrong_group"
  | "wrong_epoch"
  | "undecryptable"
  | "uncertified_committer"
  | "not_allowed_proposal"
  | "leaf_changed"
  | "duplicate_seat"
  | "too_many_leaves"
  | "bad_credential"
  | "wrong_seat"
  | "wrong_tag"
  | "uncertified_creator"
  | "not_committer"
  | "pending_commit"
  | "no_pending_commit"
  | "nothing_to_do"
  | "too_large"
  | "removed";

/** Something that arrived, or that was asked for, is not done; the group stays as it was. */
export class MlsRefused extends Error {
  override readonly name = "MlsRefused";

  constructor(
    readonly code: MlsRefusal,
    /** Why a credential was refused, where that was the reason. */
    readonly credential: Refusal | null = null,
    options: ErrorOptions = {},
  ) {
    super(`Refused: ${code}${credential ? ` (${credential})` : ""}.`, options);
  }
}

/** What judges: the trust may change while the group lives, as devices are revoked and secrets learnt. */
export interface Judge {
  trust: Trust;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Messages that were sent before a commit may arrive after it. */
export const PAST_EPOCHS = 2;

/** The KID has eight bits for the leaf. */
const MOST_LEAVES = 256;

/** A tree that was judged before. */
interface Known {
  readonly tree: RatchetTree;
  readonly members: readonly Member[];
}

/** The authentication service of RFC 9420 section 5.3.1, and how its verdicts come out of the library again. */
export class Authentication {
  readonly #judge: Judge;
  #refusal: Refusal | null = null;

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  readonly config: ClientConfig = {
    keyRetentionConfig: {
      retainKeysForGenerations: 32,
      retainKeysForEpochs: PAST_EPOCHS,
      maximumForwardRatchetSteps: 256,
    },
    lifetimeConfig: { maximumTotalLifetime: 172_800n, validateLifetimeOnReceive: false },
    keyPackageEqualityConfig: defaultKeyPackageEqualityConfig,
    paddingConfig: { kind: "padUntilLength", padUntilLength: 256 },
    authService: {
      validateCredential: async (credential, signaturePublicKey) => {
        try {
          await this.judge({ credential, signaturePublicKey });
          return true;
        } catch {
          return false;
        }
      },
    },
  };

  /** Throws an MlsRefused("bad_credential"). */
  async judge(leaf: Pick<LeafNode, "credential" | "signaturePublicKey">): Promise<Identity> {
    const bytes = identityBytes(leaf);
    try {
      if (!bytes) throw new CredentialError("malformed");
      return await identify(bytes, copy(leaf.signaturePublicKey), this.#judge.trust, this.#judge.now());
    } catch (error) {
      if (!(error instanceof CredentialError)) throw error;
      this.#refusal = error.code;
      throw new MlsRefused("bad_credential", error.code);
    }
  }

  /** Everybody in the tree. Who is known already may fail by now and is marked; a newcomer may not. */
  async judgeTree(tree: RatchetTree, known: Known = { tree: [], members: [] }): Promise<Member[]> {
    const members: Member[] = [];
    for (const [index, node] of tree.entries())
      if (node?.nodeType === "leaf") members.push(await this.#judgeMember(index / 2, node.leaf, known));
    if (members.some((member) => member.leaf >= MOST_LEAVES)) throw new MlsRefused("too_many_leaves");
    if (new Set(members.map((member) => member.seat)).size < members.length) throw new MlsRefused("duplicate_seat");
    return members;
  }

  async #judgeMember(leaf: number, node: LeafNode, known: Known): Promise<Member> {
    try {
      return { ...(await this.judge(node)), leaf, refused: null };
    } catch (error) {
      const former = leafAt(known.tree, leaf);
      const stayed = former && equal(former.signaturePublicKey, node.signaturePublicKey);
      const before = stayed && known.members.find((member) => member.leaf === leaf);
      if (!(error instanceof MlsRefused) || !before) throw error;
      return { ...before, standing: "unverified", mayCommit: false, refused: error.credential };
    }
  }

  /** Runs the library; whatever it throws over somebody's bytes becomes a refusal. */
  async guarded<T>(work: () => Promise<T>): Promise<T> {
    this.#refusal = null;
    try {
      return await work();
    } catch (error) {
      if (error instanceof MlsRefused) throw error;
      throw this.#refusal
        ? new MlsRefused("bad_credential", this.#refusal)
        : new MlsRefused("undecryptable", null, { cause: error });
    }
  }
}

export function leafAt(tree: RatchetTree, leaf: number): LeafNode | null {
  const node = tree[leafToNodeIndex(toLeafIndex(leaf))];
  return node?.nodeType === "leaf" ? node.leaf : null;
}

export const identityBytes = ({ credential }: Pick<LeafNode, "credential">): Uint8Array | null =>
  credential.credentialType === "basic" ? credential.identity : null;
