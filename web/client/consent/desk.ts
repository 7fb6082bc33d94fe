// What this seat has agreed to: asked of the server, answered, signed by this device where it can, and taken back.

import { openDevice, signWith } from "../e2ee/device";
import type { SeatClaim } from "../seat";
import { Store } from "../store";
import type { SeatReply } from "../types";
import { language } from "../ui/i18n";
import type { Answer, Given, OtherWay, SeatConsents, TappedBy } from "./types";

const SIGN_LABEL = "poruch consent";

export interface Signature {
  key: string;
  at: string;
  value: string;
}

export class ConsentDesk {
  /** As the server has said last; null for a seat that is not asked. */
  readonly state: Store<SeatConsents | null>;
  tappedBy: TappedBy = "person";
  /** The language in which the texts were asked for. */
  asked: string;

  readonly #claim: SeatClaim;
  readonly #seat: string;

  constructor(claim: SeatClaim, seat: SeatReply) {
    this.#claim = claim;
    this.#seat = seat.you.seat;
    this.state = new Store(seat.consent);
    this.asked = seat.appointment.language;
  }

  /** Reads everything anew, in the page's present language. */
  async refresh(): Promise<SeatConsents | null> {
    const asked = language();
    const { consent } = await this.#claim.ask();
    this.asked = asked;
    this.state.set(consent);
    return consent;
  }

  /** Rejects with a ProtocolError; then nothing was written. */
  async answer(answers: readonly Answer[], inCall: boolean): Promise<SeatConsents> {
    const signature = await signed(this.#seat, answers).catch(() => null);
    const words = { answers, tapped_by: this.tappedBy, in_call: inCall, ...(signature ? { signature } : {}) };
    const consent = await this.#claim.say<SeatConsents>("/api/consent", words);
    this.state.set(consent);
    return consent;
  }

  /** How a person who said no would rather be helped. */
  async wish(way: OtherWay["kind"]): Promise<SeatConsents> {
    const words = { way, tapped_by: this.tappedBy, in_call: false };
    const consent = await this.#claim.say<SeatConsents>("/api/consent/way", words);
    this.state.set(consent);
    return consent;
  }

  /** Rejects with a ProtocolError when the server could not be told. */
  async withdraw({ purpose, about }: Given): Promise<void> {
    const words = { purpose, about_seat: about?.seat ?? null, tapped_by: this.tappedBy, in_call: true };
    const { consent } = await this.#claim.say<{ consent: SeatConsents | null }>("/api/consent/withdraw", words);
    if (consent !== null) this.state.set(consent);
  }
}

/** The device's word for these answers. Rejects where a browser keeps no keys: the answer counts without it. */
async function signed(seat: string, answers: readonly Answer[]): Promise<Signature> {
  const device = await openDevice();
  const at = new Date().toISOString();
  const value = await signWith(device, SIGN_LABEL, new TextEncoder().encode(toSign(seat, answers, at)));
  return { key: device.signKey, at, value };
}

/** An answer as far as it is signed; on a person's own page it may be "withdrawn". */
type Signed = Omit<Answer, "decision"> & { decision: string };

/** The bytes that are signed, as the server spells them: keys in their order, no spaces. */
export function toSign(seat: string, answers: readonly Signed[], at: string): string {
  const said = answers.map(({ about_seat, decision, notice_hash, purpose }) => ({
    about: about_seat ?? "",
    decision,
    notice: notice_hash,
    purpose,
  }));
  return JSON.stringify({ answers: said, at, seat });
}
