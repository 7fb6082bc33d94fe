// What the server's code has made (tests/data/encryption), opened by the browser's: key file, certificate, vault entry, links.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import browserMade from "../data/encryption/browser-made.json";
import made from "../data/encryption/server-made.json";
import { demoKeys } from "../../web/client/demo-keys";
import { canon, toBase64url, utf8 } from "../../web/client/e2ee/bytes";
import { checkCertificate, issueCertificate, readCertificate } from "../../web/client/e2ee/credential";
import { makeDevice, signWith, type DeviceKeys } from "../../web/client/e2ee/device";
import { parseFragment } from "../../web/client/e2ee/fragment";
import { exportSpki, fingerprint, sign, verify } from "../../web/client/e2ee/signatures";
import { openEntry, seatSubject } from "../../web/client/e2ee/vault";
import { KeyFileError, openKeyFile } from "../../web/client/org-key";
import { deviceCode } from "../../web/client/staff-device";

const NOW = Date.parse("2026-06-01T00:00:00Z");
const organisation = { key: made.organisation, pinned: true };
const trust = { organisation, revoked: [] };
const subject = seatSubject("a".repeat(16), "b".repeat(16), "client");

async function device(): Promise<DeviceKeys> {
  const keys = await demoKeys(`#${made.deviceFragment}`, readCertificate(made.certificate));
  assert.ok(keys);
  const [signKey, sealKey] = await Promise.all([exportSpki(keys.sign.publicKey), exportSpki(keys.seal.publicKey)]);
  return { ...keys, signKey, sealKey, fingerprint: await fingerprint(signKey) };
}

describe("the organisation's key file", () => {
  it("opens in the browser and signs what the server will check", async () => {
    const opened = await openKeyFile(made.organisationKeyFile, made.passphrase);
    assert.equal(opened.public, made.organisation);
    assert.equal(opened.key.extractable, false);
    const again = await issueCertificate(opened.key, readCertificate(made.certificate));
    assert.equal(again.body, made.certificate.body);
    assert.ok(await checkCertificate(again, organisation, [], NOW));
  });

  it("opens for a passphrase that another keyboard spells otherwise", async () => {
    await openKeyFile(made.organisationKeyFile, made.passphrase.normalize("NFD"));
  });

  it("opens for nothing else", async () => {
    const changed = (fields: object): string =>
      JSON.stringify({ ...(JSON.parse(made.organisationKeyFile) as object), ...fields });
    const other = await exportSpki((await makeDevice()).sign.publicKey);
    for (const text of ["", "[]", changed({ v: 2 }), changed({ iterations: 1 }), changed({ public: other }), changed({ iv: 7 })])
      await assert.rejects(openKeyFile(text, made.passphrase), KeyFileError);
    await assert.rejects(openKeyFile(made.organisationKeyFile, "wrong"), KeyFileError);
  });
});

describe("what the demo makes", () => {
  it("is a certified device with keys that cannot leave the browser", async () => {
    const mine = await device();
    const body = await checkCertificate(made.certificate, organisation, [], NOW);
    assert.deepEqual([body.sign, body.seal, body.account], [mine.signKey, mine.sealKey, made.account]);
    assert.equal(mine.sign.privateKey.extractable || mine.seal.privateKey.extractable, false);
    const signature = await signWith(mine, "poruch leaf", utf8("body"));
    assert.ok(await verify(mine.signKey, "poruch leaf", utf8("body"), signature));
  });

  it("is a vault entry that the browser's HPKE opens", async () => {
    const secret = await openEntry(made.entry, subject, await device(), trust, NOW);
    assert.equal(new TextDecoder().decode(secret), "sixteen bytes...");
  });

  it("is nothing to another device or under another seat", async () => {
    await assert.rejects(openEntry(made.entry, subject, await makeDevice(), trust, NOW), { code: "not_for_me" });
    const other = seatSubject(subject.appointment, "c".repeat(16), "client");
    await assert.rejects(openEntry(made.entry, other, await device(), trust, NOW), { code: "wrong_subject" });
  });

  it("is a link whose secrets the browser reads", () => {
    const secrets = parseFragment(made.linkFragment)?.secrets;
    assert.ok(secrets);
    assert.equal(toBase64url(secrets.invitation), made.invitationSecret);
    assert.equal(toBase64url(secrets.appointment), made.appointmentSecret);
  });

  it("says nothing without a fragment", async () => {
    assert.equal(await demoKeys("", readCertificate(made.certificate)), null);
  });
});

describe("a statement that a browser signs", () => {
  it("is spelled as the server spells it", async () => {
    const { sign: key } = await makeDevice();
    const statement = canon({ sign: "S", account: "їжак", seal: "E" });
    assert.equal(statement, '{"account":"їжак","seal":"E","sign":"S"}');
    assert.ok(await verify(await exportSpki(key.publicKey), "poruch device", utf8(statement), await sign(key.privateKey, "poruch device", utf8(statement))));
  });
});

describe("the code that two people compare before a device is certified", () => {
  it("is of both keys, and the same in the browser and on the server", async () => {
    const { sign: signKey, seal } = browserMade.asking;
    const code = "GbG3 vPhL HfT7 fR2J";
    assert.equal(await deviceCode(signKey, seal), code);
    assert.notEqual(await deviceCode(signKey, made.organisation), code);
    assert.notEqual(await deviceCode(made.organisation, seal), code);
  });
});
