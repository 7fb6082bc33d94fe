/** This browser as one of its owner's devices at the server: asking to be certified, and fetching the certificate. */

import { canon, sha256, toBase64url, utf8 } from "./e2ee/bytes";
import { checkIssuer, CredentialError, type Certificate, type Organisation } from "./e2ee/credential";
import { keepCertificate, keptCertificate, signWith, type DeviceKeys } from "./e2ee/device";
import { ownOrganisation, serverTrust } from "./e2ee/organisation";
import { atServer } from "./server";

export interface OwnDevice {
  readonly id: string;
  readonly fingerprint: string;
  readonly state: "asked" | "certified" | "expired" | "revoked";
  readonly certificate: Certificate | null;
  readonly asked_at: string;
  readonly expires_at: string | null;
}

export interface OwnDevices {
  /** For `X-Csrf-Token`. */
  readonly csrf: string;
  readonly account: { readonly id: string; readonly name: string; readonly role: string };
  readonly devices: readonly OwnDevice[];
}

/** The server said no; the message is ready to be shown. */
export class ServerRefusal extends Error {
  override readonly name = "ServerRefusal";

  constructor(
    readonly code: string,
    text: string,
  ) {
    super(text);
  }
}

export const ownDevices = (): Promise<OwnDevices> => request<OwnDevices>("/api/devices", { method: "GET" });

/** Asks for this browser to be certified; asking again is how the certificate comes here, where it is kept. Rejects with a
 * CredentialError where the server names another organisation than has certified this browser, or hands out what that one has
 * not signed: then what is kept stays as it was, until the device is forgotten. */
export async function registerDevice(device: DeviceKeys, account: string, csrf: string): Promise<OwnDevice> {
  const organisation = await ownOrganisation(await serverTrust(), await keptCertificate());
  const keys = { seal: device.sealKey, sign: device.signKey };
  const proof = await signWith(device, "poruch device", utf8(canon({ account, ...keys })));
  const known = await postJson<OwnDevice>("/api/devices", { ...keys, proof }, csrf);
  if (known.certificate) await take(known.certificate, device, organisation);
  return known;
}

async function take(certificate: Certificate, device: DeviceKeys, organisation: Organisation | null): Promise<void> {
  if (!organisation) throw new CredentialError("wrong_organisation");
  const { sign: signKey, seal } = await checkIssuer(certificate, organisation);
  if (signKey !== device.signKey || seal !== device.sealKey) throw new CredentialError("device_mismatch");
  await keepCertificate(certificate);
}

export const postJson = <T>(path: string, body: object, csrf: string): Promise<T> =>
  request<T>(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Csrf-Token": csrf },
    body: JSON.stringify(body),
  });

/** Rejects with a ServerRefusal, whose code is `offline` when no answer came. */
async function request<T>(path: string, options: RequestInit): Promise<T> {
  let answer: unknown;
  try {
    answer = await (await fetch(atServer(path), { ...options, cache: "no-store", credentials: "include" })).json();
  } catch {
    throw new ServerRefusal("offline", "");
  }
  const { error } = answer as { error?: { code: string; text: string } };
  if (error) throw new ServerRefusal(error.code, error.text);
  return answer as T;
}

/** What two people compare before a device is certified: of both its keys, in fours; the server shows the same. Of the sealing key
 * too: whoever could put another one beside a true signing key would be sent the team's secrets. */
export async function deviceCode(sign: string, seal: string): Promise<string> {
  const said = toBase64url(await sha256(utf8(canon({ seal, sign }))));
  return (said.slice(0, 16).match(/.{4}/g) ?? []).join(" ");
}
