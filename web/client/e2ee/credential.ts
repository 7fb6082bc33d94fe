// Who a leaf belongs to: certificates of staff devices, the credential that every leaf carries, and the
// authentication service that judges it.

import type { Role } from "../types";
import {
  canon,
  equal,
  fromBase64url,
  fromUtf8,
  hmac,
  labelled,
  parseObject,
  sha256,
  toBase64url,
  utf8,
  type Bytes,
  type Json,
} from "./bytes";
import { fingerprint, sign, verify } from "./signatures";

/** Roles whose certified devices create groups and commit. */
export const HOST_ROLES: ReadonlySet<Role> = new Set([
  "case_manager",
  "social_worker",
  "psychologist",
  "lawyer",
  "rehabilitation",
]);

/** Roles that come by a link of their own; their leaves are bound by the invitation's secret instead of a
 * certificate. */
const BY_LINK: ReadonlySet<Role> = new Set(["client", "representative", "helper", "agency_guest"]);

const ROLES: ReadonlySet<string> = new Set([...HOST_ROLES, ...BY_LINK, "interpreter", "supervisor", "administrator"]);

/** What the organisation's key says about one staff device. Times are ISO 8601 UTC. */
export interface CertificateBody {
  readonly v: 1;
  readonly kind: "device-certificate";
  /** Fingerprint of the organisation's key. */
  readonly organisation: string;
  readonly account: string;
  readonly name: string;
  readonly role: Role;
  /** SPKI, base64url. */
  readonly sign: string;
  /** SPKI, base64url. */
  readonly seal: string;
  readonly issued: string;
  readonly expires: string;
}

/** The body stays the string that was signed. */
export interface Certificate {
  readonly body: string;
  readonly signature: string;
}

export interface Organisation {
  /** SPKI, base64url. */
  readonly key: string;
  /** Whether the key's fingerprint is known from elsewhere than the server: a link, or this device's own
   * certificate. */
  readonly pinned: boolean;
}

/** The key that the server hands out, held against the fingerprint that is known from a link or from this device's own
 * certificate (null: from nowhere). Throws a CredentialError("wrong_organisation"): then the call must not go on. */
export async function pinOrganisation(key: string, known: string | null): Promise<Organisation> {
  let found: string;
  try {
    found = await fingerprint(key);
  } catch {
    throw new CredentialError("malformed");
  }
  if (known !== null && found !== known) throw new CredentialError("wrong_organisation");
  return { key, pinned: known !== null };
}

/** Everything a device holds against which it judges the leaves of one appointment. */
export interface Trust {
  readonly appointment: string;
  /** null: no organisation is known, and nobody can be certified. */
  readonly organisation: Organisation | null;
  /** Fingerprints of devices that were revoked. */
  readonly revoked: readonly string[];
  /** Invitation secrets that this device knows, by seat, base64url. */
  readonly invitations: Readonly<Record<string, string>>;
  /** Whom the team has invited with these, by seat: no word of the server's. A seat may be missing. */
  readonly names?: Readonly<Record<string, string>>;
  /** The appointment's secret, base64url; null where this device was not given it. */
  readonly secret: string | null;
}

export type Standing = "certified" | "invited" | "unverified";

/** The person behind a leaf, as far as keys tell. */
export interface Identity {
  readonly seat: string;
  readonly role: Role;
  /** From the certificate for certified staff, from the team's invitation where this device holds it, else from the leaf. */
  readonly name: string;
  readonly standing: Standing;
  /** Fingerprint of the device. */
  readonly device: string;
  /** A host's device with a certificate that holds: it may create groups, add and remove. */
  readonly mayCommit: boolean;
}

export type Refusal =
  | "malformed"
  | "wrong_appointment"
  | "bad_proof"
  | "bad_certificate"
  | "wrong_organisation"
  /** Another one than certified this device. */
  | "moved_organisation"
  | "not_yet_valid"
  | "expired"
  | "revoked"
  | "role_mismatch"
  | "device_mismatch"
  | "bad_mac";

export class CredentialError extends Error {
  override readonly name = "CredentialError";

  constructor(readonly code: Refusal) {
    super(`The credential is refused: ${code}.`);
  }
}

const PROOF = "poruch leaf";
const INVITATION = "poruch invitation";
const CERTIFICATE = "poruch device certificate";
const SECOND_MS = 1_000;
/** Clocks of phones and of the administrator's computer differ. */
const CLOCK_DIFFERENCE_MS = 300 * SECOND_MS;

/** Signs a certificate with the organisation's private key, in the browser of whoever holds it. */
export async function issueCertificate(organisationKey: CryptoKey, body: CertificateBody): Promise<Certificate> {
  const text = canon({ ...body });
  return { body: text, signature: await sign(organisationKey, CERTIFICATE, utf8(text)) };
}

/** The certificate's content when it holds at `now` (ms since 1970); throws a CredentialError. */
export async function checkCertificate(
  certificate: Certificate,
  organisation: Organisation,
  revoked: readonly string[],
  now: number,
): Promise<CertificateBody> {
  const body = await checkIssuer(certificate, organisation);
  if (now + CLOCK_DIFFERENCE_MS < Date.parse(body.issued)) throw new CredentialError("not_yet_valid");
  if (now >= Date.parse(body.expires)) throw new CredentialError("expired");
  if (revoked.includes(await fingerprint(body.sign))) throw new CredentialError("revoked");
  return body;
}

/** The content when this organisation has signed it, whether or not it holds today; throws a CredentialError. */
export async function checkIssuer(certificate: Certificate, organisation: Organisation): Promise<CertificateBody> {
  const body = readCertificate(certificate);
  if (body.organisation !== (await fingerprint(organisation.key))) throw new CredentialError("wrong_organisation");
  if (!(await verify(organisation.key, CERTIFICATE, utf8(certificate.body), certificate.signature)))
    throw new CredentialError("bad_certificate");
  return body;
}

/** The content without any check of its signature; throws a CredentialError("malformed"). */
export function readCertificate(certificate: Certificate): CertificateBody {
  const body = parseObject(certificate.body);
  const texts = ["organisation", "account", "name", "role", "sign", "seal", "issued", "expires"];
  const whole =
    body?.["v"] === 1 &&
    body["kind"] === "device-certificate" &&
    texts.every((field) => typeof body[field] === "string") &&
    ROLES.has(body["role"] as string) &&
    !Number.isNaN(Date.parse(body["issued"] as string)) &&
    !Number.isNaN(Date.parse(body["expires"] as string));
  if (!whole) throw new CredentialError("malformed");
  return body as unknown as CertificateBody;
}

/** What somebody says of themself; `leaf` is the MLS signature key of this session. */
export interface Claim {
  readonly appointment: string;
  readonly seat: string;
  readonly role: Role;
  readonly name: string;
  readonly leaf: Bytes;
}

/** What the device signs (label "poruch leaf") to take a leaf for its own. */
export async function leafStatement(claim: Claim): Promise<Bytes> {
  return sha256(claimBytes(claim));
}

export const LEAF_LABEL = PROOF;

/** The bytes of an MLS basic credential. `proof` is the device's signature over `leafStatement`, base64url. */
export async function makeCredential(
  claim: Claim,
  device: string,
  proof: string,
  certificate: Certificate | null,
  invitation: Bytes | null,
): Promise<Bytes> {
  const { appointment, seat, role, name } = claim;
  const mac = invitation && (await hmac(invitation, labelled(INVITATION, claimBytes(claim))));
  const credential: Json = {
    v: 1,
    appointment,
    seat,
    role,
    name,
    device,
    proof,
    ...(certificate ? { certificate: { body: certificate.body, signature: certificate.signature } } : {}),
    ...(mac ? { mac: toBase64url(mac) } : {}),
  };
  return utf8(canon(credential));
}

/** Judges a leaf at `now` (ms since 1970): who it is, or a CredentialError. Whatever arrives, nothing else is
 * thrown. */
export async function identify(identity: Uint8Array, leaf: Bytes, trust: Trust, now: number): Promise<Identity> {
  const { seat, role, name, device, proof, certificate, mac, ...rest } = readCredential(identity);
  if (rest.appointment !== trust.appointment) throw new CredentialError("wrong_appointment");
  const claim: Claim = { appointment: rest.appointment, seat, role, name, leaf };
  if (!(await verify(device, PROOF, await leafStatement(claim), proof))) throw new CredentialError("bad_proof");
  const known = { seat, role, name, device: await fingerprint(device) };
  if (trust.revoked.includes(known.device)) throw new CredentialError("revoked");
  if (certificate && trust.organisation) {
    const body = await checkCertificate(certificate, trust.organisation, trust.revoked, now);
    if (body.sign !== device) throw new CredentialError("device_mismatch");
    if (body.role !== role) throw new CredentialError("role_mismatch");
    const standing = trust.organisation.pinned ? "certified" : "unverified";
    return { ...known, name: body.name, standing, mayCommit: HOST_ROLES.has(role) };
  }
  const secret = trust.invitations[seat];
  // A reminder by the server carries no secret: such a leaf comes without a mac, and nobody vouches for it.
  if (BY_LINK.has(role) && secret !== undefined && mac !== undefined) {
    const wanted = await hmac(fromBase64url(secret), labelled(INVITATION, claimBytes(claim)));
    if (!equal(wanted, readBytes(mac))) throw new CredentialError("bad_mac");
    // Who comes by link is told their own name by the server; the team knows better whom it has invited.
    return { ...known, name: trust.names?.[seat] ?? name, standing: "invited", mayCommit: false };
  }
  return { ...known, standing: "unverified", mayCommit: false };
}

function claimBytes({ appointment, seat, role, name, leaf }: Claim): Bytes {
  return utf8(canon({ appointment, seat, role, name, leaf: toBase64url(leaf) }));
}

interface Credential extends Omit<Claim, "leaf"> {
  readonly device: string;
  readonly proof: string;
  readonly certificate: Certificate | null;
  readonly mac: string | undefined;
}

function readCredential(identity: Uint8Array): Credential {
  let fields: Record<string, unknown> | null;
  try {
    fields = parseObject(fromUtf8(identity));
  } catch {
    throw new CredentialError("malformed");
  }
  if (fields?.["v"] !== 1) throw new CredentialError("malformed");
  const text = (field: string): string => {
    const value = fields[field];
    if (typeof value !== "string" || value === "") throw new CredentialError("malformed");
    return value;
  };
  if (!ROLES.has(text("role"))) throw new CredentialError("malformed");
  readBytes(text("device"));
  return {
    appointment: text("appointment"),
    seat: text("seat"),
    role: text("role") as Role,
    name: text("name"),
    device: text("device"),
    proof: text("proof"),
    certificate: fields["certificate"] === undefined ? null : readPair(fields["certificate"]),
    mac: fields["mac"] === undefined ? undefined : text("mac"),
  };
}

function readPair(value: unknown): Certificate {
  const { body, signature } = (value ?? {}) as Record<string, unknown>;
  if (typeof body !== "string" || typeof signature !== "string") throw new CredentialError("malformed");
  return { body, signature };
}

function readBytes(text: string): Bytes {
  try {
    return fromBase64url(text);
  } catch {
    throw new CredentialError("malformed");
  }
}
