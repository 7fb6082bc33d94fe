// The fragment of an invitation link: the token that the server knows, and the secrets that it never sees.

import { concat, fromBase64url, toBase64url, type Bytes } from "./bytes";

const VERSION = 1;
const SECRET = 16;
const FINGERPRINT = 32;

/** Their presence in a link means: this call is encrypted or does not happen. */
export interface LinkSecrets {
  /** 16 bytes that bind this person's leaf to the invitation. */
  readonly invitation: Bytes;
  /** 16 bytes that every invited person of the appointment has. */
  readonly appointment: Bytes;
  /** SHA-256 of the organisation's public key (SPKI), base64url. */
  readonly organisation: string;
}

export interface LinkFragment {
  readonly token: string;
  readonly secrets: LinkSecrets | null;
}

/** The link asks for encryption, but its secrets are cut short or damaged. It must never be followed without them. */
export class FragmentError extends Error {
  override readonly name = "FragmentError";
}

/** Reads `location.hash`; null when it carries no invitation. Throws a FragmentError when `s` is there but wrong. */
export function parseFragment(hash: string): LinkFragment | null {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const token = fields.get("i");
  if (!token) return null;
  const packed = fields.get("s");
  return { token, secrets: packed === null ? null : unpack(packed) };
}

/** `#i=…&s=…`, or without `s` where there are no secrets. */
export function writeFragment({ token, secrets }: LinkFragment): string {
  return secrets === null ? `#i=${token}` : `#i=${token}&s=${pack(secrets)}`;
}

/** What stays in the address bar once the secrets are stored on the device. */
export const reducedFragment = (token: string): string => writeFragment({ token, secrets: null });

function pack({ invitation, appointment, organisation }: LinkSecrets): string {
  return toBase64url(concat(Uint8Array.of(VERSION), invitation, appointment, fromBase64url(organisation)));
}

function unpack(packed: string): LinkSecrets {
  let bytes: Bytes;
  try {
    bytes = fromBase64url(packed);
  } catch {
    throw new FragmentError("The link's secrets are not base64url.");
  }
  if (bytes[0] !== VERSION) throw new FragmentError(`The link's secrets have version ${bytes[0] ?? "none"}, not 1.`);
  if (bytes.length !== 1 + 2 * SECRET + FINGERPRINT)
    throw new FragmentError(`The link's secrets have ${bytes.length} bytes, not ${1 + 2 * SECRET + FINGERPRINT}.`);
  return {
    invitation: bytes.slice(1, 1 + SECRET),
    appointment: bytes.slice(1 + SECRET, 1 + 2 * SECRET),
    organisation: toBase64url(bytes.slice(1 + 2 * SECRET)),
  };
}
