// What the page and the encrypting worker say to each other: one request, one reply; and what the worker tells by
// itself.

import type { MlsRefusal } from "./authentication";
import type { Certificate, Identity, Refusal, Trust } from "./credential";
import type { CommitOutput, GroupChange, GroupView, ReceivedMessage, SentMessage } from "./mls";
import type { Expected, FrameRefusal, Outgoing } from "./pipeline";
import type { Role } from "../types";

/** Whose leaf the worker makes. Binary values are base64url. */
export interface Claimant {
  readonly appointment: string;
  readonly seat: string;
  readonly role: Role;
  readonly name: string;
  /** SPKI of the device's signing key. */
  readonly device: string;
  readonly certificate: Certificate | null;
  readonly invitation: string | null;
}

/** Each request: what it carries and what its reply brings. */
export interface Calls {
  begin: [{ readonly claimant: Claimant; readonly trust: Trust }, null];
  trust: [Trust, GroupView | null];
  /** Who asks to be added, as far as a key package proves it. */
  judge: [string, Identity];
  /** Makes a fresh leaf; the reply is what the device has to sign for it, base64url. */
  leaf: [null, string];
  /** `proof` signs the last leaf. */
  keyPackage: [{ readonly proof: string }, string];
  create: [{ readonly proof: string }, GroupView];
  commit: [GroupChange, CommitOutput];
  won: [null, GroupView];
  lost: [null, null];
  receiveCommit: [string, GroupView | null];
  receiveWelcome: [string, GroupView];
  switchSending: [number, null];
  protect: [string, SentMessage];
  unprotect: [string, ReceivedMessage];
  figures: [null, Counts];
  /** Where the browser has no script transforms: the encoded streams come over with the request. */
  attach: [{ readonly stream: Stream; readonly readable: ReadableStream; readonly writable: WritableStream }, null];
  detach: [number, null];
}

export type Call = keyof Calls;

/** One sender or receiver of the page, numbered by it. */
export type Stream = { readonly id: number } & (
  | ({ readonly side: "send" } & Outgoing)
  | ({ readonly side: "receive" } & Expected)
);

/** Frames of one stream since it was attached. */
export interface StreamCounts {
  /** Sealed, or opened. */
  readonly done: number;
  /** Of zero length: nothing to hide, passed on. */
  readonly empty: number;
  readonly refused: Readonly<Record<FrameRefusal, number>>;
}

/** By stream number. */
export type Counts = Readonly<Record<number, StreamCounts>>;

export interface Request {
  readonly id: number;
  readonly call: Call;
  readonly data: unknown;
}

/** `internal`: a fault of ours. */
export interface RefusedReply {
  readonly code: MlsRefusal | "no_group" | "no_leaf" | "internal";
  readonly credential: Refusal | null;
  readonly text: string;
}

export type Reply =
  | { readonly id: number; readonly ok: true; readonly data: unknown }
  | ({ readonly id: number; readonly ok: false } & RefusedReply);

/** Told at most a few times a second, and only when something has changed. */
export interface CountsEvent {
  readonly counts: Counts;
}

export type FromWorker = Reply | CountsEvent;
