// People with devices for the tests of encryption: an organisation, certified staff, clients with links, and their
// groups.

import { toBase64url, type Bytes } from "../../web/client/e2ee/bytes";
import {
  issueCertificate,
  LEAF_LABEL,
  leafStatement,
  makeCredential,
  type Certificate,
  type Trust,
} from "../../web/client/e2ee/credential";
import { makeDevice, signWith, type DeviceKeys } from "../../web/client/e2ee/device";
import { makeKeyPackage, makeLeafKeys, writeKeyPackage, type OwnPackage } from "../../web/client/e2ee/leaf";
import { Group } from "../../web/client/e2ee/mls";
import { ECDSA, exportSpki, fingerprint } from "../../web/client/e2ee/signatures";
import { makeSuite, nativeCurves } from "../../web/client/e2ee/suite";
import type { Role } from "../../web/client/types";

export const NOW = Date.parse("2026-03-02T10:00:00.000Z");
export const APPOINTMENT = "a0a0a0a0a0a0a0a0";

export const suite = await makeSuite(nativeCurves);

export const bytes = (length: number, fill: number): Bytes => new Uint8Array(length).fill(fill);

/** The appointment's secret, base64url. */
export const SECRET = toBase64url(bytes(16, 7));

export interface OrganisationKeys {
  readonly pair: CryptoKeyPair;
  readonly key: string;
  readonly fingerprint: string;
}

export async function makeOrganisation(): Promise<OrganisationKeys> {
  const pair = await crypto.subtle.generateKey(ECDSA, false, ["sign", "verify"]);
  const key = await exportSpki(pair.publicKey);
  return { pair, key, fingerprint: await fingerprint(key) };
}

export const organisation = await makeOrganisation();

export function trust(change: Partial<Trust> = {}): Trust {
  return {
    appointment: APPOINTMENT,
    organisation: { key: organisation.key, pinned: true },
    revoked: [],
    invitations: {},
    secret: SECRET,
    ...change,
  };
}

export interface CertificateChange {
  readonly role?: Role;
  readonly issued?: string;
  readonly expires?: string;
  readonly by?: OrganisationKeys;
}

export function certify(device: DeviceKeys, name: string, change: CertificateChange = {}): Promise<Certificate> {
  const by = change.by ?? organisation;
  return issueCertificate(by.pair.privateKey, {
    v: 1,
    kind: "device-certificate",
    organisation: by.fingerprint,
    account: `account of ${name}`,
    name,
    role: change.role ?? "psychologist",
    sign: device.signKey,
    seal: device.sealKey,
    issued: change.issued ?? "2026-01-01T00:00:00.000Z",
    expires: change.expires ?? "2027-01-01T00:00:00.000Z",
  });
}

/** Somebody with a device and a seat. */
export interface Person {
  readonly seat: string;
  readonly name: string;
  readonly role: Role;
  readonly device: DeviceKeys;
  readonly certificate: Certificate | null;
  readonly invitation: Bytes | null;
}

export async function staff(
  seat: string,
  role: Role = "psychologist",
  change: CertificateChange = {},
): Promise<Person> {
  const device = await makeDevice();
  const name = `${role} ${seat}`;
  const certificate = await certify(device, name, { role, ...change });
  return { seat, name, role, device, certificate, invitation: null };
}

export async function client(seat: string, invitation: Bytes | null = bytes(16, 3)): Promise<Person> {
  return { seat, name: `client ${seat}`, role: "client", device: await makeDevice(), certificate: null, invitation };
}

/** A fresh leaf of this person, asking to be added. */
export async function freshLeaf(person: Person, by = suite): Promise<OwnPackage> {
  const keys = await makeLeafKeys(by);
  const { seat, role, name, device, certificate, invitation } = person;
  const claim = { appointment: APPOINTMENT, seat, role, name, leaf: keys.publicKey };
  const proof = await signWith(device, LEAF_LABEL, await leafStatement(claim));
  const credential = await makeCredential(claim, device.signKey, proof, certificate, invitation);
  return makeKeyPackage(by, keys, credential, Date.now());
}

/** What a test may change while the group lives. */
export const judge = (change: Partial<Trust> = {}): { trust: Trust; now: () => number } => ({
  trust: trust(change),
  now: () => NOW,
});

/** A group of its creator alone. */
export async function raise(creator: Person, by = judge()): Promise<Group> {
  return Group.create(suite, by, await freshLeaf(creator));
}

/** `host` adds the person in a commit that wins; everybody else in `others` follows. */
export async function admit(host: Group, person: Person, others: readonly Group[] = [], by = judge()): Promise<Group> {
  const own = await freshLeaf(person);
  const output = await host.commit({ add: [{ seat: person.seat, keyPackage: writeKeyPackage(own.open) }], remove: [] });
  host.won();
  for (const other of others) await other.receive(output.commit);
  return Group.join(suite, by, own, output.added[0]!.welcome);
}

/** A group in one call: the first creates it, the others join one after the other. */
export async function gather(...people: readonly Person[]): Promise<Group[]> {
  const [creator, ...rest] = people;
  const groups = [await raise(creator!)];
  for (const person of rest) groups.push(await admit(groups[0]!, person, groups.slice(1)));
  return groups;
}
