import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";

import { CredentialError, identify, LEAF_LABEL, leafStatement, makeCredential, type Certificate, type Refusal } from "../../web/client/e2ee/credential";
import { forgetDevice, keepCertificate, keepSecrets, keptCertificate, makeDevice, openDevice, signWith } from "../../web/client/e2ee/device";
import type { LinkFragment } from "../../web/client/e2ee/fragment";
import { prepare, type Preparation } from "../../web/client/e2ee/preparation";
import { ownDevices, registerDevice } from "../../web/client/staff-device";
import type { Role, SeatReply } from "../../web/client/types";
import { freshBrowser } from "./browser-around";
import { APPOINTMENT, bytes, certify, makeOrganisation, organisation, SECRET, type OrganisationKeys } from "./e2ee-people";

const forger = await makeOrganisation();
const SECRETS = { invitation: bytes(16, 3), appointment: bytes(16, 7), organisation: organisation.fingerprint };
const WHOLE: LinkFragment = { token: "T-1_x", secrets: SECRETS };
const REDUCED: LinkFragment = { token: "T-1_x", secrets: null };
const LIVES = { issued: new Date(Date.now() - 1_000).toISOString(), expires: new Date(Date.now() + 86_400_000).toISOString() };

let browser = freshBrowser();
beforeEach(() => {
  browser = freshBrowser();
});

/** What the server says of who this is. */
function seat(kind: "staff" | "link", role: Role = "client", appointment = APPOINTMENT): SeatReply {
  return { you: { seat: "0123456789abcdef", role, name: "Somebody", kind }, appointment: { id: appointment } } as SeatReply;
}

/** A server that goes by this organisation, and hands out this certificate and an empty vault. */
function server(by: OrganisationKeys, certificate: Certificate | null = null, role: Role = "psychologist") {
  const account = { id: "a", name: "Somebody", role };
  return {
    "GET /api/trust": { organisation: { key: by.key }, revoked: [], for_good: [] },
    "GET /api/devices": { csrf: "x", account, devices: [] },
    "POST /api/devices": { id: "d", state: "certified", certificate },
    [`GET /api/appointments/${APPOINTMENT}/vault`]: { csrf: "x", may_invite: false, seats: [], entries: [], recipients: [] },
  };
}

const coded = (code: Refusal) => (error: unknown) => error instanceof CredentialError && error.code === code;

/** How a ghost of staff, certified by this organisation, looks to somebody who has prepared so. */
async function standingOfGhost({ trust }: Preparation, by: OrganisationKeys): Promise<string> {
  const device = await makeDevice();
  const certificate = await certify(device, "Ghost", { by, ...LIVES });
  const claim = { appointment: trust.appointment, seat: "g", role: "psychologist" as const, name: "Ghost", leaf: bytes(32, 5) };
  const proof = await signWith(device, LEAF_LABEL, await leafStatement(claim));
  const credential = await makeCredential(claim, device.signKey, proof, certificate, null);
  return (await identify(credential, claim.leaf, trust, Date.now())).standing;
}

describe("who came by a link", () => {
  it("keeps to what the link names, whatever the server calls them", async () => {
    for (const kind of ["link", "staff"] as const) {
      browser.answer(server(organisation));
      const { oneself, trust, mayRaise } = await prepare(seat(kind, "case_manager"), "native", WHOLE);
      assert.deepEqual(trust.organisation, { key: organisation.key, pinned: true });
      assert.deepEqual([trust.secret, oneself.invitation, oneself.certificate, mayRaise], [SECRET, SECRETS.invitation, null, false]);
    }
  });

  it("stops where a server calls them staff and certifies them for its own organisation", async () => {
    const device = await openDevice();
    browser.answer(server(forger, await certify(device, "Somebody", { by: forger, role: "case_manager", ...LIVES })));
    await assert.rejects(prepare(seat("staff", "case_manager"), "native", WHOLE), coded("wrong_organisation"));
    assert.equal(await keptCertificate(), null);
    assert.ok(!browser.asked.includes("POST /api/devices"), "nor does it ask to be certified");
  });

  it("finds its secrets again under another name of the appointment and of the person", async () => {
    await keepSecrets(WHOLE.token, SECRETS);
    for (const reply of [seat("link"), seat("link", "client", "f0f0f0f0f0f0f0f0"), seat("staff", "psychologist", "f0f0f0f0f0f0f0f0")]) {
      browser.answer(server(organisation));
      const { oneself, trust } = await prepare(reply, "native", REDUCED);
      assert.deepEqual([trust.organisation?.pinned, trust.secret, oneself.invitation], [true, SECRET, SECRETS.invitation]);
      browser.answer(server(forger));
      await assert.rejects(prepare(reply, "native", REDUCED), coded("wrong_organisation"));
    }
  });

  it("goes by the secrets that came with the link before kept ones, and never by another link's", async () => {
    await keepSecrets(WHOLE.token, { ...SECRETS, appointment: bytes(16, 9) });
    browser.answer(server(organisation));
    assert.equal((await prepare(seat("link"), "native", WHOLE)).trust.secret, SECRET);
    const { trust } = await prepare(seat("link"), "native", { token: "T-2", secrets: null });
    assert.deepEqual([trust.secret, trust.organisation?.pinned], [null, false]);
  });

  it("calls nobody certified where its link carries no secrets", async () => {
    browser.answer(server(forger));
    assert.equal(await standingOfGhost(await prepare(seat("staff"), "native", REDUCED), forger), "unverified");
  });
});

describe("a device of staff", () => {
  async function certified(change: { role?: Role; expires?: string } = {}): Promise<Certificate> {
    const certificate = await certify(await openDevice(), "Somebody", { ...LIVES, ...change });
    await keepCertificate(certificate);
    return certificate;
  }

  it("takes the first organisation that certifies it, and calls its people certified", async () => {
    browser.answer(server(organisation, await certify(await openDevice(), "Somebody", LIVES)));
    const prepared = await prepare(seat("staff", "psychologist"), "native", null);
    assert.deepEqual(prepared.trust.organisation, { key: organisation.key, pinned: true });
    assert.ok(prepared.oneself.certificate);
    assert.equal(await standingOfGhost(prepared, organisation), "certified");
  });

  it("stays with it when the server names another, in its role and in one that it has no certificate for", async () => {
    const good = await certified();
    const forged = await certify(await openDevice(), "Somebody", { by: forger, role: "case_manager", ...LIVES });
    browser.answer(server(forger, forged));
    for (const role of ["psychologist", "case_manager"] as const)
      await assert.rejects(prepare(seat("staff", role), "native", null), coded("moved_organisation"));
    assert.deepEqual(await keptCertificate(), good);
  });

  it("stays with it after its certificate has expired, too", async () => {
    const old = await certified({ expires: new Date(Date.now() - 1_000).toISOString() });
    browser.answer(server(forger, await certify(await openDevice(), "Somebody", { by: forger, ...LIVES })));
    await assert.rejects(prepare(seat("staff", "psychologist"), "native", null), coded("moved_organisation"));
    assert.deepEqual(await keptCertificate(), old);
    const renewed = await certify(await openDevice(), "Somebody", LIVES);
    browser.answer(server(organisation, renewed));
    assert.deepEqual((await prepare(seat("staff", "psychologist"), "native", null)).oneself.certificate, renewed);
  });

  it("keeps nothing that its organisation has not signed, or that is not about its own keys", async () => {
    const good = await certified();
    const device = await openDevice();
    const lied = { ...forger, fingerprint: organisation.fingerprint };
    const forged = await certify(device, "Somebody", { by: lied, role: "case_manager", ...LIVES });
    const others = await certify({ ...device, sealKey: (await makeDevice()).sealKey }, "Somebody", { role: "case_manager", ...LIVES });
    for (const [certificate, code] of [[forged, "bad_certificate"], [others, "device_mismatch"]] as const) {
      browser.answer(server(organisation, certificate));
      const { trust, oneself, mayRaise } = await prepare(seat("staff", "case_manager"), "native", null);
      assert.deepEqual([oneself.certificate, mayRaise, trust.organisation?.pinned], [null, false, true]);
      const { csrf } = await ownDevices();
      await assert.rejects(registerDevice(device, "a", csrf), coded(code));
      assert.deepEqual(await keptCertificate(), good);
    }
  });

  it("is moved by nothing but forgetting it", async () => {
    await certified();
    browser.answer(server(forger, await certify(await openDevice(), "Somebody", { by: forger, ...LIVES })));
    await assert.rejects(registerDevice(await openDevice(), "a", "x"), coded("moved_organisation"));
    assert.ok(!browser.asked.includes("POST /api/devices"));
    await forgetDevice();
    const fresh = await openDevice();
    const anew = await certify(fresh, "Somebody", { by: forger, ...LIVES });
    browser.answer(server(forger, anew));
    await registerDevice(fresh, "a", "x");
    assert.deepEqual(await keptCertificate(), anew);
  });

  it("says when it has made the links' secrets anew for a call, and only then", async () => {
    const [{ fingerprint }, certificate] = [await openDevice(), await certified({ role: "case_manager" })];
    const path = `/api/appointments/${APPOINTMENT}/vault`;
    const nobodys = { body: JSON.stringify({ secret: "appointment" }), signer: { body: "{}", signature: "" }, signature: "" };
    const vault = { csrf: "x", may_invite: true, seats: [], entries: [nobodys] as object[], recipients: [{ fingerprint, certificate }] };
    const keep = (sent: { entries: object[] }): object => ({ kept: (vault.entries = sent.entries).length });
    browser.answer({ ...server(organisation, certificate, "case_manager"), [`GET ${path}`]: vault, [`POST ${path}`]: keep });
    const first = await prepare(seat("staff", "case_manager"), "native", null);
    const second = await prepare(seat("staff", "case_manager"), "native", null);
    assert.deepEqual([first.anew, first.mayRaise, second.anew, second.mayRaise], [true, true, false, true]);
    assert.equal(second.trust.secret, first.trust.secret);
  });

  it("that was never certified calls nobody certified", async () => {
    browser.answer({ ...server(forger), "POST /api/devices": { id: "d", state: "asked", certificate: null } });
    const prepared = await prepare(seat("staff", "psychologist"), "native", null);
    assert.equal(await standingOfGhost(prepared, forger), "unverified");
  });
});
