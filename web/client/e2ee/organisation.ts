// The organisation that this device goes by: the server says its key, a link or the device's own certificate says which one it may be.

import { atServer } from "../server";
import { CredentialError, pinOrganisation, readCertificate, type Certificate, type Organisation } from "./credential";
import { keepRevocations, keptRevocations } from "./device";

/** Whose keys count, as the server says it; the caller knows from elsewhere whether it is the right key. */
export interface ServerTrust {
  readonly organisation: { readonly key: string } | null;
  readonly revoked: readonly string[];
  /** Those of them that can never count again; the others' accounts are disabled for now. */
  readonly for_good: readonly string[];
}

/** The server does not say whom to trust, or cannot be reached. */
export class TrustUnavailable extends Error {
  override readonly name = "TrustUnavailable";
}

export async function serverTrust(): Promise<ServerTrust> {
  let reply: Response;
  try {
    reply = await fetch(atServer("/api/trust"), { credentials: "omit", cache: "no-store" });
  } catch {
    throw new TrustUnavailable("The server cannot be reached.");
  }
  if (!reply.ok) throw new TrustUnavailable(`Whom to trust is not known: ${reply.status}.`);
  return (await reply.json()) as ServerTrust;
}

/** The organisation by which somebody with a link goes: the one that the link names. Rejects with a
 * CredentialError("wrong_organisation") where the server names another. */
export async function linkedOrganisation({ organisation }: ServerTrust, named: string | null): Promise<Organisation | null> {
  return organisation && pinOrganisation(organisation.key, named);
}

/** The organisation by which a device of staff goes: the one in the certificate that it keeps, even where that has expired or is
 * for another role, until the device is forgotten. A device that keeps none (null) takes the server's word. Rejects with a
 * CredentialError("moved_organisation") where the server names another. */
export async function ownOrganisation(
  { organisation }: ServerTrust,
  kept: Certificate | null,
): Promise<Organisation | null> {
  try {
    return organisation && (await pinOrganisation(organisation.key, kept && readCertificate(kept).organisation));
  } catch (error) {
    if (error instanceof CredentialError && error.code === "wrong_organisation") throw new CredentialError("moved_organisation");
    throw error;
  }
}

/** A revocation is for good, so a server that has once told of it cannot take it back on this device. */
export async function everRevoked(said: ServerTrust): Promise<readonly string[]> {
  const kept = await keptRevocations().catch(() => []);
  const known = [...new Set([...kept, ...said.for_good])];
  if (known.length > kept.length) await keepRevocations(known).catch(() => undefined);
  return [...new Set([...known, ...said.revoked])];
}
