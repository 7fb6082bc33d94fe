// What a device brings into an encrypted call: its keys, its secrets, and against what it judges the others.

import { atServer } from "../server";
import type { SeatReply } from "../types";
import { toBase64url } from "./bytes";
import {
  HOST_ROLES,
  pinOrganisation,
  readCertificate,
  type Certificate,
  type Organisation,
  type Trust,
} from "./credential";
import type { Oneself } from "./crypto";
import { keepRevocations, keptRevocations, keptSecrets, makeDevice, openDevice, type DeviceKeys } from "./device";
import type { LinkSecrets } from "./fragment";
import { ownCertificate } from "./own-certificate";
import type { CurveSource } from "./start";
import { teamSecrets, VaultUnavailable, type TeamSecrets } from "./team";

export interface Preparation {
  readonly oneself: Oneself;
  readonly trust: Trust;
  readonly curves: CurveSource;
  /** A certified host that holds the appointment's secret: it may raise a group. */
  readonly mayRaise: boolean;
}

const NOTHING: TeamSecrets = { appointment: null, invitations: {}, names: {} };

/** Whose keys count, as the server says it; the caller knows from elsewhere whether it is the right key. */
interface ServerTrust {
  readonly organisation: { readonly key: string } | null;
  readonly revoked: readonly string[];
  /** Those of them that can never count again; the others' accounts are disabled for now. */
  readonly for_good: readonly string[];
}

/** The device's own keys; for this page alone where the browser keeps nothing. */
export async function ownDevice(): Promise<DeviceKeys> {
  try {
    return await openDevice();
  } catch {
    return makeDevice();
  }
}

/** Made anew for every entry: certificates, revocations and the vault may have changed. `offered` came with the link just now.
 * Rejects with a CredentialError("wrong_organisation") where the server names another organisation than the link does. */
export async function prepare(
  { you, appointment }: SeatReply,
  curves: CurveSource,
  offered: LinkSecrets | null,
): Promise<Preparation> {
  const device = await ownDevice();
  const certificate = you.kind === "staff" ? await ownCertificate(device, you.role) : null;
  const link = you.kind === "link" ? (offered ?? (await keptSecrets(appointment.id).catch(() => null))) : null;
  const said = await serverTrust();
  const revoked = await everRevoked(said);
  const pin = link?.organisation ?? (certificate && organisationOf(certificate));
  const organisation = said.organisation && (await pinOrganisation(said.organisation.key, pin));
  const team = certificate && organisation ? await opened(appointment.id, device, certificate, organisation, revoked) : NOTHING;
  const secret = link ? toBase64url(link.appointment) : team.appointment;
  const trust: Trust = {
    appointment: appointment.id,
    organisation,
    revoked,
    invitations: team.invitations,
    names: team.names,
    secret,
  };
  const oneself: Oneself = {
    appointment: appointment.id,
    seat: you.seat,
    role: you.role,
    name: you.name,
    device,
    certificate: organisation ? certificate : null,
    invitation: link?.invitation ?? null,
  };
  const mayRaise = oneself.certificate !== null && HOST_ROLES.has(you.role) && secret !== null;
  return { oneself, trust, curves, mayRaise };
}

async function opened(
  appointment: string,
  device: DeviceKeys,
  certificate: Certificate,
  organisation: Organisation,
  revoked: readonly string[],
): Promise<TeamSecrets> {
  try {
    return await teamSecrets(appointment, { device, certificate }, { organisation, revoked });
  } catch (error) {
    // Signed out meanwhile, or offline: whoever holds the secrets lets this device in.
    if (error instanceof VaultUnavailable) return NOTHING;
    throw error;
  }
}

function organisationOf(certificate: Certificate): string | null {
  try {
    return readCertificate(certificate).organisation;
  } catch {
    return null;
  }
}

/** A revocation is for good, so a server that has once told of it cannot take it back on this device. */
async function everRevoked(said: ServerTrust): Promise<readonly string[]> {
  const kept = await keptRevocations().catch(() => []);
  const known = [...new Set([...kept, ...said.for_good])];
  if (known.length > kept.length) await keepRevocations(known).catch(() => undefined);
  return [...new Set([...known, ...said.revoked])];
}

async function serverTrust(): Promise<ServerTrust> {
  const reply = await fetch(atServer("/api/trust"), { credentials: "omit", cache: "no-store" });
  if (!reply.ok) throw new Error(`Whom to trust is not known: ${reply.status}`);
  return (await reply.json()) as ServerTrust;
}
