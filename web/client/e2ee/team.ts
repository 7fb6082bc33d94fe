// The secrets of an appointment as the team keeps them: opened on this device, made when there are none, sealed again for devices that lack them.

import { atServer } from "../server";
import type { Role } from "../types";
import { random, toBase64url, type Bytes } from "./bytes";
import type { Certificate } from "./credential";
import type { DeviceKeys } from "./device";
import {
  appointmentSubject,
  openEntry,
  readContent,
  recipientsOf,
  sealEntry,
  seatSubject,
  VaultError,
  withName,
  type VaultEntry,
  type VaultSubject,
  type VaultTrust,
} from "./vault";

export interface VaultSeat {
  readonly seat: string;
  readonly role: Role;
  readonly name: string;
  readonly by_link: boolean;
}

interface Vault {
  readonly csrf: string;
  readonly may_invite: boolean;
  readonly seats: readonly VaultSeat[];
  /** Newest first. */
  readonly entries: readonly VaultEntry[];
  readonly recipients: readonly { readonly fingerprint: string; readonly certificate: Certificate }[];
}

/** Who opens and seals: a certified device. */
export interface TeamDevice {
  readonly device: DeviceKeys;
  readonly certificate: Certificate;
}

export interface TeamSecrets {
  /** base64url; null when it is there, but not yet sealed to this device. */
  readonly appointment: string | null;
  /** By seat, base64url. */
  readonly invitations: Readonly<Record<string, string>>;
  /** Whom the team has invited, by seat, as the device that made the invitation has sealed it. */
  readonly names: Readonly<Record<string, string>>;
}

/** The server did not hand out the vault or did not take what was sealed. */
export class VaultUnavailable extends Error {
  override readonly name = "VaultUnavailable";
}

const AT_ONCE = 16;

/** Opens what this device can open, makes what nobody has made, and seals everything to devices of the team that lack it. */
export async function teamSecrets(appointment: string, own: TeamDevice, trust: VaultTrust): Promise<TeamSecrets> {
  const path = `/api/appointments/${encodeURIComponent(appointment)}/vault`;
  const vault = await request<Vault>(path, {});
  const subjects = [
    appointmentSubject(appointment),
    ...vault.seats.filter((one) => one.by_link).map((one) => seatSubject(appointment, one.seat, one.role)),
  ];
  const found = new Map<string, string>();
  const names: Record<string, string> = {};
  const sealed: VaultEntry[] = [];
  for (const subject of subjects) {
    const entries = vault.entries.filter((entry) => subjectOf(entry) === subject.secret);
    const content = (await opened(entries, subject, own, trust)) ?? begun(entries, vault, subject);
    if (!content) continue;
    const { secret, name } = readContent(content);
    found.set(subject.secret, toBase64url(secret));
    if (subject.seat !== null && name !== null) names[subject.seat] = name;
    const lacking = vault.recipients.some(({ fingerprint }) => !entries.some((entry) => has(entry, fingerprint)));
    if (!lacking) continue;
    const to = vault.recipients.map((recipient) => recipient.certificate);
    const entry = await sealedFor(subject, content, to, own, trust);
    if (entry) sealed.push(entry);
  }
  for (let at = 0; at < sealed.length; at += AT_ONCE)
    await request(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Csrf-Token": vault.csrf },
      body: JSON.stringify({ entries: sealed.slice(at, at + AT_ONCE) }),
    });
  const seats = vault.seats.flatMap(({ seat }) => {
    const secret = found.get(`seat:${seat}`);
    return secret === undefined ? [] : [[seat, secret] as const];
  });
  return { appointment: found.get("appointment") ?? null, invitations: Object.fromEntries(seats), names };
}

/** The oldest that opens: whoever made another one meanwhile comes over to it. */
async function opened(
  entries: readonly VaultEntry[],
  subject: VaultSubject,
  own: TeamDevice,
  trust: VaultTrust,
): Promise<Bytes | null> {
  for (const entry of [...entries].reverse()) {
    try {
      return await openEntry(entry, subject, own.device, trust, Date.now());
    } catch (error) {
      // Sealed by somebody who is no longer certified, put there by the server, or not for this device.
      if (!(error instanceof VaultError)) throw error;
    }
  }
  return null;
}

/** A fresh secret, where there is none yet that somebody else could hold; an invitation's with the name that its maker saw. */
function begun(entries: readonly VaultEntry[], vault: Vault, { seat }: VaultSubject): Bytes | null {
  if (entries.length > 0 || !vault.may_invite) return null;
  const name = vault.seats.find((one) => one.seat === seat)?.name;
  return name === undefined ? random(16) : withName(random(16), name);
}

async function sealedFor(
  subject: VaultSubject,
  secret: Bytes,
  to: readonly Certificate[],
  own: TeamDevice,
  trust: VaultTrust,
): Promise<VaultEntry | null> {
  try {
    return await sealEntry(subject, secret, to, own, trust, Date.now());
  } catch (error) {
    if (error instanceof VaultError) return null;
    throw error;
  }
}

function subjectOf(entry: VaultEntry): string | null {
  try {
    return (JSON.parse(entry.body) as { secret: string }).secret;
  } catch {
    return null;
  }
}

function has(entry: VaultEntry, fingerprint: string): boolean {
  try {
    return recipientsOf(entry).includes(fingerprint);
  } catch {
    return false;
  }
}

async function request<T>(path: string, options: RequestInit): Promise<T> {
  let reply: Response;
  try {
    reply = await fetch(atServer(path), { ...options, cache: "no-store", credentials: "include" });
  } catch {
    throw new VaultUnavailable("The vault cannot be reached.");
  }
  if (!reply.ok) throw new VaultUnavailable(`The vault answers ${reply.status}.`);
  return (await reply.json()) as T;
}

