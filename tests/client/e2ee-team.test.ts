import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";

import { equal, fromBase64url, type Bytes } from "../../web/client/e2ee/bytes";
import type { Certificate } from "../../web/client/e2ee/credential";
import { teamSecrets, VaultUnavailable, type TeamSecrets } from "../../web/client/e2ee/team";
import { appointmentSubject, openEntry, sealEntry, type VaultEntry, type VaultTrust } from "../../web/client/e2ee/vault";
import { freshBrowser } from "./browser-around";
import { APPOINTMENT, bytes, certify, organisation, staff, type Person } from "./e2ee-people";

const DAY_MS = 86_400_000;
const from = (days: number): string => new Date(Date.now() + days * DAY_MS).toISOString();
const PATH = `/api/appointments/${APPOINTMENT}/vault`;
const CLIENT = { seat: "0123456789abcdef", role: "client", name: "Client C", by_link: true };

/** As the server keeps it: one entry of each device about each secret, newest first. */
class Vault {
  entries: VaultEntry[] = [];
  posts: { entries: VaultEntry[]; anew: boolean }[] = [];
  revoked: string[] = [];
  refuses = false;
  /** Whose devices count for the server, which may have heard less than this browser. */
  counting: readonly Person[] = [];
  /** What happens after this device has read, and before it is heard. */
  meanwhile: (() => Promise<unknown>) | null = null;
  readonly #browser = freshBrowser();

  /** `team`: whose devices are certified now. */
  open(by: Person, team: readonly Person[], mayInvite: boolean): Promise<TeamSecrets> {
    this.#browser.answer({
      [`GET ${PATH}`]: () => ({
        csrf: "x",
        may_invite: mayInvite,
        seats: [CLIENT],
        entries: this.entries,
        recipients: team.map(({ device, certificate }) => ({ fingerprint: device.fingerprint, certificate })),
      }),
      ...(this.refuses ? {} : { [`POST ${PATH}`]: (sent: { entries: VaultEntry[]; anew: boolean }) => this.#keep(sent) }),
    });
    const trust: VaultTrust = { organisation: { key: organisation.key, pinned: true }, revoked: this.revoked };
    return teamSecrets(APPOINTMENT, { device: by.device, certificate: by.certificate! }, trust);
  }

  async #keep(sent: { entries: VaultEntry[]; anew: boolean }): Promise<object> {
    const meanwhile = this.meanwhile;
    this.meanwhile = null;
    await meanwhile?.();
    if (sent.anew && sent.entries.some((entry) => this.#stillCounts(entry)))
      return Response.json({ error: { code: "still_counts", text: "" } }, { status: 409 });
    this.posts.push(sent);
    for (const entry of sent.entries)
      this.entries = [entry, ...this.entries.filter((one) => about(one) !== about(entry))];
    return { kept: sent.entries.length };
  }

  #stillCounts(given: VaultEntry): boolean {
    const signers = this.counting.map((one) => about({ ...given, signer: one.certificate! }));
    return this.entries.some((entry) => signers.includes(about(entry)));
  }
}

const about = ({ body, signer }: VaultEntry): string =>
  `${(JSON.parse(body) as { secret: string }).secret} ${(JSON.parse(signer.body) as { sign: string }).sign}`;

const lives = { issued: from(-10), expires: from(300) };
const [manager, psychologist, lawyer] = await Promise.all([
  staff("m", "case_manager", lives),
  staff("p", "psychologist", lives),
  staff("l", "lawyer", lives),
]);
const interpreter = await staff("i", "interpreter", lives);
let vault = new Vault();
beforeEach(() => {
  vault = new Vault();
});

describe("the team's secrets", () => {
  it("are made once, and every host's device vouches for them with an entry of its own", async () => {
    const made = await vault.open(manager, [manager, psychologist], true);
    assert.ok(made.appointment);
    assert.equal(made.anew, false);
    assert.deepEqual(made.names, { [CLIENT.seat]: CLIENT.name });
    assert.deepEqual(await vault.open(psychologist, [manager, psychologist], false), made);
    assert.equal(vault.entries.length, 4, "two secrets, two devices");
    for (const one of [manager, psychologist, manager])
      assert.deepEqual(await vault.open(one, [manager, psychologist], true), made);
    assert.equal(vault.posts.length, 2, "and nothing is sealed without need");
  });

  it("outlive the device that made them: revoked, or its certificate expired", async () => {
    const team = [manager, psychologist];
    const made = await vault.open(manager, team, true);
    await vault.open(psychologist, team, false);
    vault.revoked = [manager.device.fingerprint];
    const again = await staff("m", "case_manager", lives);
    assert.deepEqual(await vault.open(psychologist, [psychologist, again], false), made);
    assert.deepEqual(await vault.open(again, [psychologist, again], true), made);
    assert.ok(vault.posts.every(({ anew }) => !anew));
  });

  it("are sealed to who comes later, though a device that counts no more had them sealed to that one", async () => {
    await vault.open(manager, [manager, psychologist], true);
    const made = await vault.open(psychologist, [manager, psychologist], false);
    await vault.open(manager, [manager, psychologist, lawyer], true);
    vault.revoked = [manager.device.fingerprint];
    assert.equal((await vault.open(lawyer, [psychologist, lawyer], false)).appointment, null);
    await vault.open(psychologist, [psychologist, lawyer], false);
    assert.deepEqual(await vault.open(lawyer, [psychologist, lawyer], false), made);
  });

  it("stay with a device that is certified again, and with whom it sealed them to", async () => {
    const old = { ...psychologist, certificate: await certify(psychologist.device, "x", { issued: from(-300), expires: from(-1) }) };
    const valid: VaultTrust = { organisation: { key: organisation.key, pinned: true }, revoked: [] };
    const subject = appointmentSubject(APPOINTMENT);
    const then = Date.now() - 2 * DAY_MS;
    const to: Certificate[] = [old.certificate, manager.certificate!];
    vault.entries = [await sealEntry(subject, bytes(16, 42), to, { device: old.device, certificate: old.certificate }, valid, then)];
    for (const one of [psychologist, manager]) {
      const { appointment } = await vault.open(one, [manager, psychologist], one === manager);
      assert.deepEqual(fromBase64url(appointment!), bytes(16, 42));
    }
    assert.ok(vault.posts.every(({ anew }) => !anew));
  });

  it("begin anew when no valid device vouches for them, by whoever may invite, and that is said", async () => {
    const made = await vault.open(manager, [manager], true);
    vault.revoked = [manager.device.fingerprint];
    const [again, team] = [await staff("m", "case_manager", lives), [psychologist]];
    assert.equal((await vault.open(psychologist, team, false)).appointment, null);
    const anew = await vault.open(again, [again, psychologist], true);
    assert.ok(anew.appointment);
    assert.notEqual(anew.appointment, made.appointment);
    assert.equal(anew.anew, true);
    assert.deepEqual(vault.posts.map((one) => one.anew), [false, true]);
    const { anew: _, ...secrets } = anew;
    assert.deepEqual(await vault.open(psychologist, [again, psychologist], false), { ...secrets, anew: false });
  });

  it("are those of the quicker one where two devices begin anew at the same time", async () => {
    await vault.open(lawyer, [lawyer], true);
    vault.revoked = [lawyer.device.fingerprint];
    const team = [manager, psychologist];
    vault.counting = team;
    let first: TeamSecrets | null = null;
    vault.meanwhile = async () => (first = await vault.open(manager, team, true));
    const second = await vault.open(psychologist, team, true);
    assert.deepEqual(second, { ...first!, anew: false }, "and it is the quicker one that tells of it");
    assert.deepEqual(await vault.open(manager, team, true), second);
    assert.equal(first!.anew, true);
  });

  it("are not lost with the one that the server takes for good and this browser does not", async () => {
    const stale = await staff("o", "case_manager", lives);
    await vault.open(manager, [manager], true);
    const ofManager = vault.entries.filter((entry) => about(entry).startsWith("appointment "));
    vault.entries = [];
    await vault.open(stale, [stale], true);
    vault.entries = [...ofManager, ...vault.entries.filter((entry) => about(entry).startsWith("seat:"))];
    vault.revoked = [manager.device.fingerprint, stale.device.fingerprint];
    vault.counting = [manager, psychologist];
    const { appointment, invitations, names, anew } = await vault.open(psychologist, [psychologist], true);
    assert.equal(appointment, null);
    assert.deepEqual([Object.keys(invitations), names, anew], [[CLIENT.seat], { [CLIENT.seat]: CLIENT.name }, true]);
    const again = await vault.open(psychologist, [psychologist], true);
    assert.deepEqual(again, { appointment: null, invitations, names, anew: false });
  });

  it("do not begin anew while a valid device vouches for some that are not sealed to this one yet", async () => {
    await vault.open(psychologist, [psychologist], true);
    const { appointment, anew } = await vault.open(manager, [manager, psychologist], true);
    assert.deepEqual([appointment, anew, vault.posts.length], [null, false, 1]);
  });

  it("are one again after two devices have begun at the same time", async () => {
    const team = [manager, psychologist];
    await vault.open(manager, team, true);
    const first = vault.entries;
    vault.entries = [];
    await vault.open(psychologist, team, true);
    vault.entries = [...vault.entries, ...first];
    const { appointment } = await vault.open(psychologist, team, true);
    assert.equal(appointment, (await vault.open(manager, team, true)).appointment);
    const trust = { organisation: { key: organisation.key, pinned: true }, revoked: [manager.device.fingerprint] };
    const held = await contents(psychologist, trust);
    assert.ok(held.length === 1 && equal(held[0]!, fromBase64url(appointment!)), "the second vouches for the first one's");
  });

  it("are good for a device whose own entry the server does not take, unless nobody else has them", async () => {
    vault.refuses = true;
    await assert.rejects(vault.open(manager, [manager, psychologist], true), VaultUnavailable);
    vault.refuses = false;
    const made = await vault.open(manager, [manager, psychologist], true);
    vault.refuses = true;
    assert.deepEqual(await vault.open(psychologist, [manager, psychologist], false), made);
  });

  it("are opened, and never vouched for, by a device that is no host's", async () => {
    const team = [manager, interpreter];
    const made = await vault.open(manager, team, true);
    assert.deepEqual(await vault.open(interpreter, [...team, lawyer], false), made);
    assert.equal(vault.posts.length, 1);
    const trust = { organisation: { key: organisation.key, pinned: true }, revoked: [] };
    const signer = { device: interpreter.device, certificate: interpreter.certificate! };
    const forged = await sealEntry(appointmentSubject(APPOINTMENT), bytes(16, 1), [manager.certificate!], signer, trust, Date.now());
    await assert.rejects(openEntry(forged, appointmentSubject(APPOINTMENT), manager.device, trust, Date.now()), /bad_signer/);
  });
});

/** What the entries of valid devices hold about the appointment's own secret, for this person. */
async function contents(person: Person, trust: VaultTrust): Promise<Bytes[]> {
  const found: Bytes[] = [];
  for (const entry of vault.entries)
    try {
      found.push(await openEntry(entry, appointmentSubject(APPOINTMENT), person.device, trust, Date.now()));
    } catch {
      // Another secret, or another signer.
    }
  return found;
}
