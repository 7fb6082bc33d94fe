import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { chimeFile } from "../../web/client/lobby/chime";
import { parseChoices, withPassage } from "../../web/client/lobby/choices";
import { afterPress } from "../../web/client/ui/exit";

type Presses = ReturnType<typeof afterPress>;

function press(...keys: [string, number][]): Presses {
  return keys.reduce<Presses>((presses, [key, at]) => afterPress(presses, key, at), []);
}

describe("the quick exit", () => {
  it("counts one key three times in a row", () => {
    assert.equal(press(["Escape", 0], ["Escape", 500], ["Escape", 900]).length, 3);
    assert.equal(press(["Shift", 0], ["Shift", 500], ["Shift", 900]).length, 3);
  });

  it("does not mix keys", () => {
    assert.equal(press(["Shift", 0], ["Escape", 500], ["Shift", 900]).length, 1);
  });

  it("forgets what was pressed too long ago", () => {
    assert.equal(press(["Escape", 0], ["Escape", 100], ["Escape", 4000]).length, 1);
  });

  it("forgets everything when another key comes between", () => {
    assert.equal(press(["Shift", 0], ["Shift", 100], ["a", 200], ["Shift", 300]).length, 1);
  });
});

describe("the choices of last time", () => {
  it("are complete for a device that was never here", () => {
    const { microphone, camera, facing, microphoneId } = parseChoices(null);
    assert.deepEqual({ microphone, camera, facing, microphoneId }, {
      microphone: true,
      camera: true,
      facing: "user",
      microphoneId: null,
    });
  });

  it("come back as they were kept", () => {
    const kept = {
      microphone: true,
      camera: false,
      microphoneId: "m",
      cameraId: null,
      facing: "environment" as const,
      speaker: "s",
    };
    assert.deepEqual(parseChoices(JSON.stringify(kept)), kept);
  });

  it("survive whatever somebody else has written there", () => {
    for (const stored of ["", "null", "[]", "7", "{", '{"facing":7,"speaker":{},"cameraId":[]}']) {
      assert.deepEqual(parseChoices(stored), parseChoices(null));
    }
  });
});

describe("the seats that a device has been in", () => {
  const passage = { withHelper: true, admitted: false };

  it("are eight at most, the newest ones", () => {
    let known: Record<string, unknown> = {};
    for (let seat = 0; seat < 12; seat++) known = withPassage(known, `seat-${seat}`, passage);
    assert.deepEqual(Object.keys(known), Array.from({ length: 8 }, (_, index) => `seat-${index + 4}`));
  });

  it("hold one answer each, the last", () => {
    const known = withPassage(withPassage({}, "a", passage), "a", { ...passage, admitted: true });
    assert.deepEqual(known, { a: { withHelper: true, admitted: true } });
  });
});

describe("the chime", () => {
  it("is a whole WAV file that begins and ends in silence and is heard between", () => {
    const file = new DataView(chimeFile());
    const word = (at: number): string => String.fromCharCode(...new Uint8Array(file.buffer, at, 4));
    assert.equal(word(0) + word(8) + word(36), "RIFFWAVEdata");
    assert.equal(file.getUint32(4, true), file.byteLength - 8);
    assert.equal(file.getUint32(40, true), file.byteLength - 44);
    const samples = new Int16Array(file.buffer, 44);
    assert.equal(samples[0], 0);
    assert.ok(Math.abs(samples[samples.length - 1] ?? 1) < 50);
    assert.ok(samples.some((sample) => Math.abs(sample) > 8000));
  });
});
