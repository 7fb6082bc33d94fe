import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";

import { Devices } from "../../web/client/devices";

/** What a browser gives for a device. */
class Track extends EventTarget {
  readyState: "live" | "ended" = "live";
  muted = false;
  contentHint = "";
  constructor(readonly kind: string) {
    super();
  }
  stop(): void {
    this.readyState = "ended";
  }
  /** The system takes it away for good, as a phone call does on some phones. */
  end(): void {
    this.stop();
    this.dispatchEvent(new Event("ended"));
  }
}

/** The browser's own side: which devices can be had at this moment. */
class Hardware extends EventTarget {
  busy = false;
  denied: "microphone" | "camera" | null = null;
  given: Track[] = [];
  /** What somebody has to answer first: the browser asks the person, or the system takes its time. */
  question: Promise<void> = Promise.resolve();
  gone: string | null = null;
  asked: string[] = [];
  async getUserMedia(wish: MediaStreamConstraints): Promise<{ getTracks: () => Track[] }> {
    const kind = wish.audio ? "microphone" : "camera";
    const asked = ((wish.audio ?? wish.video) as MediaTrackConstraints).deviceId as { exact?: string } | undefined;
    this.asked.push(`${kind} ${asked?.exact ?? "any"}`);
    await this.question;
    if (this.denied === kind) throw Object.assign(new Error(), { name: "NotAllowedError" });
    if (this.busy) throw Object.assign(new Error(), { name: "NotReadableError" });
    if (this.gone !== null && asked?.exact === this.gone) throw Object.assign(new Error(), { name: "OverconstrainedError" });
    const track = new Track(kind);
    this.given.push(track);
    return { getTracks: () => [track] };
  }
  async getDisplayMedia(): Promise<{ getVideoTracks: () => Track[] }> {
    await this.question;
    const track = new Track("screen");
    this.given.push(track);
    return { getVideoTracks: () => [track] };
  }
  /** From now on every answer waits for what this returns. */
  hang(): () => void {
    let answer = (): void => undefined;
    this.question = new Promise((resolve) => (answer = resolve));
    return answer;
  }
}

let hardware: Hardware;
let devices: Devices;
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** The page's clock, not the one on the wall. */
const later = async (ms: number): Promise<void> => {
  mock.timers.tick(ms);
  await settled();
};
const has = (device: "microphone" | "camera"): boolean => devices.value[device]?.readyState === "live";
const take = (device: "microphone" | "camera"): void => (devices.value[device] as unknown as Track).end();

beforeEach(() => {
  hardware = new Hardware();
  Object.defineProperty(globalThis, "navigator", {
    value: { mediaDevices: hardware, hardwareConcurrency: 4 },
    configurable: true,
  });
  Object.defineProperty(globalThis, "document", {
    value: Object.assign(new EventTarget(), { visibilityState: "visible" }),
    configurable: true,
  });
  Object.defineProperty(globalThis, "window", { value: new EventTarget(), configurable: true });
  mock.timers.enable({ apis: ["setTimeout"] });
  devices = new Devices();
});
afterEach(() => mock.timers.reset());

describe("a device that a phone call has taken", () => {
  for (const device of ["microphone", "camera"] as const) {
    it(`is asked for until it can be had again: ${device}`, async () => {
      await (device === "microphone" ? devices.openMicrophone() : devices.openCamera());
      hardware.busy = true;
      take(device);
      await settled();
      assert.equal(has(device), false);
      for (let tries = 0; tries < 5; tries++) await later(2_000);
      assert.equal(hardware.asked.length, 7);
      assert.equal(has(device), false);
      hardware.busy = false;
      await later(2_000);
      assert.equal(has(device), true);
      assert.equal(devices.value[`${device}Held`], false);
      await later(60_000);
      assert.equal(hardware.asked.length, 8);
    });
  }

  it("is not asked for any more once the person has switched it off", async () => {
    await devices.openMicrophone();
    hardware.busy = true;
    take("microphone");
    await settled();
    devices.closeMicrophone();
    const asked = hardware.asked.length;
    await later(60_000);
    assert.equal(hardware.asked.length, asked);
  });

  it("gives way to another microphone when the chosen one is gone", async () => {
    await devices.openMicrophone("headset");
    hardware.gone = "headset";
    take("microphone");
    await settled();
    assert.deepEqual(hardware.asked, ["microphone headset", "microphone headset", "microphone any"]);
    assert.equal(has("microphone"), true);
  });

  it("is asked for by one clock, however often an occasion comes", async () => {
    await devices.openMicrophone();
    hardware.busy = true;
    take("microphone");
    await settled();
    for (let occasion = 0; occasion < 3; occasion++) {
      await later(500);
      await devices.revive();
    }
    const asked = hardware.asked.length;
    for (let halves = 0; halves < 8; halves++) await later(500);
    assert.equal(hardware.asked.length, asked + 2);
    devices.closeMicrophone();
    await later(60_000);
    assert.equal(hardware.asked.length, asked + 2);
  });

  it("is still asked for when the other device is closed or comes back", async () => {
    await devices.openMicrophone();
    await devices.openCamera();
    hardware.busy = true;
    take("microphone");
    await settled();
    devices.closeCamera();
    hardware.busy = false;
    await later(2_000);
    assert.deepEqual([has("microphone"), has("camera")], [true, false]);
  });

  for (const device of ["microphone", "camera"] as const)
    it(`is not asked for every two seconds after a no: ${device}`, async () => {
      await (device === "microphone" ? devices.openMicrophone("headset") : devices.openCamera());
      hardware.denied = device;
      take(device);
      await settled();
      await later(60_000);
      assert.equal(hardware.asked.length, 2);
      hardware.denied = null;
      hardware.dispatchEvent(new Event("devicechange"));
      await settled();
      assert.equal(has(device), true, "but at the next occasion");
    });

  for (const [no, other] of [["microphone", "camera"], ["camera", "microphone"]] as const)
    it(`is asked for by the clock though the other one is refused, and that one is not: ${other}`, async () => {
      await devices.openMicrophone();
      await devices.openCamera();
      [hardware.denied, hardware.busy] = [no, true];
      take("microphone");
      take("camera");
      await settled();
      await devices.revive();
      hardware.asked = [];
      for (let tries = 0; tries < 3; tries++) await later(2_000);
      assert.deepEqual(hardware.asked, [other, other, other].map((device) => `${device} any`));
    });
});

describe("what the browser gives after a stop", () => {
  const opens = { microphone: () => devices.openMicrophone(), camera: () => devices.openCamera() };
  for (const device of ["microphone", "camera"] as const) {
    const closed = (): void => {
      assert.ok(hardware.given.every(({ readyState }) => readyState === "ended"), "no light is on");
      assert.equal(devices.value[device], null);
    };

    it(`is let go of when it had been taken away before: ${device}`, async () => {
      await opens[device]();
      const answer = hardware.hang();
      take(device);
      devices.closeAll();
      answer();
      await settled();
      assert.equal(hardware.given.length, 2);
      closed();
      await later(60_000);
      assert.equal(hardware.asked.length, 2, "and nobody asks again");
    });

    it(`is let go of when the person was just asked: ${device}`, async () => {
      const answer = hardware.hang();
      const opening = opens[device]();
      devices.closeAll();
      answer();
      assert.equal(await opening, null);
      closed();
    });

    it(`is a fault that nobody hears of, and that does not wake the device later: ${device}`, async () => {
      await opens[device]();
      const answer = hardware.hang();
      hardware.busy = true;
      take(device);
      devices.closeAll();
      answer();
      await settled();
      hardware.busy = false;
      await later(60_000);
      assert.equal(hardware.asked.length, 2);
      closed();
    });
  }

  it("is only the camera that was asked for last", async () => {
    const answer = hardware.hang();
    const both = [devices.openCamera({ deviceId: "a" }), devices.openCamera({ deviceId: "b" })];
    answer();
    const [first, last] = await Promise.all(both);
    assert.deepEqual([first, last], [null, devices.value.camera]);
    assert.deepEqual(hardware.given.map(({ readyState }) => readyState), ["ended", "live"]);
  });

  it("is no screen that is shown", async () => {
    const answer = hardware.hang();
    const starting = devices.screen.start();
    devices.closeAll();
    answer();
    await starting;
    assert.equal(devices.screen.value, null);
    assert.equal(hardware.given[0]?.readyState, "ended");
  });
});
