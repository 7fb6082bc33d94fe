// The entry of the call page: whose seat this is, the lobby, the call, and how it ends.

import { recordOf, showEnding } from "./call/closing";
import { CallScreen } from "./call/screen";
import { Connection, type Closed } from "./connection";
import { ConsentDesk } from "./consent/desk";
import { Devices } from "./devices";
import { keepSecrets } from "./e2ee/device";
import { FragmentError, parseFragment, reducedFragment, type LinkFragment } from "./e2ee/fragment";
import { KnownDevices } from "./e2ee/known-devices";
import { Mismatches } from "./e2ee/mismatches";
import { prepare } from "./e2ee/preparation";
import type { CurveSource } from "./e2ee/start";
import { Encryption } from "./encryption";
import { Guard } from "./guard";
import { keepMuted, keepSight, lastSight, wasMuted } from "./lobby/choices";
import { runLobby } from "./lobby/lobby";
import { waitingRoom } from "./lobby/waiting";
import { Quality, type Counters } from "./quality";
import { deviceId, readClaim, SeatClaim, type Claim } from "./seat";
import { helpPhone } from "./server";
import { MediaSession } from "./session";
import { Sound } from "./sound";
import { until } from "./store";
import { ProtocolError, type SeatReply, type Snapshot } from "./types";
import { preferredLanguage, setLanguage } from "./ui/i18n";

declare global {
  interface Window {
    /** What this page knows and receives, to look at from tests and consoles. */
    poruch: {
      state: () => Snapshot | null;
      stats: () => Promise<Counters[]>;
      encryption: () => Encryption | null;
    };
  }
}

class Page {
  readonly #claim: SeatClaim;
  readonly #screen: HTMLElement;
  readonly #devices = new Devices();
  #seat: SeatReply | null = null;
  #connection: Connection | null = null;
  #quality: Quality | null = null;
  #encryption: Encryption | null = null;
  #curves: CurveSource = "native";
  readonly #link: LinkFragment | null;
  /** Until the seat is closed for this page; what comes after it begins with a reload. */
  readonly #life = new AbortController();

  constructor(claim: Claim, link: LinkFragment | null, screen: HTMLElement) {
    this.#claim = new SeatClaim(claim);
    this.#link = link;
    this.#screen = screen;
    window.poruch = {
      state: () => this.#connection?.state ?? null,
      stats: async () => (await this.#quality?.counters()) ?? [],
      encryption: () => this.#encryption,
    };
  }

  /** The whole way, from the first page. */
  async begin(): Promise<void> {
    const { signal } = this.#life;
    try {
      const seat = await this.#ask();
      await setLanguage(preferredLanguage(seat.appointment.language));
      const desk = new ConsentDesk(this.#claim, seat);
      const { connection } = await runLobby({
        seat,
        desk,
        screen: this.#screen,
        devices: this.#devices,
        refresh: () => this.#ask(),
        connect: () => this.#connect(),
        proved: (curves) => this.#proved(curves),
        signal,
      });
      await this.#meet(seat, desk, connection, signal);
    } catch (error) {
      this.#failed(error, signal);
    }
  }

  async #ask(): Promise<SeatReply> {
    return (this.#seat = await this.#claim.ask());
  }

  /** From here on the secrets of the link are this device's, and no longer in the address, where others could read them. */
  async #proved(curves: CurveSource): Promise<void> {
    this.#curves = curves;
    if (!this.#link?.secrets) return;
    try {
      await keepSecrets(this.#link.token, this.#link.secrets);
    } catch {
      // A browser that keeps nothing needs the whole link again after a reload.
      return;
    }
    history.replaceState(null, "", reducedFragment(this.#link.token));
  }

  #connect(): Connection {
    const connection = new Connection(deviceId(), () => this.#claim.ticket());
    connection.closed.subscribe((closed) => closed && this.#end(closed));
    this.#connection = connection;
    // Whoever is let in reads a line about it first; the keys need not wait for that.
    if (this.#seat) this.#encrypt(this.#seat, connection);
    return connection;
  }

  /** Waiting room and call in turn: whoever returns too late has to knock again. */
  async #meet(seat: SeatReply, desk: ConsentDesk, connection: Connection, signal: AbortSignal): Promise<void> {
    for (;;) {
      const snapshot = await until(connection.snapshots, (state) => state !== null, signal);
      if (snapshot?.you.phase === "waiting") await waitingRoom({ seat, screen: this.#screen, connection, signal });
      else await this.#call(seat, desk, connection, signal);
    }
  }

  /** Begins by itself as soon as the seat is in. */
  #encrypt(seat: SeatReply, connection: Connection): Encryption {
    const { id } = seat.appointment;
    const mismatches = new Mismatches(this.#link?.token ?? id);
    return (this.#encryption = new Encryption(connection, new KnownDevices(id), mismatches, () =>
      prepare(seat, this.#curves, this.#link),
    ));
  }

  async #call(seat: SeatReply, desk: ConsentDesk, connection: Connection, signal: AbortSignal): Promise<void> {
    const devices = this.#devices;
    const encryption = this.#encryption ?? this.#encrypt(seat, connection);
    const session = new MediaSession(connection, devices, encryption);
    const guard = new Guard(session, encryption, devices);
    session.muted.set(wasMuted());
    session.muted.subscribe(keepMuted);
    session.sight.set(lastSight());
    session.sight.subscribe(keepSight);
    const sound = new Sound(session, devices);
    const quality = (this.#quality = new Quality(session, connection));
    const parts = { seat, desk, connection, devices, encryption, session, guard, sound, quality };
    const screen = new CallScreen({ screen: this.#screen, ...parts });
    try {
      await until(connection.snapshots, (state) => state?.you.phase === "waiting", signal);
    } finally {
      devices.screen.stop();
      for (const part of [screen, quality, sound, guard, session, encryption]) part.stop();
      // Back in the waiting room: the next time begins with other keys.
      if (!signal.aborted) this.#encrypt(seat, connection);
    }
  }

  #failed(error: unknown, signal: AbortSignal): void {
    if (signal.aborted) return;
    if (!(error instanceof ProtocolError)) throw error;
    this.#end({ code: error.code, text: error.message });
  }

  #end({ code, text }: Closed): void {
    this.#life.abort();
    this.#encryption?.stop();
    this.#devices.closeAll();
    const kind = this.#seat?.you.kind ?? "link";
    const phone = this.#seat?.appointment.help_phone ?? helpPhone();
    showEnding(this.#screen, { code, text, phone, kind, record: recordOf(this.#seat) });
  }
}

const screen = document.querySelector<HTMLElement>("#app");
if (!screen) throw new Error("The page has no #app.");
await setLanguage(preferredLanguage());
const claim = readClaim(location.hash);
const link = readLink();
// Another link pasted into the same tab is another visit.
window.addEventListener("hashchange", () => location.reload());
if (claim && link !== "damaged") await new Page(claim, link, screen).begin();
else showEnding(screen, { code: "link_unknown", text: "", phone: helpPhone(), kind: "link", record: null });

/** A link that asks for encryption and is cut short is never followed without it. */
function readLink(): LinkFragment | null | "damaged" {
  try {
    return parseFragment(location.hash);
  } catch (error) {
    if (error instanceof FragmentError) return "damaged";
    throw error;
  }
}
