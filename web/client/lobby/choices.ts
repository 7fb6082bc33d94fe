/** What this device chose last time: devices by the browser's own random ids, never a name. */
import type { Devices, Facing } from "../devices";
import type { WithHelper } from "../types";
import { deviceOf } from "./picker";

export type Choices = {
  readonly microphone: boolean;
  readonly camera: boolean;
  readonly microphoneId: string | null;
  readonly cameraId: string | null;
  readonly facing: Facing;
  readonly speaker: string;
};

const CHOICES = "poruch.choices";
const MUTED = "poruch.muted";
const SIGHT = "poruch.sight";
const PASSED = "poruch.seats";

const FIRST_TIME: Choices = {
  microphone: true,
  camera: true,
  microphoneId: null,
  cameraId: null,
  facing: "user",
  speaker: "",
};

export function lastChoices(): Choices {
  return parseChoices(read(CHOICES));
}

export function keepChoices(choices: Choices): void {
  write(CHOICES, JSON.stringify(choices));
}

/** What is open now, for the next time. */
export function choicesOf(devices: Devices): Choices {
  const { microphone, camera, facing, speaker } = devices.value;
  const last = lastChoices();
  return {
    microphone: microphone !== null,
    camera: camera !== null,
    microphoneId: deviceOf(microphone) ?? last.microphoneId,
    cameraId: deviceOf(camera) ?? last.cameraId,
    facing,
    speaker,
  };
}

/** Whether pictures come before sound on this device: who signs or reads lips need not say it each time. */
export function lastSight(): boolean {
  return read(SIGHT) === "true";
}

export function keepSight(sight: boolean): void {
  write(SIGHT, String(sight));
}

/** Whoever had switched the microphone off stays silent after a reload of this tab, and only then. */
export function wasMuted(): boolean {
  try {
    return sessionStorage.getItem(MUTED) !== null;
  } catch {
    return false;
  }
}

export function keepMuted(muted: boolean): void {
  try {
    if (muted) sessionStorage.setItem(MUTED, "");
    else sessionStorage.removeItem(MUTED);
  } catch {
    // A browser that keeps nothing forgets this too.
  }
}

/** Whatever was stored, by an older version or by somebody's hand, becomes complete choices. */
export function parseChoices(stored: string | null): Choices {
  const found = object(stored);
  const id = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);
  return {
    microphone: found["microphone"] !== false,
    camera: found["camera"] !== false,
    microphoneId: id(found["microphoneId"]),
    cameraId: id(found["cameraId"]),
    facing: found["facing"] === "environment" ? "environment" : FIRST_TIME.facing,
    speaker: id(found["speaker"]) ?? "",
  };
}

/** How far this device has come with one seat. */
export type Passage = { readonly withHelper: WithHelper; readonly admitted: boolean };

/** Enough for a shared tablet; older ones are forgotten. */
const SEATS = 8;

/** Remembers the lobby's answers for a seat, so that a reload does not ask them again. */
export function keepPassage(seat: string, passage: Passage): void {
  write(PASSED, JSON.stringify(withPassage(object(read(PASSED)), seat, passage)));
}

/** The last seats with `seat` added. Exported for its test. */
export function withPassage(known: Record<string, unknown>, seat: string, passage: Passage): Record<string, unknown> {
  const others = Object.entries(known).filter(([other]) => other !== seat);
  return Object.fromEntries([...others.slice(1 - SEATS), [seat, passage]]);
}

/** What was answered in the lobby for this seat, or null when this device has not been past it. */
export function passage(seat: string): Passage | null {
  const found = record(object(read(PASSED))[seat]);
  if (typeof found["admitted"] !== "boolean") return null;
  const { withHelper, admitted } = found;
  return { withHelper: typeof withHelper === "boolean" ? withHelper : null, admitted };
}

function object(stored: string | null): Record<string, unknown> {
  try {
    return record(JSON.parse(stored ?? "{}"));
  } catch {
    return {};
  }
}

function record(found: unknown): Record<string, unknown> {
  return typeof found === "object" && found !== null ? (found as Record<string, unknown>) : {};
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // A browser that keeps nothing asks again next time.
  }
}
