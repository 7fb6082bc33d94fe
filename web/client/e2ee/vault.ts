// The team's vault: an appointment's secrets, sealed to the certified devices of the team and signed by one of them.

import { Aes128Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from "@hpke/core";

import type { Role } from "../types";
import { canon, fromBase64url, fromUtf8, parseObject, toBase64url, utf8, type Bytes } from "./bytes";
import { checkCertificate, CredentialError, HOST_ROLES, type Certificate, type Organisation } from "./credential";
import type { DeviceKeys } from "./device";
import { fingerprint, sign, verify } from "./signatures";

/** Which secret of which appointment. `seat` and `role` are null for the appointment's own secret. */
export interface VaultSubject {
  readonly appointment: string;
  readonly secret: "appointment" | `seat:${string}`;
  readonly seat: string | null;
  readonly role: Role | null;
}

/** The body stays the string that was signed. */
export interface VaultEntry {
  readonly body: string;
  readonly signer: Certificate;
  readonly signature: string;
}

/** Whose certificates count. */
export interface VaultTrust {
  readonly organisation: Organisation;
  readonly revoked: readonly string[];
}

export interface VaultSigner {
  readonly device: DeviceKeys;
  readonly certificate: Certificate;
}

export type VaultRefusal =
  | "malformed"
  | "wrong_subject"
  | "bad_signer"
  | "bad_signature"
  | "not_for_me"
  | "undecryptable"
  | "no_recipients";

export class VaultError extends Error {
  override readonly name = "VaultError";

  constructor(readonly code: VaultRefusal) {
    super(`The vault entry is refused: ${code}.`);
  }
}

const LABEL = "poruch vault";
const SECRET = 16;
/** A secret and a name, always of one length. */
const NAMED = 128;

const suite = (): CipherSuite =>
  new CipherSuite({ kem: new DhkemP256HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes128Gcm() });

export const appointmentSubject = (appointment: string): VaultSubject => ({
  appointment,
  secret: "appointment",
  seat: null,
  role: null,
});

export const seatSubject = (appointment: string, seat: string, role: Role): VaultSubject => ({
  appointment,
  secret: `seat:${seat}`,
  seat,
  role,
});

/** What is sealed for an invitation: its secret, and whom the team has invited with it, cut to what fits. */
export function withName(secret: Bytes, name: string): Bytes {
  const content = new Uint8Array(NAMED);
  content.set(secret);
  let at = SECRET;
  for (const character of name) {
    const bytes = utf8(character);
    if (at + bytes.length > NAMED) break;
    content.set(bytes, at);
    at += bytes.length;
  }
  return content;
}

/** The name is null where none was sealed along. */
export function readContent(content: Bytes): { readonly secret: Bytes; readonly name: string | null } {
  const name = content.slice(SECRET);
  const end = name.indexOf(0);
  const secret = content.slice(0, SECRET);
  try {
    const text = fromUtf8(end < 0 ? name : name.slice(0, end));
    return { secret, name: text === "" ? null : text };
  } catch {
    return { secret, name: null };
  }
}

/** Seals a secret, or a secret with a name, to every recipient whose certificate holds at `now`; the others are left out.
 * Throws a VaultError("no_recipients") when none is left. */
export async function sealEntry(
  subject: VaultSubject,
  secret: Bytes,
  recipients: readonly Certificate[],
  signer: VaultSigner,
  trust: VaultTrust,
  now: number,
): Promise<VaultEntry> {
  if (!hasLength(secret)) throw new RangeError(`What is sealed has ${SECRET} or ${NAMED} bytes, not ${secret.length}.`);
  const sealed: Sealed[] = [];
  for (const certificate of recipients) {
    const to = await recipient(certificate, trust, now);
    if (to && !sealed.some((one) => one.to === to.device)) sealed.push(await sealTo(to, subject, secret));
  }
  if (sealed.length === 0) throw new VaultError("no_recipients");
  const body = canon({ v: 1, ...subject, sealed: sealed.map((one) => ({ ...one })) });
  const signature = await sign(signer.device.sign.privateKey, LABEL, utf8(body));
  return { body, signer: signer.certificate, signature };
}

/** An entry that a host's certified device has signed about the subject that was asked for. */
export interface Vouched {
  /** Fingerprint of the device that signed. */
  readonly signer: string;
  readonly subject: VaultSubject;
  readonly sealed: readonly Sealed[];
}

/** Throws a VaultError unless a host's device, certified at `now`, signed this very subject. */
export async function checkEntry(
  entry: VaultEntry,
  subject: VaultSubject,
  trust: VaultTrust,
  now: number,
): Promise<Vouched> {
  const { sealed, ...about } = readBody(entry.body);
  const signer = await checkSigner(entry, trust, now);
  // Signed for another seat or another call is as bad as not signed at all.
  if (canon({ ...about }) !== canon({ ...subject })) throw new VaultError("wrong_subject");
  return { signer, subject, sealed };
}

/** What was sealed to this device; throws a VaultError. */
export async function openVouched({ subject, sealed }: Vouched, device: DeviceKeys): Promise<Bytes> {
  const mine = sealed.find((one) => one.to === device.fingerprint);
  if (!mine) throw new VaultError("not_for_me");
  let secret: Bytes;
  try {
    const opened = await suite().open(
      { recipientKey: device.seal, enc: fromBase64url(mine.enc).buffer, info: utf8(LABEL).buffer },
      fromBase64url(mine.ciphertext).buffer,
      associated(subject),
    );
    secret = new Uint8Array(opened);
  } catch {
    throw new VaultError("undecryptable");
  }
  if (!hasLength(secret)) throw new VaultError("malformed");
  return secret;
}

/** What was sealed, when a certified device signed this very subject and sealed it to this device; throws a VaultError. */
export async function openEntry(
  entry: VaultEntry,
  subject: VaultSubject,
  device: DeviceKeys,
  trust: VaultTrust,
  now: number,
): Promise<Bytes> {
  return openVouched(await checkEntry(entry, subject, trust, now), device);
}

/** Fingerprints of the devices to which secrets can be sealed at `now`. */
export async function sealable(recipients: readonly Certificate[], trust: VaultTrust, now: number): Promise<string[]> {
  const found = await Promise.all(recipients.map((certificate) => recipient(certificate, trust, now)));
  return found.flatMap((one) => (one ? [one.device] : []));
}

const hasLength = ({ length }: Bytes): boolean => length === SECRET || length === NAMED;

async function checkSigner(entry: VaultEntry, trust: VaultTrust, now: number): Promise<string> {
  let key: string;
  try {
    const { sign: signKey, role } = await checkCertificate(entry.signer, trust.organisation, trust.revoked, now);
    if (!HOST_ROLES.has(role)) throw new VaultError("bad_signer");
    key = signKey;
  } catch (error) {
    if (error instanceof CredentialError) throw new VaultError("bad_signer");
    throw error;
  }
  if (!(await verify(key, LABEL, utf8(entry.body), entry.signature))) throw new VaultError("bad_signature");
  return fingerprint(key);
}

interface Recipient {
  readonly device: string;
  readonly seal: string;
}

async function recipient(certificate: Certificate, trust: VaultTrust, now: number): Promise<Recipient | null> {
  try {
    const { sign: key, seal } = await checkCertificate(certificate, trust.organisation, trust.revoked, now);
    return { device: await fingerprint(key), seal };
  } catch (error) {
    if (error instanceof CredentialError) return null;
    throw error;
  }
}

export interface Sealed {
  /** Fingerprint of the recipient's device. */
  readonly to: string;
  readonly enc: string;
  readonly ciphertext: string;
}

async function sealTo(to: Recipient, subject: VaultSubject, secret: Bytes): Promise<Sealed> {
  const algorithm = { name: "ECDH", namedCurve: "P-256" };
  const recipientPublicKey = await crypto.subtle.importKey("spki", fromBase64url(to.seal), algorithm, true, []);
  const { enc, ct } = await suite().seal(
    { recipientPublicKey, info: utf8(LABEL).buffer },
    secret.slice().buffer,
    associated(subject),
  );
  return { to: to.device, enc: toBase64url(new Uint8Array(enc)), ciphertext: toBase64url(new Uint8Array(ct)) };
}

const associated = (subject: VaultSubject): ArrayBuffer => utf8(canon({ ...subject })).buffer;

function readBody(text: string): VaultSubject & { sealed: Sealed[] } {
  const { v, sealed, appointment, secret, seat, role, ...more } = parseObject(text) ?? {};
  const whole =
    v === 1 &&
    typeof appointment === "string" &&
    typeof secret === "string" &&
    isTextOrNull(seat) &&
    isTextOrNull(role) &&
    Object.keys(more).length === 0 &&
    Array.isArray(sealed) &&
    sealed.every(isSealed);
  if (!whole) throw new VaultError("malformed");
  return { appointment, secret: secret as VaultSubject["secret"], seat, role: role as Role | null, sealed };
}

const isTextOrNull = (value: unknown): value is string | null => value === null || typeof value === "string";

function isSealed(value: unknown): value is Sealed {
  const { to, enc, ciphertext } = (value ?? {}) as Record<string, unknown>;
  return typeof to === "string" && typeof enc === "string" && typeof ciphertext === "string";
}
