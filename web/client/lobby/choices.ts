/** What this device chose last time: devices by the browser's own random ids, never a name. */
import type { Facing } from "../devices";
import type { WithHelper } from "../types";

export type Choices = {
  readonly microphone: boolean;
  readonly camera: boolean;
  readonly microphoneId: string | null;
  readonly cameraId: string | null;
  readonly facing: Facing;
  readonly speaker: string;
};

const CHOICES = "poruch.choices";
const PASSED = "poruch.passed";

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

/** Remembers that this device has been let in to this appointment, so that a reload needs no lobby. */
export function keepPassed(appointment: string, withHelper: WithHelper): void {
  write(PASSED, JSON.stringify({ appointment, withHelper }));
}

/** What was answered in the lobby of this appointment, or null when this device has not been in. */
export function passed(appointment: string): { readonly withHelper: WithHelper } | null {
  const found = object(read(PASSED));
  if (found["appointment"] !== appointment) return null;
  return { withHelper: typeof found["withHelper"] === "boolean" ? found["withHelper"] : null };
}

function object(stored: string | null): Record<string, unknown> {
  try {
    const found: unknown = JSON.parse(stored ?? "{}");
    return typeof found === "object" && found !== null ? (found as Record<string, unknown>) : {};
  } catch {
    return {};
  }
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
