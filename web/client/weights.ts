// How a browser shares out a narrow line among what this person sends: asked of the browser, which decides in the end.

import type { types } from "mediasoup-client";

import type { Plant } from "./plant";
import type { Source } from "./types";

/** On a narrow line movement stays and size goes; on a screen the other way round (mst-content-hint, section 3.1). */
const KEEPS: Partial<Record<Source, RTCDegradationPreference>> = { camera: "maintain-framerate", screen: "maintain-resolution" };

/** Asks for everything that has not been asked for yet. */
export async function weighAll(plant: Plant, sight: boolean): Promise<void> {
  for (const [source, sending] of plant.producers) {
    if (sending.weighed === sight) continue;
    sending.weighed = sight;
    await weigh(sending.producer, source, sight);
  }
}

/** Sound before pictures, or for who signs the camera before sound. A browser that cannot be asked goes on as it was. */
async function weigh(producer: types.Producer, source: Source, sight: boolean): Promise<void> {
  const sender = producer.rtpSender;
  if (!sender || producer.closed) return;
  const parameters: RTCRtpSendParameters & { degradationPreference?: RTCDegradationPreference } = sender.getParameters();
  const keeps = KEEPS[source];
  if (keeps) parameters.degradationPreference = keeps;
  const first = source === (sight ? "camera" : "microphone");
  for (const encoding of parameters.encodings) encoding.priority = first ? "high" : "low";
  await sender.setParameters(parameters).catch(() => undefined);
}
