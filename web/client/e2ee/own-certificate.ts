// What the organisation says of this browser: kept from before, or fetched from the server, which is asked to have it certified if need be.

import type { Role } from "../types";
import { ownDevices, registerDevice, ServerRefusal } from "../staff-device";
import { CredentialError, readCertificate, type Certificate } from "./credential";
import { keptCertificate, type DeviceKeys } from "./device";

/** null while this browser is not certified for that role; asking for it is then already done. The role is the server's word, and
 * so is all that it sends: nothing of it takes the place of what is kept unless the same organisation has signed it.
 * Rejects with a CredentialError("moved_organisation"). */
export async function ownCertificate(device: DeviceKeys, role: Role | null): Promise<Certificate | null> {
  const kept = await keptCertificate().catch(() => null);
  if (kept && serves(kept, device, role)) return kept;
  try {
    const { account, csrf } = await ownDevices();
    const { certificate } = await registerDevice(device, account.id, csrf);
    return certificate && serves(certificate, device, role) ? certificate : null;
  } catch (error) {
    // Signed out, offline, revoked, given what nobody has signed, or a browser that keeps nothing: then it is not certified.
    if (error instanceof ServerRefusal || error instanceof DOMException) return null;
    if (error instanceof CredentialError && error.code !== "moved_organisation") return null;
    throw error;
  }
}

function serves(certificate: Certificate, device: DeviceKeys, role: Role | null): boolean {
  const body = readCertificate(certificate);
  return body.sign === device.signKey && (role === null || body.role === role) && Date.now() < Date.parse(body.expires);
}
