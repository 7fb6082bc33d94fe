// What crosses the wire about consent (signaling/PROTOCOL.md, "Consent").

import type { Gate, Instant, Role } from "../types";

/** One text in one language; `hash` is of exactly these words, and comes back with the answer. */
export interface NoticeShown {
  id: string;
  version: number;
  hash: string;
  language: string;
  title: string;
  what: string;
  why: string;
  who: string;
  how_long: string;
  rights: string;
  withdraw: string;
  controller: string;
  picture: string;
  /** Addresses at the server. */
  audio: string | null;
  sign_video: string | null;
}

export interface About {
  seat: string;
  name: string;
  role: Role;
}

export interface ConsentItem {
  purpose: string;
  about: About | null;
  why: string;
  notice: NoticeShown;
}

export interface ConsentPage {
  key: "video" | "people" | "sharing";
  items: ConsentItem[];
}

export interface OtherWay {
  /** `in_person`: at the service. */
  kind: "phone" | "visit" | "in_person";
  owner: string;
  /** null until its owner has said when. */
  by: Instant | null;
}

export interface Given {
  purpose: string;
  about: About | null;
}

export interface SeatConsents {
  state: Gate;
  reasons: string[];
  pages: ConsentPage[];
  explain: NoticeShown | null;
  given: Given[];
  other_way: OtherWay | null;
}

export interface Answer {
  purpose: string;
  about_seat: string | null;
  notice_hash: string;
  decision: "given" | "refused" | "explain";
}

/** Whose hand it was. */
export type TappedBy = "person" | "helper" | "worker" | "representative";
