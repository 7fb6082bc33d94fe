/** The questions of a person's own page. The link's token goes in the body, never in an address. */
import { toSign } from "../consent/desk";
import { openDevice, signWith } from "../e2ee/device";
import { language } from "../ui/i18n";

export interface NoticeText {
  readonly language: string;
  readonly title: string;
  readonly what: string;
  readonly why: string;
  readonly who: string;
  readonly how_long: string;
  readonly rights: string;
  readonly withdraw: string;
  readonly controller: string;
  /** Addresses at the server: somebody reading it, and the same in sign language. */
  readonly audio: string | null;
  readonly sign_video: string | null;
}

export interface Agreement {
  readonly record: string;
  readonly purpose: string;
  readonly title: string;
  readonly about: string | null;
  readonly state: "given" | "refused" | "withdrawn" | "expired";
  readonly words: string;
  readonly at: string;
  readonly until: string | null;
  readonly by_representative: boolean;
  readonly entered: boolean;
  readonly confirmed: boolean;
  readonly signed: boolean | null;
  readonly stop: boolean;
  /** Of the text that was told. */
  readonly hash: string;
  readonly told: NoticeText | null;
  /** How one tap agrees again: to this text, by its hash. */
  readonly again: { readonly hash: string; readonly text: NoticeText | null } | null;
}

export interface PersonPage {
  readonly name: string;
  readonly organisation: string;
  readonly help_phone: string;
  readonly language: string;
  readonly time_zone: string;
  readonly pin: boolean;
  readonly agreements: readonly Agreement[];
  readonly history: readonly {
    readonly record: string;
    readonly at: string;
    readonly words: string;
    readonly purpose: string;
    readonly about: string | null;
  }[];
}

/** It holds already, and is written down as soon as the server can. */
export interface Kept {
  readonly kept: true;
  readonly words: string;
}

export interface Reading {
  readonly at: string;
  readonly name: string;
  readonly role: string;
  readonly why: string;
}

/** What the server said no to; `words` are for the person, empty when there was no answer at all. */
export class Refusal extends Error {
  constructor(
    readonly code: string,
    readonly words: string,
  ) {
    super(code);
  }
}

export class PersonDesk {
  readonly #link: string;

  constructor(link: string) {
    this.#link = link;
  }

  look(): Promise<PersonPage> {
    return this.#ask("", {});
  }

  /** The page as it is now; or only the word for how it stands, when the server writes it down later. */
  async withdraw({ record, purpose, hash }: Agreement): Promise<PersonPage | Kept> {
    const signature = await signed(record, purpose, hash, "withdrawn");
    return this.#ask("/withdraw", { record, ...signature });
  }

  async give({ record, purpose }: Agreement, hash: string): Promise<PersonPage> {
    const signature = await signed(record, purpose, hash, "given");
    return this.#ask("/give", { record, notice_hash: hash, ...signature });
  }

  confirm(record: string): Promise<PersonPage> {
    return this.#ask("/confirm", { record });
  }

  receipt(record: string): Promise<unknown> {
    return this.#ask("/receipt", { record });
  }

  readers(pin: string): Promise<{ readonly readers: readonly Reading[]; readonly more: boolean }> {
    return this.#ask("/readers", { pin });
  }

  async #ask<T>(path: string, words: Readonly<Record<string, unknown>>): Promise<T> {
    let reply: Response;
    try {
      reply = await fetch(`/api/person${path}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ link: this.#link, language: language(), ...words }),
        cache: "no-store",
      });
    } catch {
      throw new Refusal("offline", "");
    }
    const body: unknown = await reply.json().catch(() => null);
    if (reply.ok) return body as T;
    const error = (body as { error?: { code?: string; text?: string } } | null)?.error;
    throw new Refusal(error?.code ?? "internal", error?.text ?? "");
  }
}

/** The device's word for one answer; a browser that keeps no keys answers without it. */
async function signed(record: string, purpose: string, hash: string, decision: "given" | "withdrawn"): Promise<object> {
  try {
    const device = await openDevice();
    const at = new Date().toISOString();
    const body = toSign(record, [{ purpose, about_seat: null, notice_hash: hash, decision }], at);
    const value = await signWith(device, "poruch consent", new TextEncoder().encode(body));
    return { signature: { key: device.signKey, at, value } };
  } catch {
    return {};
  }
}
