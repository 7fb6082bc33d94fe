// One device in a call without a browser: the page's own CallCrypto and CallGroup, and a connection that ends in another process.

import type { Connection } from "../../../web/client/connection";
import { fromBase64url } from "../../../web/client/e2ee/bytes";
import type { Certificate, Trust } from "../../../web/client/e2ee/credential";
import { CallCrypto } from "../../../web/client/e2ee/crypto";
import type { DeviceKeys, Who } from "../../../web/client/e2ee/device";
import { CallGroup } from "../../../web/client/e2ee/group";
import { KnownDevices } from "../../../web/client/e2ee/known-devices";
import { Store } from "../../../web/client/store";
import {
  ProtocolError,
  type Deliveries,
  type DeliveryState,
  type Requests,
  type Snapshot,
} from "../../../web/client/types";
import type { Role } from "../../../web/client/types";
import { tellNext } from "./told";

/** What leaves this process: news without an answer, and requests to the server. */
export interface Outside {
  readonly tell: (what: string, data: unknown) => void;
  readonly ask: (event: string, data: unknown) => Promise<unknown>;
}

export interface Opening {
  readonly seat: string;
  readonly role: Role;
  readonly name: string;
  readonly certificate: Certificate | null;
  readonly invitation: string | null;
  readonly trust: Trust;
  readonly mayRaise: boolean;
}

/** As much of a Connection as the group uses. */
class Line {
  readonly snapshots = new Store<Snapshot | null>(null);
  readonly delivery = new Store<DeliveryState | null>(null);
  readonly #listeners = new Map<string, Set<(data: unknown) => void>>();
  readonly #outside: Outside;

  constructor(outside: Outside) {
    this.#outside = outside;
  }

  get state(): Snapshot | null {
    return this.snapshots.value;
  }

  async request<E extends keyof Requests>(event: E, data: Requests[E][0]): Promise<Requests[E][1]> {
    return (await this.#outside.ask(event, data)) as Requests[E][1];
  }

  listen<E extends keyof Deliveries>(event: E, heard: (data: Deliveries[E]) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    listeners.add(heard as (data: unknown) => void);
    return () => listeners.delete(heard as (data: unknown) => void);
  }

  hear(event: string, data: unknown): void {
    if (event === "room.state") this.snapshots.set(data as Snapshot);
    else if (event === "mls.state") this.delivery.set(data as DeliveryState);
    else for (const listener of this.#listeners.get(event) ?? []) listener(data);
  }
}

export class Member {
  readonly #line: Line;
  readonly #crypto: CallCrypto;
  readonly #group: CallGroup;

  private constructor(line: Line, crypto: CallCrypto, group: CallGroup) {
    this.#line = line;
    this.#crypto = crypto;
    this.#group = group;
  }

  static async open(device: DeviceKeys, opening: Opening, outside: Outside): Promise<Member> {
    const { seat, role, name, certificate, trust, mayRaise } = opening;
    const invitation = opening.invitation === null ? null : fromBase64url(opening.invitation);
    tellNext((told) => outside.tell("keys", told));
    const oneself = { appointment: trust.appointment, seat, role, name, device, certificate, invitation };
    const crypto = await CallCrypto.start(oneself, trust, "native");
    crypto.group.subscribe((view) => outside.tell("group", view));
    const line = new Line(outside);
    const group = new CallGroup(line as unknown as Connection, crypto, mayRaise, {
      certified: certificate !== null,
      heard: (message) => outside.tell("message", message),
      renew: async () => undefined,
      known: new KnownDevices(trust.appointment),
    });
    group.stage.subscribe((stage) => outside.tell("stage", stage));
    group.doubtful.subscribe((doubtful) => outside.tell("doubtful", doubtful));
    return new Member(line, crypto, group);
  }

  hear(event: string, data: unknown): void {
    this.#line.hear(event, data);
  }

  say(payload: string): Promise<unknown> {
    return this.#group.say(payload);
  }

  /** As the page does it every minute. */
  async trust(trust: Trust): Promise<void> {
    await this.#crypto.trust(trust);
    this.#group.review();
  }

  approve(who: Who): void {
    this.#group.approve(who);
  }

  close(): void {
    this.#group.end();
    this.#crypto.close();
  }
}

/** What the server refused, as the page's connection would say it. */
export const refusal = ({ code, text }: { code: string; text: string }): ProtocolError => new ProtocolError(code, text);
