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
  gone: string | null = null;
  asked: string[] = [];
  async getUserMedia(wish: MediaStreamConstraints): Promise<{ getTracks: () => Track[] }> {
    const kind = wish.audio ? "microphone" : "camera";
    const asked = ((wish.audio ?? wish.video) as MediaTrackConstraints).deviceId as { exact?: string } | undefined;
    this.asked.push(`${kind} ${asked?.exact ?? "any"}`);
    if (this.busy) throw Object.assign(new Error(), { name: "NotReadableError" });
    if (this.gone !== null && asked?.exact === this.gone) throw Object.assign(new Error(), { name: "OverconstrainedError" });
    return { getTracks: () => [new Track(kind)] };
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
});
