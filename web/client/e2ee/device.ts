// This browser as a device: key pairs that cannot leave it, and what it remembers for calls. All of it can be
// forgotten at once.

import { sha256, toBase64url, utf8, type Bytes } from "./bytes";
import type { Certificate, Identity } from "./credential";
import type { LinkSecrets } from "./fragment";
import { ECDSA, exportSpki, fingerprint, sign } from "./signatures";

const DATABASE = "poruch-device";
const STORES = ["keys", "certificate", "secrets", "verified", "mismatches", "revoked"] as const;
/** Grows with the list above. */
const VERSION = 2;
type StoreName = (typeof STORES)[number];

export interface DeviceKeys {
  /** ECDSA P-256: signs this device's leaves and vault entries. */
  readonly sign: CryptoKeyPair;
  /** ECDH P-256: vault entries are sealed to it. */
  readonly seal: CryptoKeyPair;
  /** SPKI, base64url. */
  readonly signKey: string;
  /** SPKI, base64url. */
  readonly sealKey: string;
  /** SHA-256 of the signing key's SPKI, base64url: the device's name. */
  readonly fingerprint: string;
}

/** Makes key pairs whose private halves WebCrypto never hands out. */
export async function makeDevice(): Promise<DeviceKeys> {
  const [signing, sealing] = await Promise.all([
    crypto.subtle.generateKey(ECDSA, false, ["sign", "verify"]),
    crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, false, ["deriveBits"]),
  ]);
  return described(signing, sealing);
}

/** This browser's keys, made when it is asked for the first time. Rejects where the browser keeps nothing (private
 * windows). */
export async function openDevice(): Promise<DeviceKeys> {
  const kept = await read<Pick<DeviceKeys, "sign" | "seal">>("keys", "device");
  if (kept) return described(kept.sign, kept.seal);
  const made = await makeDevice();
  // Two tabs may come here at once: the first to store wins, and both go on with what is stored.
  const winner = await addOrRead("keys", "device", { sign: made.sign, seal: made.seal });
  return winner ? described(winner.sign, winner.seal) : made;
}

/** Takes keys from elsewhere in place of this browser's own: the demo's sign-in links bring some. */
export const keepDevice = (keys: Pick<DeviceKeys, "sign" | "seal">): Promise<void> => write("keys", "device", keys);

async function described(signing: CryptoKeyPair, sealing: CryptoKeyPair): Promise<DeviceKeys> {
  const [signKey, sealKey] = await Promise.all([exportSpki(signing.publicKey), exportSpki(sealing.publicKey)]);
  return { sign: signing, seal: sealing, signKey, sealKey, fingerprint: await fingerprint(signKey) };
}

/** ECDSA over `label ‖ 0 ‖ body` by this device; base64url. */
export function signWith(device: DeviceKeys, label: string, body: Bytes): Promise<string> {
  return sign(device.sign.privateKey, label, body);
}

/** Staff: what the organisation has certified this device as. */
export const keptCertificate = (): Promise<Certificate | null> => read("certificate", "certificate");
export const keepCertificate = (certificate: Certificate): Promise<void> =>
  write("certificate", "certificate", certificate);

/** The secrets of a link once they have left the address bar, by the token that stays there: what the server calls this
 * appointment does not decide which are found. */
export const keptSecrets = async (token: string): Promise<LinkSecrets | null> => read("secrets", await filed(token));
export const keepSecrets = async (token: string, secrets: LinkSecrets): Promise<void> =>
  write("secrets", await filed(token), secrets);

/** A token opens a door, so it is not kept itself. */
const filed = async (token: string): Promise<string> => toBase64url(await sha256(utf8(`poruch link ${token}`)));

/** Somebody at a device. Several people may use one, so that what was found out about one of them is not the others'. */
export type Who = Pick<Identity, "device" | "role" | "name">;

/** The same for the same person at the same device, and for nobody else. */
export const whoKey = ({ device, role, name }: Who): string => JSON.stringify([device, role, name]);

/** Whether a spoken code has matched with that person at that device on an earlier day. */
export const isVerified = async (who: Who): Promise<boolean> => (await read<true>("verified", whoKey(who))) !== null;
export const keepVerified = (who: Who): Promise<void> => write("verified", whoKey(who), true);

/** How often spoken codes did not match since one did, by the link's token, or the appointment where there is no link. */
export const keptMismatches = async (place: string): Promise<number> =>
  (await read<number>("mismatches", await filed(place))) ?? 0;
export const keepMismatches = async (place: string, count: number): Promise<void> =>
  write("mismatches", await filed(place), count);

/** Fingerprints of devices that were revoked, as far as this device has ever heard. */
export const keptRevocations = async (): Promise<readonly string[]> => (await read<string[]>("revoked", "all")) ?? [];
export const keepRevocations = (devices: readonly string[]): Promise<void> => write("revoked", "all", [...devices]);

/** Erases the keys and everything remembered. The next use begins as a device that nobody knows. */
export async function forgetDevice(): Promise<void> {
  await inTransaction(STORES, "readwrite", (open) => STORES.forEach((name) => void open(name).clear()));
}

async function read<T>(store: StoreName, key: string): Promise<T | null> {
  const request = await inTransaction<IDBRequest>([store], "readonly", (open) => open(store).get(key));
  return (request.result as T | undefined) ?? null;
}

async function write(store: StoreName, key: string, value: unknown): Promise<void> {
  await inTransaction([store], "readwrite", (open) => void open(store).put(value, key));
}

/** Stores the value unless there is one already, which is returned then. */
async function addOrRead<T>(store: StoreName, key: string, value: T): Promise<T | null> {
  const request = await inTransaction<IDBRequest>([store], "readwrite", (open) => {
    const present = open(store).get(key);
    present.onsuccess = () => {
      if (present.result === undefined) open(store).add(value, key);
    };
    return present;
  });
  return (request.result as T | undefined) ?? null;
}

/** Resolves once the transaction is complete, which is when it is on the disk. */
async function inTransaction<T>(
  stores: readonly StoreName[],
  mode: IDBTransactionMode,
  work: (open: (name: StoreName) => IDBObjectStore) => T,
): Promise<T> {
  const database = await openDatabase();
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = database.transaction([...stores], mode);
      const result = work((name) => transaction.objectStore(name));
      transaction.oncomplete = () => resolve(result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error ?? new Error("IndexedDB gave up."));
    });
  } finally {
    database.close();
  }
}

function openDatabase(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, VERSION);
    request.onupgradeneeded = () => {
      const { result } = request;
      for (const name of STORES) if (!result.objectStoreNames.contains(name)) result.createObjectStore(name);
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB does not open."));
  });
}
