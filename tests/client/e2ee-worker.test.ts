// The worker as the page talks to it, without a browser: two of them, and frames from one to the other.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { fromBase64url, toBase64url } from "../../web/client/e2ee/bytes";
import { LEAF_LABEL } from "../../web/client/e2ee/credential";
import { signWith } from "../../web/client/e2ee/device";
import type { Call, Calls, FromWorker, RefusedReply, Reply, Request, Stream } from "../../web/client/e2ee/rpc";
import { nativeCurves } from "../../web/client/e2ee/suite";
import type { EncodedFrame } from "../../web/client/e2ee/streams";
import { serve, type Scope } from "../../web/client/e2ee/worker";
import { APPOINTMENT, client, staff, trust, type Person } from "./e2ee-people";

/** One worker and its page. */
class Page {
  readonly #scope: Scope;
  readonly #person: Person;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #asked = 0;

  constructor(person: Person) {
    this.#person = person;
    this.#scope = {
      onmessage: null,
      onrtctransform: null,
      postMessage: (message: FromWorker) => {
        if ("id" in message) this.#waiting.get(message.id)?.(message);
      },
    };
    serve(nativeCurves, this.#scope);
  }

  async ask<C extends Call>(call: C, data: Calls[C][0]): Promise<Calls[C][1]> {
    const id = ++this.#asked;
    const reply = await new Promise<Reply>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#scope.onmessage?.({ data: { id, call, data } } as MessageEvent<Request>);
    });
    if (!reply.ok) throw Object.assign(new Error(reply.text), { code: reply.code });
    return reply.data as Calls[C][1];
  }

  async begin(): Promise<this> {
    const { seat, role, name, device, certificate, invitation } = this.#person;
    const claimant = {
      appointment: APPOINTMENT,
      seat,
      role,
      name,
      device: device.signKey,
      certificate,
      invitation: invitation && toBase64url(invitation),
    };
    await this.ask("begin", { claimant, trust: trust() });
    return this;
  }

  async proof(): Promise<{ proof: string }> {
    const statement = fromBase64url(await this.ask("leaf", null));
    return { proof: await signWith(this.#person.device, LEAF_LABEL, statement) };
  }

  /** Attaches a stream as a browser would; returns how to push a frame in, and what came out. */
  attach(options: Stream): { push: (data: Uint8Array) => Promise<void>; out: Uint8Array[] } {
    const into = new TransformStream<EncodedFrame, EncodedFrame>();
    const out: Uint8Array[] = [];
    const writable = new WritableStream<EncodedFrame>({ write: ({ data }) => void out.push(new Uint8Array(data)) });
    this.#scope.onrtctransform?.({ transformer: { options, readable: into.readable, writable } });
    const writer = into.writable.getWriter();
    return { push: (data) => writer.write({ data: data.slice().buffer }), out };
  }

  /** Waits until so many frames of the stream were handled, whatever became of them. */
  async handled(stream: number, frames: number): Promise<void> {
    for (;;) {
      const counts = (await this.ask("figures", null))[stream];
      const refused = Object.values(counts?.refused ?? {}).reduce((sum, one) => sum + one, 0);
      if ((counts?.done ?? 0) + (counts?.empty ?? 0) + refused >= frames) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

const coded = (code: RefusedReply["code"]) => (error: unknown) => (error as { code?: string }).code === code;

const FRAME = Uint8Array.of(0x31, 1, 2, 3, 4, 5, 6, 7, 8, 9);
const CAMERA = { kind: "video", source: "camera" } as const;

describe("two workers", () => {
  it("meet in a group and carry frames from one to the other, and none before", async () => {
    const host = await new Page(await staff("p")).begin();
    const guest = await new Page(await client("c")).begin();
    const sending = host.attach({ id: 1, side: "send", ...CAMERA });
    await sending.push(FRAME);
    await host.handled(1, 1);
    assert.deepEqual(sending.out, []);
    await host.ask("create", await host.proof());
    await sending.push(FRAME);
    await host.handled(1, 2);
    assert.deepEqual(sending.out, [], "receiving keys alone send nothing");

    const keyPackage = await guest.ask("keyPackage", await guest.proof());
    const output = await host.ask("commit", { add: [{ seat: "c", keyPackage }], remove: [] });
    const view = await host.ask("won", null);
    const joined = await guest.ask("receiveWelcome", output.added[0]!.welcome);
    assert.deepEqual(joined.members, view.members);
    assert.deepEqual([joined.epoch, joined.authenticator], [view.epoch, view.authenticator]);
    await host.ask("switchSending", view.epoch);
    await sending.push(FRAME);
    await host.handled(1, 3);
    assert.equal(sending.out.length, 1);

    const receiving = guest.attach({ id: 7, side: "receive", seat: "p", ...CAMERA });
    const swapped = guest.attach({ id: 8, side: "receive", seat: "c", ...CAMERA });
    await swapped.push(sending.out[0]!);
    await guest.handled(8, 1);
    await receiving.push(sending.out[0]!);
    await guest.handled(7, 1);
    assert.deepEqual([receiving.out, swapped.out], [[FRAME], []]);

    const sent = await guest.ask("protect", "hello");
    assert.equal((await host.ask("unprotect", sent.message)).from.seat, "c");

    const removal = await host.ask("commit", { add: [], remove: ["c"] });
    await host.ask("won", null);
    assert.equal(await guest.ask("receiveCommit", removal.commit), null);
    await receiving.push(sending.out[0]!);
    await guest.handled(7, 2);
    assert.equal((await guest.ask("figures", null))[7]?.refused.no_key, 1);
    await assert.rejects(guest.ask("protect", "still here?"), coded("no_group"));
  });

  it("answer what comes out of turn with a code, and go on", async () => {
    const page = new Page(await staff("p"));
    await assert.rejects(page.ask("keyPackage", { proof: "" }), coded("no_leaf"));
    await assert.rejects(page.ask("commit", { add: [], remove: [] }), coded("no_group"));
    await page.begin();
    await assert.rejects(page.ask("receiveWelcome", "AAAA"), coded("no_leaf"));
    await page.ask("create", await page.proof());
    await assert.rejects(page.ask("commit", { add: [], remove: [] }), coded("nothing_to_do"));
    await assert.rejects(page.ask("receiveCommit", "AAAA"), coded("malformed"));
    const { proof } = await page.proof();
    await page.ask("keyPackage", { proof });
    await assert.rejects(page.ask("keyPackage", { proof }), coded("no_leaf"));
  });

  it("do not hear a device that was revoked, even before it is removed", async () => {
    const colleague = await staff("s", "lawyer");
    const host = await new Page(await staff("p")).begin();
    const other = await new Page(colleague).begin();
    await host.ask("create", await host.proof());
    const keyPackage = await other.ask("keyPackage", await other.proof());
    const output = await host.ask("commit", { add: [{ seat: "s", keyPackage }], remove: [] });
    await host.ask("won", null);
    await other.ask("receiveWelcome", output.added[0]!.welcome);
    await other.ask("switchSending", 1);
    const sending = other.attach({ id: 1, side: "send", ...CAMERA });
    await sending.push(FRAME);
    await other.handled(1, 1);
    const view = await host.ask("trust", trust({ revoked: [colleague.device.fingerprint] }));
    assert.deepEqual(
      view?.members.map((member) => member.refused),
      [null, "revoked"],
    );
    const receiving = host.attach({ id: 1, side: "receive", seat: "s", ...CAMERA });
    await receiving.push(sending.out[0]!);
    await host.handled(1, 1);
    assert.deepEqual(receiving.out, []);
    assert.equal((await host.ask("figures", null))[1]?.refused.wrong_sender, 1);
  });
});
