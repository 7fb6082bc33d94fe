// Members of encrypted calls for whoever has no browser: orders as JSON lines on standard input, answers and news on standard output.

import { Console } from "node:console";
import { createInterface } from "node:readline";

import { toBase64url } from "../../../web/client/e2ee/bytes";
import {
  CredentialError,
  issueCertificate,
  pinOrganisation,
  readCertificate,
  type Certificate,
  type Trust,
} from "../../../web/client/e2ee/credential";
import { makeDevice, type DeviceKeys, type Who } from "../../../web/client/e2ee/device";
import { parseFragment } from "../../../web/client/e2ee/fragment";
import { ECDSA, exportSpki, fingerprint } from "../../../web/client/e2ee/signatures";
import { demoKeys } from "../../../web/client/demo-keys";
import type { Role } from "../../../web/client/types";
import { Member, refusal, type Opening } from "./member";

// Standard output belongs to the protocol.
globalThis.console = new Console(process.stderr, process.stderr);

type Handler = (data: never) => unknown;

const devices = new Map<string, DeviceKeys>();
const members = new Map<string, Member>();
const waiting = new Map<number, { accept: (data: unknown) => void; refuse: (error: Error) => void }>();
let organisation: CryptoKeyPair | null = null;
let asked = 0;

const write = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

function outsideOf(member: string) {
  return {
    tell: (what: string, data: unknown) => write({ member, what, data }),
    ask: (event: string, data: unknown) =>
      new Promise<unknown>((accept, refuse) => {
        const ask = ++asked;
        waiting.set(ask, { accept, refuse });
        write({ member, ask, event, data });
      }),
  };
}

const present = (member: string): Member => {
  const found = members.get(member);
  if (!found) throw new RangeError(`Nobody is called ${member}.`);
  return found;
};

const deviceOf = (name: string): DeviceKeys => {
  const found = devices.get(name);
  if (!found) throw new RangeError(`No device is called ${name}.`);
  return found;
};

const orders = {
  /** Makes an organisation's key; replies with its public key and its fingerprint. */
  async organisation() {
    organisation = await crypto.subtle.generateKey(ECDSA, false, ["sign", "verify"]);
    const key = await exportSpki(organisation.publicKey);
    return { key, fingerprint: await fingerprint(key) };
  },
  /** Makes a device, or takes the keys that a sign-in link of the demo carries. */
  async device({ name, demo }: { name: string; demo?: { fragment: string; certificate: Certificate } }) {
    let made = await makeDevice();
    if (demo) {
      const body = readCertificate(demo.certificate);
      const keys = await demoKeys(demo.fragment, body);
      if (!keys) throw new CredentialError("malformed");
      made = { ...keys, signKey: body.sign, sealKey: body.seal, fingerprint: await fingerprint(body.sign) };
    }
    devices.set(name, made);
    return { sign: made.signKey, seal: made.sealKey, fingerprint: made.fingerprint };
  },
  /** The organisation of this process certifies a device for a day. */
  async certify({ device, account, name, role }: { device: string; account: string; name: string; role: Role }) {
    if (!organisation) throw new RangeError("There is no organisation yet.");
    const { signKey: sign, sealKey: seal } = deviceOf(device);
    const by = await fingerprint(await exportSpki(organisation.publicKey));
    const issued = new Date(Date.now() - 60_000).toISOString();
    const expires = new Date(Date.now() + 86_400_000).toISOString();
    return issueCertificate(organisation.privateKey, {
      v: 1,
      kind: "device-certificate",
      organisation: by,
      account,
      name,
      role,
      sign,
      seal,
      issued,
      expires,
    });
  },
  /** What an invitation link carries. */
  async link({ hash }: { hash: string }) {
    const secrets = parseFragment(hash)?.secrets ?? null;
    if (!secrets) return null;
    const { invitation, appointment, organisation: pin } = secrets;
    return { invitation: toBase64url(invitation), appointment: toBase64url(appointment), organisation: pin };
  },
  pin: ({ key, known }: { key: string; known: string | null }) => pinOrganisation(key, known),
  async open({ member, device, ...opening }: Opening & { member: string; device: string }) {
    members.set(member, await Member.open(deviceOf(device), opening, outsideOf(member)));
    return null;
  },
  async hear({ member, event, data }: { member: string; event: string; data: unknown }) {
    members.get(member)?.hear(event, data);
    return null;
  },
  say: ({ member, payload }: { member: string; payload: string }) => present(member).say(payload),
  async trust({ member, trust }: { member: string; trust: Trust }) {
    await present(member).trust(trust);
    return null;
  },
  /** A person there lets somebody in who proves nothing. */
  async approve({ member, who }: { member: string; who: Who }) {
    present(member).approve(who);
    return null;
  },
  async close({ member }: { member: string }) {
    members.get(member)?.close();
    members.delete(member);
    return null;
  },
};

async function follow(line: string): Promise<void> {
  const order = JSON.parse(line) as
    | { to: number; ok: boolean; data?: unknown; error?: { code: string; text: string } }
    | { id: number; order: keyof typeof orders; data: object };
  if ("to" in order) {
    const ask = waiting.get(order.to);
    waiting.delete(order.to);
    if (order.error) ask?.refuse(refusal(order.error));
    else ask?.accept(order.data);
    return;
  }
  const { id } = order;
  try {
    write({ id, ok: true, data: (await (orders[order.order] as Handler)(order.data as never)) ?? null });
  } catch (error) {
    write({ id, ok: false, code: (error as { code?: string }).code ?? "internal", text: String(error) });
  }
}

createInterface({ input: process.stdin })
  .on("line", (line) => void follow(line))
  .on("close", () => process.exit(0));
