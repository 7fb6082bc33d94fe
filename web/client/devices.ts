// The microphone, the camera and the speaker of this device: opened here and nowhere else, and brought back when they are lost.

import { takesVp9 } from "./codecs";
import { ScreenShare } from "./screen-share";
import { Store } from "./store";
import type { Abilities } from "./types";

export type FaultCode = "denied" | "missing" | "in_use" | "unsupported" | "failed";

/** Why a microphone or a camera cannot be had; the page has one instruction for each code. */
export class DeviceFault extends Error {
  constructor(
    readonly code: FaultCode,
    readonly device: "microphone" | "camera",
  ) {
    super(`${device}: ${code}`);
    this.name = "DeviceFault";
  }
}

export interface DeviceList {
  microphones: MediaDeviceInfo[];
  cameras: MediaDeviceInfo[];
  speakers: MediaDeviceInfo[];
}

export type Facing = "user" | "environment";

export interface DeviceState {
  microphone: MediaStreamTrack | null;
  camera: MediaStreamTrack | null;
  /** The system has taken the track away for now (a phone call, a closed lid). */
  microphoneHeld: boolean;
  cameraHeld: boolean;
  facing: Facing;
  /** Sink id for audio elements; "" is the system's own choice. */
  speaker: string;
}

const FAULTS: Record<string, FaultCode> = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
  NotReadableError: "in_use",
  AbortError: "in_use",
};

export class Devices extends Store<DeviceState> {
  readonly screen = new ScreenShare();
  #microphoneWanted: string | null | undefined;
  #cameraWanted: { deviceId: string | null; facing: Facing } | undefined;
  #reviving = false;
  #again: ReturnType<typeof setTimeout> | undefined;
  /** What the browser has said no to since the person last gave an occasion: its question is not put by the clock. */
  readonly #refused = new Set<"microphone" | "camera">();
  /** How often each was closed: what the browser gives after that is let go of at once. */
  readonly #closed = { microphone: 0, camera: 0 };

  constructor() {
    super({ microphone: null, camera: null, microphoneHeld: false, cameraHeld: false, facing: "user", speaker: "" });
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.revive());
    document.addEventListener("visibilitychange", () => void this.revive());
    window.addEventListener("online", () => void this.revive());
  }

  get abilities(): Abilities {
    return { audio: this.value.microphone !== null, video: this.value.camera !== null, vp9: takesVp9() };
  }

  /** Labels are empty until a permission was given once. */
  async list(): Promise<DeviceList> {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    const of = (kind: MediaDeviceKind): MediaDeviceInfo[] =>
      all.filter((one) => one.kind === kind && one.deviceId !== "");
    return { microphones: of("audioinput"), cameras: of("videoinput"), speakers: of("audiooutput") };
  }

  /** Opens, or changes to, a microphone; null is the system's own choice. Returns null where it was closed before the browser
   * gave it: then it stays closed. Throws DeviceFault. */
  async openMicrophone(deviceId: string | null = null): Promise<MediaStreamTrack | null> {
    const audio = {
      channelCount: 1,
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
      ...(deviceId ? { deviceId: { exact: deviceId } } : {}),
    };
    const track = await this.#capture("microphone", { audio });
    if (track === null) return null;
    this.#microphoneWanted = deviceId;
    this.#watch(track, "microphone");
    this.value.microphone?.stop();
    this.set({ ...this.value, microphone: track, microphoneHeld: track.muted });
    return track;
  }

  /** Opens, or changes to, a camera. Phones give only one at a time, so the old one is let go first. Returns
   * null where it was closed, or another one asked for, before the browser gave it. Throws DeviceFault. */
  async openCamera(choice: { deviceId?: string | null; facing?: Facing } = {}): Promise<MediaStreamTrack | null> {
    const facing = choice.facing ?? this.value.facing;
    const deviceId = choice.deviceId ?? null;
    this.closeCamera();
    const video = {
      width: { ideal: isStrong() ? 1280 : 640 },
      height: { ideal: isStrong() ? 720 : 360 },
      frameRate: { ideal: 20, max: 24 },
      ...(deviceId ? { deviceId: { exact: deviceId } } : { facingMode: facing }),
    };
    const track = await this.#capture("camera", { video });
    if (track === null) return null;
    // Where the line is weak, the picture gets smaller before it stutters: signs and lips are read from movement.
    track.contentHint = "motion";
    this.#cameraWanted = { deviceId, facing };
    this.#watch(track, "camera");
    this.set({ ...this.value, camera: track, cameraHeld: track.muted, facing });
    return track;
  }

  /** From the front camera to the back one, or back. */
  async flipCamera(): Promise<MediaStreamTrack | null> {
    return this.openCamera({ facing: this.value.facing === "user" ? "environment" : "user" });
  }

  closeMicrophone(): void {
    this.#microphoneWanted = undefined;
    this.#close("microphone");
    this.value.microphone?.stop();
    this.set({ ...this.value, microphone: null, microphoneHeld: false });
  }

  closeCamera(): void {
    this.#cameraWanted = undefined;
    this.#close("camera");
    this.value.camera?.stop();
    this.set({ ...this.value, camera: null, cameraHeld: false });
  }

  closeAll(): void {
    this.closeMicrophone();
    this.closeCamera();
    this.screen.stop();
  }

  /** Where the browser lets the page choose (`canChooseSpeaker`); elsewhere the system's own choice stays. */
  setSpeaker(deviceId: string): void {
    this.set({ ...this.value, speaker: deviceId });
  }

  get canChooseSpeaker(): boolean {
    return "setSinkId" in HTMLMediaElement.prototype;
  }

  /** Opens again what was open and was taken away meanwhile: after a phone call, an unplugged headset, a nap in a pocket. */
  async revive(): Promise<void> {
    this.#refused.clear();
    await this.#revive();
  }

  async #revive(): Promise<void> {
    if (this.#reviving || document.visibilityState !== "visible") return;
    this.#reviving = true;
    try {
      const { microphone, camera } = this.value;
      if (this.#microphoneWanted !== undefined && isTaken(microphone) && !this.#refused.has("microphone")) {
        await this.#reopenMicrophone(this.#microphoneWanted);
      }
      const isCameraTaken = (camera === null || isTaken(camera)) && !this.#refused.has("camera");
      if (this.#cameraWanted && isCameraTaken) await this.#reopenCamera(this.#cameraWanted);
    } finally {
      this.#reviving = false;
    }
  }

  /** Still wanted when it cannot be had now: another program may let go of it, and the next occasion finds it. */
  async #reopenCamera(wanted: { deviceId: string | null; facing: Facing }): Promise<void> {
    const opening = this.openCamera(wanted);
    const closed = this.#closed.camera;
    try {
      await opening;
    } catch (error) {
      if (this.#closed.camera !== closed) return;
      this.#cameraWanted = wanted;
      this.#tryAgain("camera", error);
    }
  }

  /** As the camera: a phone call lets go of it without telling the page. */
  async #reopenMicrophone(deviceId: string | null): Promise<void> {
    // Where the chosen one is gone, whatever the system offers is better than silence.
    let fault: unknown;
    for (const choice of deviceId === null ? [null] : [deviceId, null]) {
      try {
        await this.openMicrophone(choice);
        return;
      } catch (error) {
        fault = error;
        if (isDenied(error)) break;
      }
    }
    this.#tryAgain("microphone", fault);
  }

  /** Not after a no: the browser would put its question every time. */
  #tryAgain(device: "microphone" | "camera", fault: unknown): void {
    if (isDenied(fault)) return void this.#refused.add(device);
    clearTimeout(this.#again);
    this.#again = setTimeout(() => void this.#revive(), AGAIN_MS);
  }

  #close(device: "microphone" | "camera"): void {
    this.#closed[device] += 1;
    if (this.#microphoneWanted === undefined && !this.#cameraWanted) clearTimeout(this.#again);
  }

  /** null where the device was closed while the browser took its time. Throws DeviceFault. */
  async #capture(
    device: "microphone" | "camera",
    constraints: MediaStreamConstraints,
  ): Promise<MediaStreamTrack | null> {
    const closed = this.#closed[device];
    const isClosed = (): boolean => this.#closed[device] !== closed;
    try {
      const track = await capture(device, constraints);
      if (!isClosed()) return track;
      track.stop();
    } catch (error) {
      // Nobody waits for it any more; and whoever would try another one instead must not.
      if (!isClosed()) throw error;
    }
    return null;
  }

  #watch(track: MediaStreamTrack, device: "microphone" | "camera"): void {
    const held = (): void => {
      if (this.value[device] === track)
        this.set({ ...this.value, [device === "camera" ? "cameraHeld" : "microphoneHeld"]: track.muted });
    };
    // Who has muted it, the person by a switch or the system by a phone call, unmutes it; asking anew would go against them.
    track.addEventListener("mute", held);
    track.addEventListener("unmute", held);
    track.addEventListener("ended", () => {
      if (this.value[device] !== track) return;
      this.set({ ...this.value, [device === "camera" ? "cameraHeld" : "microphoneHeld"]: true });
      void this.revive();
    });
  }
}

/** After so long a device that could not be had is asked for again. */
const AGAIN_MS = 2000;

/** Whether this device can encode a large picture in three sizes without getting hot. */
const isStrong = (): boolean => navigator.hardwareConcurrency >= 4;

const isDenied = (error: unknown): boolean => error instanceof DeviceFault && error.code === "denied";

const isTaken = (track: MediaStreamTrack | null): boolean => track?.readyState === "ended" || track?.muted === true;

async function capture(
  device: "microphone" | "camera",
  constraints: MediaStreamConstraints,
): Promise<MediaStreamTrack> {
  if (!navigator.mediaDevices?.getUserMedia) throw new DeviceFault("unsupported", device);
  try {
    const [track] = (await navigator.mediaDevices.getUserMedia(constraints)).getTracks();
    if (track) return track;
  } catch (error) {
    throw new DeviceFault(FAULTS[(error as DOMException).name] ?? "failed", device);
  }
  throw new DeviceFault("failed", device);
}

/** Calls back about 15 times a second with the loudness, 0 to 1; returns how to stop. */
export function watchLevel(track: MediaStreamTrack, onLevel: (level: number) => void): () => void {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 512;
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    if (context.state === "suspended") void context.resume();
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    // Speech lies between about -50 and -15 dB.
    onLevel(Math.min(1, Math.max(0, (10 * Math.log10(power + 1e-9) + 55) / 40)));
  }, 66);
  return () => {
    clearInterval(timer);
    void context.close();
  };
}
