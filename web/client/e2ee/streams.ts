// The encoded streams of all senders and receivers, each through the pipeline, and what became of their frames.

import type { Bytes } from "./bytes";
import type { KeyRing } from "./keys";
import { openFrame, sealFrame, type FrameRefusal } from "./pipeline";
import type { Counts, Stream, StreamCounts } from "./rpc";

/** What this code needs of RTCEncodedVideoFrame and RTCEncodedAudioFrame. */
export interface EncodedFrame {
  data: ArrayBuffer;
}

const TELL_MS = 250;

interface Tally extends StreamCounts {
  done: number;
  empty: number;
  readonly refused: Record<FrameRefusal, number>;
}

export class Streams {
  readonly #keys: KeyRing;
  readonly #tell: (counts: Counts) => void;
  readonly #tallies = new Map<number, Tally>();
  #telling = false;

  constructor(keys: KeyRing, tell: (counts: Counts) => void) {
    this.#keys = keys;
    this.#tell = tell;
  }

  /** Carries every frame from one to the other until they close. A frame that is refused is dropped, never passed
   * on. */
  run(stream: Stream, readable: ReadableStream<EncodedFrame>, writable: WritableStream<EncodedFrame>): void {
    const tally = this.#tallyOf(stream.id);
    const transform = new TransformStream<EncodedFrame, EncodedFrame>({
      transform: async (frame, controller) => {
        if (await this.pass(stream, frame, tally)) controller.enqueue(frame);
      },
    });
    // The pipe fails when its sender or receiver is closed, which is its ordinary end.
    readable.pipeThrough(transform).pipeTo(writable).catch(() => undefined);
  }

  /** Whether the frame may go on; if so, its data has been replaced. */
  async pass(stream: Stream, frame: EncodedFrame, tally = this.#tallyOf(stream.id)): Promise<boolean> {
    this.#tellSoon();
    if (frame.data.byteLength === 0) {
      tally.empty++;
      return true;
    }
    const result = await this.#convert(stream, new Uint8Array(frame.data));
    if (typeof result === "string") {
      tally.refused[result]++;
      return false;
    }
    frame.data = result.buffer;
    // The first one proves that the stream is attached, or opens a picture: somebody waits for it.
    if (tally.done++ === 0) this.#tell(this.counts());
    return true;
  }

  counts(): Counts {
    return Object.fromEntries(
      [...this.#tallies].map(([id, { done, empty, refused }]) => [id, { done, empty, refused: { ...refused } }]),
    );
  }

  forget(id: number): void {
    this.#tallies.delete(id);
  }

  async #convert(stream: Stream, data: Bytes): Promise<Bytes | FrameRefusal> {
    try {
      return await (stream.side === "send" ? sealFrame(this.#keys, stream, data) : openFrame(this.#keys, stream, data));
    } catch {
      // A fault must cost one frame, not the stream; and never secrecy.
      return stream.side === "send" ? "no_key" : "tampered";
    }
  }

  #tallyOf(id: number): Tally {
    const known = this.#tallies.get(id);
    if (known) return known;
    const refused = { no_key: 0, unknown_epoch: 0, newer_epoch: 0, wrong_sender: 0, replayed: 0, tampered: 0 };
    const made: Tally = { done: 0, empty: 0, refused };
    this.#tallies.set(id, made);
    return made;
  }

  #tellSoon(): void {
    if (this.#telling) return;
    this.#telling = true;
    setTimeout(() => {
      this.#telling = false;
      this.#tell(this.counts());
    }, TELL_MS);
  }
}
