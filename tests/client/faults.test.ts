import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Platform } from "../../web/client/lobby/browser";
import { faultSteps, faultTitle, type Device, type Fault } from "../../web/client/lobby/faults";

const FAULTS: Fault[] = ["denied", "missing", "in_use", "unsupported", "failed", "silent", "muted"];
const DEVICES: Device[] = ["microphone", "camera"];
const PLATFORMS: Platform[] = ["android", "ios", "other"];

describe("a fault", () => {
  it("always has a name and at least one thing to do", () => {
    for (const fault of FAULTS) {
      for (const device of DEVICES) {
        assert.notEqual(faultTitle(fault, device), "");
        for (const platform of PLATFORMS) assert.ok(faultSteps(fault, device, platform).length > 0);
      }
    }
  });

  it("names the device that it is about", () => {
    for (const fault of ["denied", "missing", "in_use", "failed", "muted"] as const) {
      assert.match(faultTitle(fault, "microphone"), /microphone/);
      assert.match(faultTitle(fault, "camera"), /camera/);
    }
  });

  it("is mended in another way on each platform when permission was denied", () => {
    const ways = new Set(PLATFORMS.map((platform) => faultSteps("denied", "camera", platform).join()));
    assert.equal(ways.size, PLATFORMS.length);
  });
});
