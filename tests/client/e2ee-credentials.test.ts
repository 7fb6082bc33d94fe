import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { canon, fromBase64url, fromUtf8, toBase64url, utf8, type Bytes } from "../../web/client/e2ee/bytes";
import {
  checkCertificate,
  CredentialError,
  identify,
  LEAF_LABEL,
  leafStatement,
  makeCredential,
  pinOrganisation,
  type Claim,
  type Refusal,
  type Trust,
} from "../../web/client/e2ee/credential";
import { makeDevice, signWith } from "../../web/client/e2ee/device";
import { FragmentError, parseFragment, reducedFragment, writeFragment } from "../../web/client/e2ee/fragment";
import {
  appointmentSubject,
  openEntry,
  readContent,
  sealEntry,
  seatSubject,
  VaultError,
  withName,
  type VaultEntry,
  type VaultRefusal,
} from "../../web/client/e2ee/vault";
import {
  APPOINTMENT,
  bytes,
  certify,
  client,
  makeOrganisation,
  NOW,
  organisation,
  staff,
  trust,
  type Person,
} from "./e2ee-people";

const LEAF = bytes(32, 5);

async function credentialOf(person: Person, change: Partial<Claim> = {}): Promise<Bytes> {
  const { seat, role, name, device, certificate, invitation } = person;
  const claim = { appointment: APPOINTMENT, seat, role, name, leaf: LEAF, ...change };
  const proof = await signWith(device, LEAF_LABEL, await leafStatement(claim));
  return makeCredential(claim, device.signKey, proof, certificate, invitation);
}

/** The credential with some fields changed after it was signed. */
async function forged(person: Person, change: Record<string, unknown>): Promise<Bytes> {
  const fields = JSON.parse(fromUtf8(await credentialOf(person))) as Record<string, never>;
  return utf8(canon({ ...fields, ...change } as Record<string, never>));
}

async function refuses(code: Refusal, credential: Bytes, by: Trust = trust(), leaf = LEAF): Promise<void> {
  await assert.rejects(identify(credential, leaf, by, NOW), (error) => {
    assert.ok(error instanceof CredentialError, String(error));
    assert.equal(error.code, code);
    return true;
  });
}

describe("a leaf of staff", () => {
  it("is certified, and goes by the name in the certificate", async () => {
    const person = { ...(await staff("p")), name: "Somebody else" };
    const identity = await identify(await credentialOf(person), LEAF, trust(), NOW);
    assert.deepEqual(identity, {
      seat: "p",
      role: "psychologist",
      name: "psychologist p",
      standing: "certified",
      device: person.device.fingerprint,
      mayCommit: true,
    });
  });

  it("is refused when its certificate does not hold", async () => {
    const stranger = await makeOrganisation();
    const expires = "2026-03-02T10:00:00.000Z";
    await refuses("expired", await credentialOf(await staff("p", "lawyer", { expires })));
    const issued = "2026-03-02T11:00:00.000Z";
    await refuses("not_yet_valid", await credentialOf(await staff("p", "lawyer", { issued })));
    await refuses("wrong_organisation", await credentialOf(await staff("p", "lawyer", { by: stranger })));
    const lied = { ...stranger, fingerprint: organisation.fingerprint };
    await refuses("bad_certificate", await credentialOf(await staff("p", "lawyer", { by: lied })));
    const revoked = await staff("p");
    await refuses("revoked", await credentialOf(revoked), trust({ revoked: [revoked.device.fingerprint] }));
  });

  it("is refused under a colleague's certificate, and in another role than certified", async () => {
    const colleague = await staff("q");
    const person = await staff("p");
    await refuses("device_mismatch", await credentialOf({ ...person, certificate: colleague.certificate }));
    const climbed = { ...person, certificate: await certify(person.device, "x", { role: "interpreter" }) };
    await refuses("role_mismatch", await credentialOf(climbed));
  });

  it("never commits without a certificate, nor outside the hosts' roles", async () => {
    const uncertified = { ...(await staff("p")), certificate: null };
    const { standing, mayCommit } = await identify(await credentialOf(uncertified), LEAF, trust(), NOW);
    assert.deepEqual([standing, mayCommit], ["unverified", false]);
    const interpreter = await identify(await credentialOf(await staff("i", "interpreter")), LEAF, trust(), NOW);
    assert.deepEqual([interpreter.standing, interpreter.mayCommit], ["certified", false]);
  });

  it("is not called certified where only the server vouches for the organisation", async () => {
    const unpinned = trust({ organisation: { key: organisation.key, pinned: false } });
    const { standing, mayCommit } = await identify(await credentialOf(await staff("p")), LEAF, unpinned, NOW);
    assert.deepEqual([standing, mayCommit], ["unverified", true]);
  });
});

describe("the organisation", () => {
  it("is the one that the link names, or the call does not happen", async () => {
    const { key, fingerprint } = organisation;
    assert.deepEqual(await pinOrganisation(key, fingerprint), { key, pinned: true });
    assert.deepEqual(await pinOrganisation(key, null), { key, pinned: false });
    const other = await makeOrganisation();
    const coded = (code: Refusal) => (error: unknown) => error instanceof CredentialError && error.code === code;
    await assert.rejects(pinOrganisation(other.key, fingerprint), coded("wrong_organisation"));
    await assert.rejects(pinOrganisation("!", null), coded("malformed"));
  });
});

describe("a leaf of somebody with a link", () => {
  const knowing = trust({ invitations: { c: toBase64url(bytes(16, 3)) } });

  it("is invited where the invitation's secret is known, and unverified elsewhere", async () => {
    const credential = await credentialOf(await client("c"));
    assert.equal((await identify(credential, LEAF, knowing, NOW)).standing, "invited");
    assert.equal((await identify(credential, LEAF, trust(), NOW)).standing, "unverified");
  });

  it("has the name that the team has sealed along with the invitation, whatever the server told it", async () => {
    const credential = await credentialOf(await client("c"), { name: "Somebody Else" });
    const name = async (by: Trust): Promise<string> => (await identify(credential, LEAF, by, NOW)).name;
    assert.equal(await name({ ...knowing, names: { c: "Client C" } }), "Client C");
    assert.equal(await name({ ...knowing, names: { d: "Client D" } }), "Somebody Else");
  });

  it("is unverified when its link carried no secret, and refused when it shows a wrong one", async () => {
    const bare = await credentialOf(await client("c", null));
    assert.equal((await identify(bare, LEAF, knowing, NOW)).standing, "unverified");
    await refuses("bad_mac", await credentialOf(await client("c", bytes(16, 4))), knowing);
    await refuses("bad_mac", await forged(await client("c"), { mac: "AAAA" }), knowing);
  });
});

describe("any leaf", () => {
  it("is refused when it was signed for another call, seat, role, name, leaf or device", async () => {
    const person = await client("c");
    await refuses("wrong_appointment", await credentialOf(person, { appointment: "another" }));
    for (const change of [{ seat: "d" }, { role: "helper" }, { name: "x" }, { device: (await makeDevice()).signKey }])
      await refuses("bad_proof", await forged(person, change));
    await refuses("bad_proof", await credentialOf(person), trust(), bytes(32, 6));
  });

  it("is refused when it is no credential at all", async () => {
    const person = await client("c");
    for (const change of [{ v: 2 }, { role: "king" }, { seat: "" }, { name: 7 }, { certificate: "x" }, { device: "!" }])
      await refuses("malformed", await forged(person, change));
    for (const nothing of [new Uint8Array(), Uint8Array.of(255, 254), utf8("null"), utf8("[]"), utf8("{")])
      await refuses("malformed", nothing);
  });
});

describe("a link's fragment", () => {
  const secrets = { invitation: bytes(16, 1), appointment: bytes(16, 2), organisation: organisation.fingerprint };

  it("brings the token and the secrets, and is reduced to the token", () => {
    const whole = writeFragment({ token: "T-1_x", secrets });
    assert.deepEqual(parseFragment(whole), { token: "T-1_x", secrets });
    assert.deepEqual(parseFragment(reducedFragment("T-1_x")), { token: "T-1_x", secrets: null });
    assert.equal(parseFragment("#c=code"), null);
  });

  it("that is damaged is never taken for one without secrets", () => {
    const whole = writeFragment({ token: "T", secrets });
    const packed = fromBase64url(whole.split("&s=")[1]!);
    const changed = Uint8Array.from(packed, (byte, at) => (at === 0 ? 2 : byte));
    for (const wrong of ["", "!", "A", toBase64url(packed.slice(0, -1)), toBase64url(changed)])
      assert.throws(() => parseFragment(`#i=T&s=${wrong}`), FragmentError, wrong);
  });
});

describe("the vault", () => {
  const by = { organisation: { key: organisation.key, pinned: true }, revoked: [] as string[] };
  const secret = bytes(16, 42);
  const subject = seatSubject(APPOINTMENT, "c", "client");

  const recipientsOf = ({ body }: VaultEntry): string[] =>
    (JSON.parse(body) as { sealed: { to: string }[] }).sealed.map((one) => one.to);

  const signerOf = ({ device, certificate }: Person) => ({ device, certificate: certificate! });

  async function entry(signer: Person, ...to: Person[]): Promise<VaultEntry> {
    return sealEntry(subject, secret, to.map((one) => one.certificate!), signerOf(signer), by, NOW);
  }

  async function refusesEntry(code: VaultRefusal, work: Promise<unknown>): Promise<void> {
    await assert.rejects(work, (error) => {
      assert.ok(error instanceof VaultError, String(error));
      assert.equal(error.code, code);
      return true;
    });
  }

  it("opens for each certified device it was sealed to", async () => {
    const [one, two] = [await staff("p"), await staff("q", "lawyer")];
    const sealed = await entry(one, one, two);
    assert.deepEqual(recipientsOf(sealed), [one.device.fingerprint, two.device.fingerprint]);
    for (const { device } of [one, two]) assert.deepEqual(await openEntry(sealed, subject, device, by, NOW), secret);
    await refusesEntry("not_for_me", openEntry(sealed, subject, (await staff("r")).device, by, NOW));
  });

  it("keeps a name with an invitation's secret, and cuts it between letters", async () => {
    const one = await staff("p");
    for (const [name, kept] of [
      ["Пані Оля", "Пані Оля"],
      ["Ж".repeat(80), "Ж".repeat(56)],
      [`${"a".repeat(111)}Ж`, "a".repeat(111)],
      ["", null],
    ] as const) {
      const to = [one.certificate!];
      const sealed = await sealEntry(subject, withName(secret, name), to, signerOf(one), by, NOW);
      const opened = readContent(await openEntry(sealed, subject, one.device, by, NOW));
      assert.deepEqual(opened, { secret, name: kept });
    }
    assert.deepEqual(readContent(secret), { secret, name: null });
    assert.equal(readContent(new Uint8Array(128).fill(255)).name, null);
  });

  it("leaves out devices whose certificate does not hold, and refuses to seal to nobody", async () => {
    const one = await staff("p");
    const expired = await staff("q", "lawyer", { expires: "2026-02-01T00:00:00.000Z" });
    const fake = await staff("r", "lawyer", { by: await makeOrganisation() });
    assert.deepEqual(recipientsOf(await entry(one, expired, one, fake, one)), [one.device.fingerprint]);
    await refusesEntry("no_recipients", entry(one, expired, fake));
  });

  it("refuses an entry that was put in another's place", async () => {
    const one = await staff("p");
    const sealed = await entry(one, one);
    for (const other of [
      appointmentSubject(APPOINTMENT),
      seatSubject(APPOINTMENT, "d", "client"),
      seatSubject("another", "c", "client"),
      seatSubject(APPOINTMENT, "c", "helper"),
    ])
      await refusesEntry("wrong_subject", openEntry(sealed, other, one.device, by, NOW));
  });

  it("refuses an entry that was changed, or that no certified device signed", async () => {
    const one = await staff("p");
    const sealed = await entry(one, one);
    const body = sealed.body.replace('"seat":"c"', '"seat":"d"');
    await refusesEntry("bad_signature", openEntry({ ...sealed, body }, subject, one.device, by, NOW));
    const outsider = await staff("x", "lawyer", { by: await makeOrganisation() });
    await refusesEntry("bad_signer", openEntry(await entry(outsider, one), subject, one.device, by, NOW));
    const theirs = { ...(await entry(outsider, one)), signer: one.certificate! };
    await refusesEntry("bad_signature", openEntry(theirs, subject, one.device, by, NOW));
    const revoked = { ...by, revoked: [one.device.fingerprint] };
    await refusesEntry("bad_signer", openEntry(sealed, subject, one.device, revoked, NOW));
    for (const wrong of ["", "{}", "[]", '{"v":1}'])
      await refusesEntry("malformed", openEntry({ ...sealed, body: wrong }, subject, one.device, by, NOW));
  });

  it("does not open a ciphertext that was sealed under another subject", async () => {
    const one = await staff("p");
    const [sealed] = JSON.parse((await entry(one, one)).body).sealed as { enc: string; ciphertext: string }[];
    const own = await sealEntry(appointmentSubject(APPOINTMENT), secret, [one.certificate!], signerOf(one), by, NOW);
    const fields = JSON.parse(own.body) as Record<string, never>;
    const { enc, ciphertext } = sealed!;
    const body = canon({ ...fields, sealed: [{ to: one.device.fingerprint, enc, ciphertext }] });
    const moved = { ...own, body, signature: await signWith(one.device, "poruch vault", utf8(body)) };
    await refusesEntry("undecryptable", openEntry(moved, appointmentSubject(APPOINTMENT), one.device, by, NOW));
  });
});

describe("a certificate", () => {
  it("holds to the minute it was issued for, and for no other organisation", async () => {
    const { device } = await staff("p");
    const certificate = await certify(device, "x", { expires: "2026-03-02T10:00:01.000Z" });
    const by = { key: organisation.key, pinned: true };
    assert.equal((await checkCertificate(certificate, by, [], NOW)).sign, device.signKey);
    await assert.rejects(checkCertificate(certificate, by, [], NOW + 1_000), CredentialError);
  });
});
