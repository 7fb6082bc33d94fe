// The secrets of an appointment as the team keeps them: opened on this device, made when there are none, sealed again for devices that lack them.

import { atServer } from "../server";
import type { Role } from "../types";
import { equal, random, toBase64url, type Bytes } from "./bytes";
import { HOST_ROLES, readCertificate, type Certificate } from "./credential";
import type { DeviceKeys } from "./device";
import {
  appointmentSubject,
  checkEntry,
  openVouched,
  readContent,
  sealable,
  sealEntry,
  seatSubject,
  VaultError,
  withName,
  type VaultEntry,
  type VaultSubject,
  type VaultTrust,
  type Vouched,
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
  /** Whether some of it was made just now in the place of what no valid device vouches for any more: links that were handed out
   * before that do not fit. */
  readonly anew: boolean;
}

/** The server did not hand out the vault or did not take what was sealed. */
export class VaultUnavailable extends Error {
  override readonly name = "VaultUnavailable";
}

const AT_ONCE = 16;

/** Opens what this device can open, makes what nobody has made, and seals everything to devices of the team that lack it. A host's
 * device lays in an entry of its own, so that the team's secrets do not end with the one device that made them. */
export async function teamSecrets(appointment: string, own: TeamDevice, trust: VaultTrust): Promise<TeamSecrets> {
  const path = `/api/appointments/${encodeURIComponent(appointment)}/vault`;
  let kept = await readAll(path, appointment, own, trust);
  let refused = await keepMade(path, kept, AT_ONCE);
  let made = kept.sealed.anew.length - refused.length;
  if (refused.length > 0) {
    // Another device has begun anew meanwhile: then its secrets are read now. Or the server counts a device that this browser does
    // not: then this device goes without that one secret, and one by one the others are not lost with it.
    kept = await readAll(path, appointment, own, trust);
    refused = await keepMade(path, kept, 1);
    made += kept.sealed.anew.length - refused.length;
    for (const entry of refused) kept.found.delete(subjectOf(entry) ?? "");
  }
  await keep(path, kept, kept.sealed.again, false).catch((error: unknown) => {
    // What is only sealed once more is good as it was; the next colleague to come tries it, too.
    if (!(error instanceof VaultUnavailable)) throw error;
  });
  const invitations: Record<string, string> = {};
  const names: Record<string, string> = {};
  for (const { seat } of kept.vault.seats) {
    const content = kept.found.get(`seat:${seat}`);
    if (content) invitations[seat] = toBase64url(content.secret);
    if (content && content.name !== null) names[seat] = content.name;
  }
  const whole = kept.found.get("appointment");
  return { appointment: whole ? toBase64url(whole.secret) : null, invitations, names, anew: made > 0 };
}

/** What the vault holds for this device, and what it lacks. */
interface Kept {
  readonly vault: Vault;
  /** By what the entries call it; what is to be sealed is among it already. */
  readonly found: Map<string, ReturnType<typeof readContent>>;
  readonly sealed: Readonly<Record<"begun" | "anew" | "again", VaultEntry[]>>;
}

async function readAll(path: string, appointment: string, own: TeamDevice, trust: VaultTrust): Promise<Kept> {
  const vault = await request<Vault>(path, {});
  const subjects = [
    appointmentSubject(appointment),
    ...vault.seats.filter((one) => one.by_link).map((one) => seatSubject(appointment, one.seat, one.role)),
  ];
  const certificates = vault.recipients.map((recipient) => recipient.certificate);
  const to = await sealable(certificates, trust, Date.now());
  const found: Kept["found"] = new Map();
  const sealed: Kept["sealed"] = { begun: [], anew: [], again: [] };
  for (const subject of subjects) {
    const there = vault.entries.filter((entry) => subjectOf(entry) === subject.secret);
    const entries = await vouched(there, subject, certificates, trust);
    const known = await opened(entries, own.device);
    const content = known ?? begun(entries, vault, subject);
    if (!content) continue;
    found.set(subject.secret, readContent(content));
    if (!seals(own) || (await isSettled(entries, content, own.device, to))) continue;
    const entry = await sealedFor(subject, content, certificates, own, trust);
    if (entry) sealed[known ? "again" : there.length > 0 ? "anew" : "begun"].push(entry);
  }
  return { vault, found, sealed };
}

/** First of all what somebody else is to find before they make another one. Returns what was to begin anew and was refused, so many
 * `atOnce`; rejects where what nobody had is not taken. */
async function keepMade(path: string, kept: Kept, atOnce: number): Promise<VaultEntry[]> {
  await keep(path, kept, kept.sealed.begun, false);
  const refused: VaultEntry[] = [];
  for (const entries of inParts(kept.sealed.anew, atOnce)) {
    try {
      await keep(path, kept, entries, true);
    } catch (error) {
      if (!(error instanceof VaultUnavailable)) throw error;
      refused.push(...entries);
    }
  }
  return refused;
}

async function keep(path: string, { vault }: Kept, entries: readonly VaultEntry[], anew: boolean): Promise<void> {
  for (const part of inParts(entries, AT_ONCE))
    await request(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Csrf-Token": vault.csrf },
      body: JSON.stringify({ entries: part, anew }),
    });
}

const inParts = (entries: readonly VaultEntry[], atOnce: number): VaultEntry[][] =>
  Array.from({ length: Math.ceil(entries.length / atOnce) }, (_, part) => entries.slice(part * atOnce, (part + 1) * atOnce));

/** The server takes entries from hosts alone. */
const seals = ({ certificate }: TeamDevice): boolean => HOST_ROLES.has(readCertificate(certificate).role);

/** The entries that a device vouches for which is valid today, in their order. A device that was certified again since vouches for
 * what it signed before: the signature is its key's. */
async function vouched(
  entries: readonly VaultEntry[],
  subject: VaultSubject,
  certificates: readonly Certificate[],
  trust: VaultTrust,
): Promise<Vouched[]> {
  const found: Vouched[] = [];
  for (const entry of entries) {
    for (const signer of [entry.signer, ...certificates.filter((one) => isRenewed(one, entry.signer))]) {
      try {
        found.push(await checkEntry({ ...entry, signer }, subject, trust, Date.now()));
        break;
      } catch (error) {
        // Sealed by somebody who is no longer certified, or put there by the server.
        if (!(error instanceof VaultError)) throw error;
      }
    }
  }
  return found;
}

function isRenewed(certificate: Certificate, old: Certificate): boolean {
  try {
    return certificate.body !== old.body && readCertificate(certificate).sign === readCertificate(old).sign;
  } catch {
    return false;
  }
}

/** The oldest that opens: whoever made another one meanwhile comes over to it. */
async function opened(entries: readonly Vouched[], device: DeviceKeys): Promise<Bytes | null> {
  for (const entry of [...entries].reverse()) {
    const content = await contentOf(entry, device);
    if (content) return content;
  }
  return null;
}

/** null where it was not sealed to this device. */
async function contentOf(entry: Vouched, device: DeviceKeys): Promise<Bytes | null> {
  try {
    return await openVouched(entry, device);
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    return null;
  }
}

/** Whether everybody of the team has it, and this device too has vouched for this very content. */
async function isSettled(
  entries: readonly Vouched[],
  content: Bytes,
  device: DeviceKeys,
  to: readonly string[],
): Promise<boolean> {
  if (!to.every((one) => entries.some(({ sealed }) => sealed.some((each) => each.to === one)))) return false;
  const mine = entries.find(({ signer }) => signer === device.fingerprint);
  const vouchedFor = mine && (await contentOf(mine, device));
  return vouchedFor != null && equal(vouchedFor, content);
}

/** A fresh secret, where there is none yet that somebody else could hold, or none that a valid device vouches for; an invitation's
 * with the name that its maker saw. */
function begun(entries: readonly Vouched[], vault: Vault, { seat }: VaultSubject): Bytes | null {
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

