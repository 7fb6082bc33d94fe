// The encrypting worker: owns the MLS group, every frame key and every counter. Nothing of it is ever stored.

import { Authentication, MlsRefused, type Judge } from "./authentication";
import { fromBase64url, toBase64url, type Bytes } from "./bytes";
import { leafStatement, makeCredential, type Claim, type Trust } from "./credential";
import { KeyRing } from "./keys";
import { makeKeyPackage, makeLeafKeys, readKeyPackage, writeKeyPackage, type LeafKeys, type OwnPackage } from "./leaf";
import { Group, type GroupView } from "./mls";
import type { Call, Calls, Claimant, FromWorker, RefusedReply, Reply, Request, Stream } from "./rpc";
import { Streams, type EncodedFrame } from "./streams";
import { makeSuite, type Curves } from "./suite";

/** What is used of a worker's global scope. */
export interface Scope {
  onmessage: ((event: MessageEvent<Request>) => void) | null;
  onrtctransform: ((event: { readonly transformer: Transformer }) => void) | null;
  postMessage(message: FromWorker): void;
}

interface Transformer {
  readonly options: Stream;
  readonly readable: ReadableStream<EncodedFrame>;
  readonly writable: WritableStream<EncodedFrame>;
}

/** Something was asked for out of order. */
class NotReady extends Error {
  constructor(readonly code: "no_group" | "no_leaf") {
    super(`Not ready: ${code}.`);
  }
}

type Handlers = { readonly [C in Call]: (data: Calls[C][0]) => Promise<Calls[C][1]> };

/** Starts serving; the curves are WebCrypto's or a replacement. */
export function serve(curves: Curves, scope: Scope): void {
  const suite = makeSuite(curves);
  const keys = new KeyRing();
  const streams = new Streams(keys, (counts) => scope.postMessage({ counts }));
  let claimant: Claimant | null = null;
  let judge: Judge | null = null;
  let leaf: LeafKeys | null = null;
  let waiting: OwnPackage | null = null;
  let group: Group | null = null;
  let expiry: ReturnType<typeof setTimeout> | undefined;

  const begun = (): { claimant: Claimant; judge: Judge } => {
    if (!claimant || !judge) throw new NotReady("no_leaf");
    return { claimant, judge };
  };
  const present = (): Group => {
    if (!group) throw new NotReady("no_group");
    return group;
  };

  /** The leaf whose statement the device has signed becomes a key package; it is good for one group. */
  async function ownPackage(proof: string): Promise<OwnPackage> {
    if (!leaf) throw new NotReady("no_leaf");
    const { claimant: who } = begun();
    const used = leaf;
    leaf = null;
    const { device, certificate, invitation } = who;
    const secret = invitation === null ? null : fromBase64url(invitation);
    const credential = await makeCredential(claimOf(who, used.publicKey), device, proof, certificate, secret);
    return makeKeyPackage(await suite, used, credential, Date.now());
  }

  function expire(): void {
    clearTimeout(expiry);
    const now = performance.now();
    const next = keys.expire(now);
    if (next !== null) expiry = setTimeout(expire, next - now);
  }

  /** Receiving works with the new epoch from here on; sending waits for `switchSending`. */
  async function install(from: Group): Promise<GroupView> {
    const { view } = from;
    keys.install(
      { epoch: view.epoch, baseKey: await from.baseKey(), seats: seatsOf(view), own: view.own },
      performance.now(),
    );
    expire();
    return view;
  }

  async function replace(next: Group): Promise<GroupView> {
    // Another group counts its epochs from the beginning: none of the old keys may be mistaken for its.
    keys.clear();
    group = next;
    return install(next);
  }

  const handlers: Handlers = {
    async begin(data) {
      claimant = data.claimant;
      judge = { trust: data.trust, now: Date.now };
      return null;
    },
    async trust(trust: Trust) {
      begun().judge.trust = trust;
      if (!group) return null;
      const view = await group.rejudge();
      keys.reseat(seatsOf(view));
      return view;
    },
    async judge(text) {
      const keyPackage = readKeyPackage(text);
      if (!keyPackage) throw new MlsRefused("malformed");
      return new Authentication(begun().judge).judge(keyPackage.leafNode);
    },
    async leaf() {
      leaf = await makeLeafKeys(await suite);
      return toBase64url(await leafStatement(claimOf(begun().claimant, leaf.publicKey)));
    },
    async keyPackage({ proof }) {
      waiting = await ownPackage(proof);
      return writeKeyPackage(waiting.open);
    },
    async create({ proof }) {
      return replace(await Group.create(await suite, begun().judge, await ownPackage(proof)));
    },
    commit: (change) => present().commit(change),
    async won() {
      present().won();
      return install(present());
    },
    async lost() {
      present().lost();
      return null;
    },
    async receiveCommit(commit) {
      if (await present().receive(commit)) return install(present());
      keys.clear();
      group = null;
      return null;
    },
    async receiveWelcome(welcome) {
      if (!waiting) throw new NotReady("no_leaf");
      const joined = await Group.join(await suite, begun().judge, waiting, welcome);
      waiting = null;
      return replace(joined);
    },
    async switchSending(epoch) {
      await keys.switchSending(epoch);
      return null;
    },
    protect: (payload) => present().protect(payload),
    unprotect: (message) => present().unprotect(message),
    async figures() {
      return streams.counts();
    },
    async attach({ stream, readable, writable }) {
      streams.run(stream, readable as ReadableStream<EncodedFrame>, writable as WritableStream<EncodedFrame>);
      return null;
    },
    async detach(id) {
      streams.forget(id);
      return null;
    },
  };

  // One after the other: a group's state passes through every one of them. Streams and figures do not wait for it.
  let last: Promise<unknown> = Promise.resolve();
  scope.onmessage = ({ data: { id, call, data } }) => {
    const work = async (): Promise<void> =>
      scope.postMessage(await replyTo(id, () => (handlers[call] as (data: unknown) => Promise<unknown>)(data)));
    if (call === "figures" || call === "attach" || call === "detach") void work();
    else last = last.then(work);
  };
  scope.onrtctransform = ({ transformer: { options, readable, writable } }) => streams.run(options, readable, writable);
}

const claimOf = ({ appointment, seat, role, name }: Claimant, leaf: Bytes): Claim => ({
  appointment,
  seat,
  role,
  name,
  leaf,
});

/** A revoked device is not heard any more, even before somebody removes it. */
const seatsOf = ({ members }: GroupView): Map<number, string> =>
  new Map(members.filter((member) => member.refused !== "revoked").map((member) => [member.leaf, member.seat]));

async function replyTo(id: number, work: () => Promise<unknown>): Promise<Reply> {
  try {
    return { id, ok: true, data: await work() };
  } catch (error) {
    return { id, ok: false, ...described(error) };
  }
}

function described(error: unknown): RefusedReply {
  const text = String(error);
  if (error instanceof MlsRefused) return { code: error.code, credential: error.credential, text };
  return { code: error instanceof NotReady ? error.code : "internal", credential: null, text };
}
