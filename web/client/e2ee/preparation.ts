// What a device brings into an encrypted call: its keys, its secrets, and against what it judges the others.

import type { SeatReply } from "../types";
import { toBase64url } from "./bytes";
import { HOST_ROLES, type Certificate, type Organisation, type Trust } from "./credential";
import type { Oneself } from "./crypto";
import { keptCertificate, keptSecrets, makeDevice, openDevice, type DeviceKeys } from "./device";
import type { LinkFragment } from "./fragment";
import { everRevoked, linkedOrganisation, ownOrganisation, serverTrust } from "./organisation";
import { ownCertificate } from "./own-certificate";
import type { CurveSource } from "./start";
import { teamSecrets, VaultUnavailable, type TeamSecrets } from "./team";

export interface Preparation {
  readonly oneself: Oneself;
  readonly trust: Trust;
  readonly curves: CurveSource;
  /** A certified host that holds the appointment's secret: it may raise a group. */
  readonly mayRaise: boolean;
  /** Links that were handed out before do not fit any more: their secrets were made anew for this. */
  readonly anew: boolean;
}

const NOTHING: TeamSecrets = { appointment: null, invitations: {}, names: {}, anew: false };

/** The device's own keys; for this page alone where the browser keeps nothing. */
export async function ownDevice(): Promise<DeviceKeys> {
  try {
    return await openDevice();
  } catch {
    return makeDevice();
  }
}

/** Made anew for every entry: certificates, revocations and the vault may have changed. `link` is what stands in this page's own
 * address, or null where that holds none: it alone says by what the person has come and whom they trust, whatever the server
 * calls them. Its secrets are kept ones where they have left the address.
 * Rejects with a CredentialError where the server names another organisation than the link ("wrong_organisation") or this device's
 * certificate ("moved_organisation"). */
export async function prepare(
  { you, appointment }: SeatReply,
  curves: CurveSource,
  link: LinkFragment | null,
): Promise<Preparation> {
  const device = await ownDevice();
  const secrets = link && (link.secrets ?? (await keptSecrets(link.token).catch(() => null)));
  const certificate = link ? null : await ownCertificate(device, you.role);
  const kept = link ? null : await keptCertificate().catch(() => null);
  const said = await serverTrust();
  const revoked = await everRevoked(said);
  const organisation = await (link ? linkedOrganisation(said, secrets?.organisation ?? null) : ownOrganisation(said, kept));
  const team = certificate && organisation ? await opened(appointment.id, device, certificate, organisation, revoked) : NOTHING;
  const secret = secrets ? toBase64url(secrets.appointment) : team.appointment;
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
    invitation: secrets?.invitation ?? null,
  };
  const mayRaise = oneself.certificate !== null && HOST_ROLES.has(you.role) && secret !== null;
  return { oneself, trust, curves, mayRaise, anew: team.anew };
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
