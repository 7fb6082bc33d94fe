/** This browser as one of its owner's devices at the server: asking to be certified, and fetching the certificate. */

import { canon, utf8 } from "./e2ee/bytes";
import type { Certificate } from "./e2ee/credential";
import { keepCertificate, signWith, type DeviceKeys } from "./e2ee/device";
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

/** Asks for this browser to be certified; asking again is how the certificate comes here, where it is kept. */
export async function registerDevice(device: DeviceKeys, account: string, csrf: string): Promise<OwnDevice> {
  const keys = { seal: device.sealKey, sign: device.signKey };
  const proof = await signWith(device, "poruch device", utf8(canon({ account, ...keys })));
  const known = await postJson<OwnDevice>("/api/devices", { ...keys, proof }, csrf);
  if (known.certificate) await keepCertificate(known.certificate);
  return known;
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

/** The beginning of a fingerprint in fours, for two people to compare; the server shows the same. */
export const grouped = (fingerprint: string): string => (fingerprint.slice(0, 16).match(/.{4}/g) ?? []).join(" ");
