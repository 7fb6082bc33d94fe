// What crosses the wire between this page and the server: the seat's reply and the live protocol (signaling/PROTOCOL.md).

import type { types } from "mediasoup-client";

import type { Rank } from "./call/sizes";
import type { SeatConsents } from "./consent/types";
import type { CommitOutput } from "./e2ee/mls";
import type { LineReport } from "./line";

export type Role =
  | "case_manager"
  | "social_worker"
  | "psychologist"
  | "lawyer"
  | "rehabilitation"
  | "interpreter"
  | "agency_guest"
  | "supervisor"
  | "administrator"
  | "client"
  | "representative"
  | "helper";

export type Kind = "audio" | "video";
export type Source = "microphone" | "camera" | "screen";

/** ISO 8601, UTC, milliseconds. */
export type Instant = string;

export interface ExpectedPerson {
  seat: string;
  role: Role;
  name: string;
}

export type AppointmentStatus = "open" | "early" | "moved" | "cancelled" | "ended" | "other_way";

export interface Appointment {
  id: string;
  status: AppointmentStatus;
  starts_at: Instant;
  ends_at: Instant;
  time_zone: string;
  opens_at: Instant;
  help_phone: string;
  organisation: string;
  language: string;
  expected: ExpectedPerson[];
}

/** Reply of POST /api/seat. `ticket` and `resume` are null unless the appointment is open. */
export interface SeatReply {
  ticket: string | null;
  resume: string | null;
  you: { seat: string; role: Role; name: string; kind: "staff" | "link"; reads_record: boolean };
  appointment: Appointment;
  /** null for everybody who is not asked. */
  consent: SeatConsents | null;
}

/** How far a client's own consent opens the meeting to them; `ask` inside it: they have taken it back. */
export type Gate = "allow" | "explain" | "ask" | "refuse";

export interface Abilities {
  audio: boolean;
  video: boolean;
  /** Whether the browser takes VP9 beside VP8. */
  vp9: boolean;
}

/** null: nobody has said. */
export type WithHelper = boolean | null;

export type HostAction = "admit" | "mute_others" | "remove" | "lock" | "correct_helper" | "end_meeting";

export type PersonPhase = "expected" | "waiting" | "in" | "lost" | "left" | "removed";

/** Why somebody stands at a seat's door. */
export type Knock = null | "first" | "returning" | "new_device" | "consent";

export interface Person {
  seat: string;
  name: string;
  role: Role;
  phase: PersonPhase;
  since: Instant | null;
  with_helper: WithHelper;
  knock: Knock;
  knock_since: Instant | null;
  /** The seat that let them in; null for whoever came in without asking. */
  admitted_by: string | null;
  muted_by_host: boolean;
  abilities: Abilities;
  /** null for everybody but clients. */
  consent: Gate | null;
  /** Whether a client has taken back something. */
  took_back: boolean;
  /** What it was, where this seat may know it. */
  stopped: string[];
  /** Clients whose agreement this person needs at the door. */
  waits_for: string[];
}

export interface ProducerState {
  id: string;
  seat: string;
  kind: Kind;
  source: Source;
  paused: boolean;
}

/** Everything one seat may know about the room; `revision` grows within one connection. */
export interface Snapshot {
  revision: number;
  now: Instant;
  you: {
    seat: string;
    role: Role;
    name: string;
    phase: "waiting" | "in";
    knock: Knock;
    host: boolean;
    can: HostAction[];
    muted_by_host: boolean;
    consent: Gate | null;
    /** People at the door about whom one is asked now. */
    asked: string[];
  };
  room: {
    phase: "open" | "paused" | "ended";
    reason: null | "no_staff";
    locked: boolean;
    media_epoch: number;
    host: string | null;
    help_phone: string;
    /** As planned now: it may be moved while somebody waits. */
    starts_at: Instant;
    /** When the first person came in. */
    started_at: Instant | null;
  };
  people: Person[];
  producers: ProducerState[];
}

/** Why a seat is closed for this page: the server's codes, refusals at the door, and "left" for the person's own button. */
export type CloseCode = string;

/** Each client event: what it carries and what its acknowledgement brings. */
export interface Requests {
  "room.enter": [{ device: string; with_helper: WithHelper; abilities: Abilities }, object];
  "room.leave": [object, object];
  "seat.update": [{ with_helper?: WithHelper; abilities?: Abilities }, object];
  "media.capabilities": [object, { routerRtpCapabilities: types.RtpCapabilities }];
  "transport.create": [{ direction: "send" | "recv" }, types.TransportOptions];
  "transport.connect": [{ transportId: string; dtlsParameters: types.DtlsParameters }, object];
  "transport.restart_ice": [{ transportId: string }, { iceParameters: types.IceParameters }];
  "producer.create": [
    { transportId: string; kind: Kind; source: Source; rtpParameters: types.RtpParameters; paused: boolean; height?: number },
    { id: string },
  ];
  "producer.pause": [{ producerId: string }, object];
  "producer.resume": [{ producerId: string }, object];
  "producer.close": [{ producerId: string }, object];
  "consumer.create": [
    { producerId: string },
    { id: string; producerId: string; kind: Kind; rtpParameters: types.RtpParameters; paused: boolean },
  ];
  "consumer.resume": [{ consumerId: string }, object];
  "consumer.pause": [{ consumerId: string }, object];
  "consumer.prefer": [{ consumerId: string; height: number; rank: Rank }, object];
  "consumer.close": [{ consumerId: string }, object];
  "media.need": [{ sight: boolean }, object];
  "media.line": [{ freezes: number; relayed: boolean }, LineReport];
  "host.admit": [{ seat: string }, object];
  "host.decline": [{ seat: string }, object];
  "host.mute": [{ seat: string }, object];
  "host.remove": [{ seat: string }, object];
  "host.helper": [{ seat: string; with_helper: boolean }, object];
  "host.lock": [{ locked: boolean }, object];
  "host.end": [object, object];
  "mls.key_package": [{ keyPackage: string; certified: boolean }, object];
  "mls.create": [{ group: string }, object];
  "mls.replace": [{ old: string; group: string }, object];
  "mls.commit": [CommitOutput, { epoch: number }];
  "mls.ack": [{ group: string; epoch: number }, object];
  "mls.message": [{ group: string; message: string }, object];
  "mls.report": [{ what: ReportWhat; seat?: string; reason?: string }, object];
}

/** What the delivery service knows of the room's MLS group; `revision` grows within one connection. */
export interface DeliveryState {
  revision: number;
  group: string | null;
  epoch: number;
  /** Seats with a leaf; `live` while the connection that brought the leaf is there, `leads` if it adds and removes. */
  members: { seat: string; live: boolean; leads: boolean }[];
  /** The newest epoch whose keys all connected members have. */
  ready: number | null;
  /** Who asks to be added, longest first; the key package is shown to those whose role may host. */
  pending: { seat: string; keyPackage: string | null; since: Instant }[];
  /** A hint only. */
  committer: string | null;
}

export type ReportWhat = "verified" | "mismatch" | "stopped" | "refused";

/** Each event of the delivery service and what it carries. */
export interface Deliveries {
  "mls.committed": { group: string; epoch: number; commit: string; by: string };
  "mls.welcome": { group: string; epoch: number; welcome: string; by: string };
  "mls.forwarded": { group: string; message: string; by: string };
  "mls.epoch_ready": { group: string; epoch: number };
}

/** A refusal by the server: a stable code, and text in the person's language. */
export class ProtocolError extends Error {
  constructor(
    readonly code: string,
    text: string,
  ) {
    super(text);
    this.name = "ProtocolError";
  }
}
