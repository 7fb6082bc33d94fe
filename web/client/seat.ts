// This browser's claim to a seat: the invitation or entry code in the address, the device, and the token that resumes.

import { atServer } from "./server";
import { language } from "./ui/i18n";
import { ProtocolError, type SeatReply } from "./types";

/** What the address holds after `#`: an invitation link, a one-time entry code, or an appointment to resume. */
export type Claim = { link: string } | { code: string } | { appointment: string };

export function readClaim(fragment: string): Claim | null {
  const values = new URLSearchParams(fragment.replace(/^#/, ""));
  const link = values.get("i");
  if (link) return { link };
  const code = values.get("c");
  if (code) return { code };
  const appointment = values.get("a");
  return appointment ? { appointment } : null;
}

/** Kept in localStorage where that is allowed, otherwise for as long as the page lives. */
const memory = new Map<string, string>();

function keep(key: string, value: string): void {
  memory.set(key, value);
  try {
    localStorage.setItem(key, value);
  } catch {
    // Storage is refused in some private windows: a reload then knocks again.
  }
}

function kept(key: string): string | null {
  try {
    return localStorage.getItem(key) ?? memory.get(key) ?? null;
  } catch {
    return memory.get(key) ?? null;
  }
}

/** 128 random bits that say "the same browser as before", and nothing else. */
export function deviceId(): string {
  const known = kept("poruch.device");
  if (known && /^[0-9a-f]{32}$/.test(known)) return known;
  const fresh = [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
  keep("poruch.device", fresh);
  return fresh;
}

const resumeKey = (appointment: string): string => `poruch.resume.${appointment}`;

export class SeatClaim {
  #claim: Claim;
  #resume: string | null = null;
  #known = false;

  constructor(claim: Claim) {
    this.#claim = claim;
    if ("appointment" in claim) this.#resume = kept(resumeKey(claim.appointment));
  }

  /** Asks who this seat is and for a ticket. Rejects with a ProtocolError, or `offline` when the server cannot be reached. */
  async ask(): Promise<SeatReply> {
    const reply = await this.#post<SeatReply>("/api/seat", this.#proof());
    this.#known = true;
    if (reply.resume !== null) {
      this.#resume = reply.resume;
      keep(resumeKey(reply.appointment.id), reply.resume);
    }
    if ("code" in this.#claim) {
      // The code was good once. From now on a reload resumes.
      this.#claim = { appointment: reply.appointment.id };
      history.replaceState(null, "", `#a=${encodeURIComponent(reply.appointment.id)}`);
    }
    return reply;
  }

  /** A fresh socket ticket for each connection. */
  async ticket(): Promise<string> {
    const reply = await this.ask();
    if (reply.ticket === null) throw new ProtocolError(reply.appointment.status, "");
    return reply.ticket;
  }

  /** Says something in the name of this seat, as `ask`; it answers with what the server says to it. */
  say<T>(path: string, words: object): Promise<T> {
    return this.#post<T>(path, { ...this.#proof(), ...words });
  }

  #proof(): object {
    if ("link" in this.#claim) return { link: this.#claim.link };
    if ("code" in this.#claim) return { code: this.#claim.code };
    if (this.#resume === null) throw new ProtocolError("link_unknown", "");
    return { resume: this.#resume };
  }

  async #post<T>(path: string, words: object): Promise<T> {
    let reply: Response;
    try {
      reply = await fetch(atServer(path), {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        // The first answer says which language the invitation is in; from then on the server's words follow the page's.
        body: JSON.stringify({ ...words, device: deviceId(), ...(this.#known ? { language: language() } : {}) }),
        cache: "no-store",
        credentials: "omit",
      });
    } catch {
      throw new ProtocolError("offline", "");
    }
    const body = (await reply.json().catch(() => null)) as T | { error: { code: string; text: string } } | null;
    if (typeof body !== "object" || body === null) throw new ProtocolError("offline", "");
    if ("error" in body) throw new ProtocolError(body.error.code, body.error.text);
    return body;
  }
}
