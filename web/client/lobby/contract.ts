/** Where the lobby and the call meet: what the call hands to the lobby, and what the lobby hands back. */

import type { Connection } from "../connection";
import type { ConsentDesk } from "../consent/desk";
import type { Devices } from "../devices";
import type { CurveSource } from "../e2ee/start";
import type { SeatReply, WithHelper } from "../types";

export interface LobbyContext {
  /** The seat as the server described it; its appointment may be early, moved, cancelled or ended. */
  seat: SeatReply;
  /** The element that the lobby fills; the call takes it over afterwards. */
  screen: HTMLElement;
  /** The one owner of microphone, camera and speaker choice; what the lobby opens there stays open for the call. */
  devices: Devices;
  /** Asks the server again, for example when an early appointment's opening time has come. */
  refresh: () => Promise<SeatReply>;
  /** What this seat agrees to. */
  desk: ConsentDesk;
  /** Opens the socket. Nothing is entered before `connection.enter(...)`. */
  connect: () => Connection;
  /** This browser has proved that it encrypts: the link's secrets may leave the address. */
  proved: (curves: CurveSource) => Promise<void>;
  /** Aborted when the seat was closed (declined, cancelled, other tab …): stop timers, leave the screen alone. */
  signal: AbortSignal;
}

export interface LobbyResult {
  /** Connected and entered; `connection.state` exists and its `you.phase` is "in". */
  connection: Connection;
  withHelper: WithHelper;
}

/**
 * lobby/lobby.ts exports `runLobby(context: LobbyContext): Promise<LobbyResult>`: welcome, device check, alone or with
 * someone, then `connection.enter(...)` and the waiting room until `connection.state?.you.phase === "in"`.
 *
 * lobby/waiting.ts exports `waitingRoom(context: WaitingContext): Promise<void>`: the waiting screen alone, resolved
 * when the phase is "in". The call uses it when a seat returns late and has to knock again.
 */
export interface WaitingContext {
  seat: SeatReply;
  screen: HTMLElement;
  connection: Connection;
  signal: AbortSignal;
}
