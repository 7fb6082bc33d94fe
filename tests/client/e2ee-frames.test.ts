import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";

import type { Bytes } from "../../web/client/e2ee/bytes";
import { clearBytes } from "../../web/client/e2ee/frames";
import { KeyRing, OLD_KEYS_MS } from "../../web/client/e2ee/keys";
import { openFrame, sealFrame, type Expected } from "../../web/client/e2ee/pipeline";
import { ReplayWindow } from "../../web/client/e2ee/replay";
import {
  decodeHeader,
  decrypt,
  deriveKey,
  deriveMaterial,
  encodeHeader,
  encrypt,
  importCipher,
  nonceOf,
  open,
  seal,
  SFrameError,
  type Suite,
} from "../../web/client/e2ee/sframe";
import { Streams } from "../../web/client/e2ee/streams";
import { browserFigure, isBypassed, NO_FIGURES } from "../../web/client/e2ee/watchdog";
import { bytes } from "./e2ee-people";

const VECTORS = `${process.env["PORUCH_CONFORMANCE"] ?? "../../shared/conformance"}/sframe`;

const unhex = (text: string): Bytes => Uint8Array.from(Buffer.from(text, "hex"));
const hex = (given: Uint8Array): string => Buffer.from(given).toString("hex");

interface Vector {
  cipher_suite: Suite;
  kid: string;
  ctr: string;
  [field: string]: string | number;
}

/** Numbers beyond 2^53 stay exact: they are read as text. */
function vectors(file: string): Record<string, Vector[]> | null {
  const path = `${VECTORS}/${file}`;
  if (!existsSync(path)) return null;
  return JSON.parse(readFileSync(path, "utf8").replace(/"(kid|ctr)": (\d+)/g, '"$1": "$2"'));
}

const standard = vectors("test-vectors.json");
const aes256 = vectors("test-vectors-aes256.json");
const skip = standard && aes256 ? false : `no vectors in ${VECTORS}`;

describe("SFrame, by the vectors of RFC 9605", { skip }, () => {
  it("writes and reads every header", () => {
    for (const { kid, ctr, encoded } of standard!["header"]!) {
      assert.equal(hex(encodeHeader(BigInt(kid), BigInt(ctr))), encoded);
      const data = unhex(String(encoded));
      assert.deepEqual(decodeHeader(data), { kid: BigInt(kid), ctr: BigInt(ctr), length: data.length });
    }
  });

  it("encrypts with counter mode and a tag", async () => {
    for (const vector of [...standard!["aes_ctr_hmac"]!, ...standard!["aes_256_ctr_hmac"]!]) {
      const fields = ["key", "nonce", "aad", "pt", "ct"];
      const [key, nonce, aad, pt, ct] = fields.map((field) => unhex(String(vector[field])));
      const cipher = await importCipher(vector.cipher_suite, key!);
      assert.equal(hex(await encrypt(cipher, nonce!, aad!, pt!)), vector["ct"]);
      assert.equal(hex(await decrypt(cipher, nonce!, aad!, ct!)), vector["pt"]);
    }
  });

  it("derives keys, and seals and opens frames, in every suite", async () => {
    for (const vector of [...standard!["sframe"]!, ...aes256!["sframe_aes_256_ctr_hmac"]!]) {
      const [kid, ctr, base] = [BigInt(vector.kid), BigInt(vector.ctr), unhex(String(vector["base_key"]))];
      const material = await deriveMaterial(vector.cipher_suite, kid, base);
      for (const [field, found] of Object.entries({
        sframe_key_label: material.keyLabel,
        sframe_salt_label: material.saltLabel,
        sframe_secret: material.secret,
        sframe_key: material.key,
        sframe_salt: material.salt,
        nonce: nonceOf(material, ctr),
      }))
        assert.equal(hex(found), vector[field], field);
      const key = await deriveKey(vector.cipher_suite, kid, base);
      const sealed = await seal(key, ctr, unhex(String(vector["metadata"])), unhex(String(vector["pt"])));
      assert.equal(hex(sealed), vector["ct"]);
      const opened = await open(key, decodeHeader(sealed), unhex(String(vector["metadata"])), sealed);
      assert.equal(hex(opened), vector["pt"]);
    }
  });
});

describe("an SFrame header", () => {
  it("is refused when it is cut short or longer than needed", () => {
    for (const wrong of ["", "80", "8801", "0805", "0900ff", "d0000001"])
      assert.throws(() => decodeHeader(unhex(wrong)), SFrameError, wrong);
  });
});

describe("the replay window", () => {
  it("takes each counter once, in whatever order they come", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const window = new ReplayWindow();
      let state = seed;
      const next = (): number => (state = (state * 48_271) % 2_147_483_647);
      const taken = new Set<number>();
      let highest = -1;
      for (let step = 0; step < 3_000; step++) {
        const counter = Math.max(0, highest - 1_500 + (next() % 1_540));
        const expected = counter > highest || (counter > highest - 1_024 && !taken.has(counter));
        assert.equal(window.fresh(counter), expected, `seed ${seed}, step ${step}, counter ${counter}`);
        assert.equal(window.take(counter), expected);
        taken.add(counter);
        highest = Math.max(highest, counter);
      }
    }
  });

  it("reaches back over 1024 counters and not further", () => {
    const window = new ReplayWindow();
    assert.ok(window.take(5_000));
    assert.ok(window.take(5_000 - 1_023));
    assert.ok(!window.take(5_000 - 1_024));
    assert.ok(window.take(2 ** 40));
    assert.ok(!window.fresh(5_001));
  });
});

const KEY_FRAME = Uint8Array.from({ length: 40 }, (_, at) => (at === 0 ? 0x10 : at));
const DELTA = Uint8Array.from({ length: 30 }, (_, at) => (at === 0 ? 0x31 : at));
const OPUS = Uint8Array.from({ length: 20 }, (_, at) => at);
const SEATS = new Map([
  [0, "p"],
  [1, "c"],
]);
const CAMERA = { kind: "video", source: "camera" } as const;
const MICROPHONE = { kind: "audio", source: "microphone" } as const;
const SCREEN_VP9 = { kind: "video", source: "screen", vp9: true } as const;

async function ring(own: number, epoch = 1, key = 9): Promise<KeyRing> {
  const keys = new KeyRing();
  keys.install({ epoch, baseKey: bytes(16, key), seats: SEATS, own }, 0);
  await keys.switchSending(epoch);
  return keys;
}

const sealed = async (keys: KeyRing, what: { kind: "audio" | "video"; source: Expected["source"] }, data: Bytes) => {
  const frame = await sealFrame(keys, what, data);
  assert.ok(typeof frame !== "string");
  return frame;
};

describe("a frame", () => {
  it("leaves ten bytes clear in VP8 key frames, one in the others, none in Opus and in VP9", () => {
    assert.deepEqual(
      [clearBytes("video", KEY_FRAME), clearBytes("video", DELTA), clearBytes("audio", OPUS)],
      [10, 1, 0],
    );
    assert.deepEqual([KEY_FRAME, DELTA].map((data) => clearBytes("video", data, true)), [0, 0]);
    assert.deepEqual([clearBytes("video", KEY_FRAME.slice(0, 4)), clearBytes("video", new Uint8Array())], [4, 0]);
  });

  it("arrives as it was sent, and is not to be read on its way", async () => {
    const [from, to] = [await ring(0), await ring(1)];
    for (const [what, data] of [
      [CAMERA, KEY_FRAME],
      [CAMERA, DELTA],
      [{ kind: "video", source: "screen" }, DELTA],
      [SCREEN_VP9, KEY_FRAME],
      [SCREEN_VP9, DELTA],
      [MICROPHONE, OPUS],
    ] as const) {
      const frame = await sealed(from, what, data);
      const clear = clearBytes(what.kind, data, "vp9" in what && what.vp9);
      assert.deepEqual(frame.slice(0, clear), data.slice(0, clear));
      assert.ok(!hex(frame).includes(hex(data.slice(clear))));
      assert.ok(frame.length - data.length <= 22);
      assert.deepEqual(await openFrame(to, { seat: "p", ...what }, frame), data);
    }
  });

  it("is not sent without a key, nor before sending was switched on", async () => {
    const keys = new KeyRing();
    assert.equal(await sealFrame(keys, MICROPHONE, OPUS), "no_key");
    keys.install({ epoch: 1, baseKey: bytes(16, 9), seats: SEATS, own: 0 }, 0);
    assert.equal(await sealFrame(keys, MICROPHONE, OPUS), "no_key");
    await keys.switchSending(1);
    assert.notEqual(await sealFrame(keys, MICROPHONE, OPUS), "no_key");
    keys.clear();
    assert.equal(await sealFrame(keys, MICROPHONE, OPUS), "no_key");
    assert.equal(await openFrame(keys, { seat: "p", ...MICROPHONE }, OPUS), "no_key");
  });

  it("is refused under another kind, source or person than told", async () => {
    const [from, to] = [await ring(0), await ring(1)];
    const frame = await sealed(from, CAMERA, DELTA);
    assert.equal(await openFrame(to, { seat: "c", ...CAMERA }, frame), "wrong_sender");
    assert.equal(await openFrame(to, { seat: "x", ...CAMERA }, frame), "wrong_sender");
    assert.equal(await openFrame(to, { seat: "p", kind: "video", source: "screen" }, frame), "tampered");
    assert.notEqual(typeof (await openFrame(to, { seat: "p", kind: "audio", source: "camera" }, frame)), "object");
    assert.deepEqual(await openFrame(to, { seat: "p", ...CAMERA }, frame), DELTA);
  });

  it("is refused in another codec than it was sealed in", async () => {
    const [from, to] = [await ring(0), await ring(1)];
    const screen = { kind: "video", source: "screen" } as const;
    for (const data of [KEY_FRAME, DELTA]) {
      const whole = await sealed(from, SCREEN_VP9, data);
      assert.equal(typeof (await openFrame(to, { seat: "p", ...screen }, whole)), "string");
      const partly = await sealed(from, screen, data);
      assert.equal(typeof (await openFrame(to, { seat: "p", ...SCREEN_VP9 }, partly)), "string");
      assert.deepEqual(await openFrame(to, { seat: "p", ...SCREEN_VP9 }, whole), data);
    }
  });

  it("is refused the second time, even when both come at once", async () => {
    const [from, to] = [await ring(0), await ring(1)];
    const frame = await sealed(from, CAMERA, DELTA);
    const expected = { seat: "p", ...CAMERA };
    const both = await Promise.all([openFrame(to, expected, frame), openFrame(to, expected, frame)]);
    assert.deepEqual(
      both.filter((one) => one === "replayed"),
      ["replayed"],
    );
    assert.equal(await openFrame(to, expected, frame), "replayed");
  });

  it("is refused when any of its bits was flipped, the clear ones included", async () => {
    const [from, to] = [await ring(0), await ring(1)];
    const frame = await sealed(from, CAMERA, KEY_FRAME);
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const flipped = frame.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(typeof (await openFrame(to, { seat: "p", ...CAMERA }, flipped)), "string", `bit ${bit}`);
    }
    assert.deepEqual(await openFrame(to, { seat: "p", ...CAMERA }, frame), KEY_FRAME);
  });

  it("is refused when another key made it: the picture stays black, never noise", async () => {
    const [from, to] = [await ring(0, 1, 8), await ring(1)];
    assert.equal(await openFrame(to, { seat: "p", ...MICROPHONE }, await sealed(from, MICROPHONE, OPUS)), "tampered");
    for (const nothing of [new Uint8Array(), Uint8Array.of(0x98), new Uint8Array(12)])
      assert.equal(typeof (await openFrame(to, { seat: "p", ...MICROPHONE }, nothing)), "string");
  });

  it("never has a counter that another had, whatever the stream", async () => {
    const from = await ring(0);
    const frames = await Promise.all(
      Array.from({ length: 50 }, (_, at) => sealed(from, at % 2 ? CAMERA : MICROPHONE, at % 2 ? DELTA : OPUS)),
    );
    const counters = frames.map((frame, at) => decodeHeader(frame.subarray(at % 2)).ctr);
    assert.equal(new Set(counters).size, 50);
  });
});

describe("epochs of keys", () => {
  const next = { epoch: 2, baseKey: bytes(16, 10), seats: SEATS, own: 1 };

  it("are received before they are sent, and the old ones for ten more seconds", async () => {
    const [from, to] = [await ring(0), await ring(1)];
    const old = await sealed(from, CAMERA, DELTA);
    const late = await sealed(from, CAMERA, DELTA);
    from.install({ ...next, own: 0 }, 0);
    assert.equal(from.sending?.epoch, 1);
    await from.switchSending(2);
    const fresh = await sealed(from, CAMERA, DELTA);
    const expected = { seat: "p", ...CAMERA };
    assert.equal(await openFrame(to, expected, fresh), "newer_epoch");
    to.install(next, 1_000);
    assert.deepEqual(await openFrame(to, expected, fresh), DELTA);
    assert.deepEqual(await openFrame(to, expected, old), DELTA);
    assert.equal(to.expire(1_000), 1_000 + OLD_KEYS_MS);
    assert.equal(to.expire(1_000 + OLD_KEYS_MS), null);
    assert.equal(await openFrame(to, expected, late), "unknown_epoch");
  });

  it("never go back, so that no counter comes twice", async () => {
    const from = await ring(0);
    await sealed(from, CAMERA, DELTA);
    const before = from.sending;
    await from.switchSending(1);
    assert.equal(from.sending, before);
    from.install({ ...next, own: 0 }, 0);
    await from.switchSending(2);
    await from.switchSending(1);
    assert.equal(from.sending?.epoch, 2);
    assert.throws(() => from.install({ ...next, own: 0 }, 0), RangeError);
    await assert.rejects(from.switchSending(3), RangeError);
  });

  it("do not let anybody be heard who is no longer a member", async () => {
    const [from, to] = [await ring(0), await ring(1)];
    const frame = await sealed(from, CAMERA, DELTA);
    to.install({ ...next, seats: new Map([[1, "c"]]) }, 0);
    assert.equal(await openFrame(to, { seat: "p", ...CAMERA }, frame), "wrong_sender");
  });

  it("count on past 255, where the header's bits begin anew", async () => {
    const [from, to] = [await ring(0, 256), await ring(1, 256)];
    assert.deepEqual(await openFrame(to, { seat: "p", ...CAMERA }, await sealed(from, CAMERA, DELTA)), DELTA);
  });
});

describe("the streams of the worker", () => {
  it("pass on nothing but sealed, opened and empty frames, and count the rest by reason", async () => {
    const [from, to] = [await ring(0), await ring(1)];
    const out = new Streams(from, () => undefined);
    const into = new Streams(to, () => undefined);
    const bare = new Streams(new KeyRing(), () => undefined);
    const frame = { data: DELTA.slice().buffer };
    assert.ok(await out.pass({ id: 1, side: "send", ...CAMERA }, frame));
    const again = { data: frame.data.slice(0) };
    assert.ok(await into.pass({ id: 2, side: "receive", seat: "p", ...CAMERA }, frame));
    assert.deepEqual(new Uint8Array(frame.data), DELTA);
    assert.ok(!(await into.pass({ id: 2, side: "receive", seat: "p", ...CAMERA }, again)));
    assert.ok(await into.pass({ id: 2, side: "receive", seat: "p", ...CAMERA }, { data: new ArrayBuffer(0) }));
    assert.ok(!(await bare.pass({ id: 3, side: "send", ...CAMERA }, { data: DELTA.slice().buffer })));
    const none = { no_key: 0, unknown_epoch: 0, newer_epoch: 0, wrong_sender: 0, replayed: 0, tampered: 0 };
    assert.deepEqual(into.counts(), { 2: { done: 1, empty: 1, refused: { ...none, replayed: 1 } } });
    assert.deepEqual(bare.counts(), { 3: { done: 0, empty: 0, refused: { ...none, no_key: 1 } } });
  });
});

describe("the watchdog", () => {
  it("sees frames that went past the worker, from the beginning or later", () => {
    assert.ok(isBypassed(NO_FIGURES, { worker: 0, browser: 50 }));
    assert.ok(isBypassed({ worker: 1_000, browser: 1_000 }, { worker: 1_000, browser: 1_040 }));
  });

  it("minds neither frames that were dropped, nor a worker that lags, nor packets that came twice", () => {
    assert.ok(!isBypassed(NO_FIGURES, { worker: 100, browser: 0 }));
    assert.ok(!isBypassed(NO_FIGURES, { worker: 92, browser: 100 }));
    assert.ok(!isBypassed({ worker: 9_000, browser: 10_000 }, { worker: 9_090, browser: 10_100 }));
    assert.ok(!isBypassed({ worker: 40, browser: 50 }, { worker: 43, browser: 110 }), "a tired machine");
  });

  it("counts packets of sound and frames of pictures", () => {
    assert.equal(browserFigure({ type: "outbound-rtp", kind: "audio", packetsSent: 7, framesSent: 1 }), 7);
    assert.equal(browserFigure({ type: "outbound-rtp", kind: "video", packetsSent: 70, framesSent: 6 }), 6);
    assert.equal(browserFigure({ type: "inbound-rtp", kind: "audio", packetsReceived: 9, packetsDiscarded: 2 }), 7);
    assert.equal(browserFigure({ type: "inbound-rtp", kind: "video", framesDecoded: 5 }), 5);
    assert.equal(browserFigure({ type: "candidate-pair" }), null);
  });
});
