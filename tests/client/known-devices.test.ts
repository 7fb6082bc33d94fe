// Who comes back without asking: a person at a device, and not whoever else uses it.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Who } from "../../web/client/e2ee/device";
import { KnownDevices } from "../../web/client/e2ee/known-devices";

const OLHA: Who = { device: "tablet", role: "client", name: "Olha" };

describe("somebody who was in this call before", () => {
  const known = new KnownDevices("a0a0");
  known.add([OLHA]);

  it("is known at the same device", async () => assert.ok(await known.has({ ...OLHA })));
  it("is not known under another name, in another role, or at another device", async () => {
    for (const change of [{ name: "Iryna" }, { role: "interpreter" }, { device: "phone" }] as const)
      assert.equal(await known.has({ ...OLHA, ...change }), false, JSON.stringify(change));
  });
});
