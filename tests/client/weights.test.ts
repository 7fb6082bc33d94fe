import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Plant } from "../../web/client/plant";
import type { Source } from "../../web/client/types";
import { weighAll } from "../../web/client/weights";

interface Asked {
  degradationPreference?: string;
  encodings: { priority?: string }[];
}

/** A browser's sender: it keeps what it is asked for, or refuses. */
class Sender {
  readonly asked: Asked[] = [];
  constructor(readonly refuses = false) {}
  getParameters(): Asked {
    return { encodings: [{}, {}] };
  }
  async setParameters(parameters: Asked): Promise<void> {
    if (this.refuses) throw new DOMException("", "InvalidModificationError");
    this.asked.push(parameters);
  }
}

function plantOf(senders: Partial<Record<Source, Sender>>): Plant {
  const sendings = Object.entries(senders).map(([source, rtpSender]) => [
    source,
    { producer: { rtpSender, closed: false }, weighed: null },
  ]);
  return { producers: new Map(sendings as never) } as unknown as Plant;
}

const priorities = (sender: Sender): (string | undefined)[] => sender.asked.at(-1)!.encodings.map((one) => one.priority);

describe("a line that is shared out", () => {
  it("is the sound's first, and the camera's for who signs", async () => {
    const [microphone, camera, screen] = [new Sender(), new Sender(), new Sender()];
    const plant = plantOf({ microphone, camera, screen });
    await weighAll(plant, false);
    assert.deepEqual([microphone, camera, screen].map(priorities), [["high", "high"], ["low", "low"], ["low", "low"]]);
    await weighAll(plant, true);
    assert.deepEqual([microphone, camera, screen].map(priorities), [["low", "low"], ["high", "high"], ["low", "low"]]);
  });

  it("keeps a camera's movement and a screen's letters", async () => {
    const [microphone, camera, screen] = [new Sender(), new Sender(), new Sender()];
    await weighAll(plantOf({ microphone, camera, screen }), false);
    assert.deepEqual(
      [microphone, camera, screen].map((sender) => sender.asked[0]!.degradationPreference),
      [undefined, "maintain-framerate", "maintain-resolution"],
    );
  });

  it("is asked for once, and a browser that refuses goes on as it was", async () => {
    const [microphone, camera] = [new Sender(), new Sender(true)];
    const plant = plantOf({ microphone, camera });
    await weighAll(plant, false);
    await weighAll(plant, false);
    assert.equal(microphone.asked.length, 1);
  });
});
