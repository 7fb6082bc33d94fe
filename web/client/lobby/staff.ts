/** The team's device check: one page, as last time, and "Join". */
import { DeviceFault, type DeviceList, type Devices } from "../devices";
import type { SeatReply } from "../types";
import { fill, h } from "../ui/dom";
import { t } from "../ui/i18n";
import { icon, type IconName } from "../ui/icons";
import { clockHere } from "../ui/times";
import { platform } from "./browser";
import { cameraChoice, openCamera, ownPicture } from "./camera";
import { playChime } from "./chime";
import type { Choices } from "./choices";
import { faultSteps, faultTitle, type Device, type Fault } from "./faults";
import { buttons, mainButton, notice, quietButton, steps, text, type Frame } from "./frame";
import { meter } from "./meter";
import { openMicrophone } from "./microphone";
import { deviceOf, devicePicker } from "./picker";

const OPENING_MS = 2_000;

/** Resolves when "Join" is pressed; `devices` then holds what is on. */
export async function staffPage(frame: Frame, devices: Devices, seat: SeatReply, last: Choices): Promise<void> {
  const { appointment, you } = seat;
  const others = appointment.expected.filter((person) => person.seat !== you.seat);
  const names = others.map((person) => person.name).join(", ");
  const starts = new Date(appointment.starts_at);
  devices.setSpeaker(last.speaker);
  const microphone = new Switch("microphone", devices, () => openMicrophone(devices, last.microphoneId));
  const camera = new Switch("camera", devices, () => openCamera(devices, last));
  const opening = Promise.all([last.microphone && microphone.turn(true), last.camera && camera.turn(true)]);
  await frame.show<void>((done, alive) => ({
    title: t("Ready to join?"),
    body: [
      text(t("The conversation begins at {time}.", { time: clockHere(starts, appointment.time_zone) })),
      names === "" ? null : text(t("Expected: {names}", { names })),
      // Above the devices: whatever they show when they open, "Join" stays where it is.
      buttons(
        mainButton(t("Join"), () => done(), "check"),
        quietButton(t("Play a sound"), () => void playChime(devices.value.speaker).catch(() => undefined), "speaker"),
      ),
      h("div", { class: "check" }, camera.draw(alive), microphone.draw(alive)),
    ],
  }));
  // Whoever is quick does not come without the devices that were about to open; the browser's question holds nobody up.
  await Promise.race([opening, new Promise((resolve) => setTimeout(resolve, OPENING_MS))]);
}

/** One device's switch with what it shows: the picture or the level, or the fault and what to do. */
class Switch {
  #fault: Fault | null = null;
  #all: DeviceList = { microphones: [], cameras: [], speakers: [] };
  #redraw: (() => void) | null = null;

  constructor(
    readonly device: Device,
    readonly devices: Devices,
    readonly open: () => Promise<void>,
  ) {}

  async turn(on: boolean): Promise<void> {
    this.#fault = null;
    if (!on) {
      if (this.device === "microphone") this.devices.closeMicrophone();
      else this.devices.closeCamera();
    } else {
      await this.#attempt(this.open);
    }
    this.#redraw?.();
  }

  /** Another device, or the other side of a phone. */
  async #change(open: () => Promise<unknown>): Promise<void> {
    await this.#attempt(open);
    this.#redraw?.();
  }

  async #attempt(open: () => Promise<unknown>): Promise<void> {
    try {
      await open();
      this.#all = await this.devices.list();
      this.#fault = null;
    } catch (error) {
      this.#fault = error instanceof DeviceFault ? error.code : "failed";
    }
  }

  draw(page: AbortSignal): HTMLElement {
    const place = h("div", { class: "check__show" });
    const toggle = h("button", { type: "button", class: "lobby__button lobby__button--quiet check__switch" });
    toggle.addEventListener("click", () => void this.turn(this.devices.value[this.device] === null));
    let alive = new AbortController();
    page.addEventListener("abort", () => alive.abort());
    this.#redraw = () => {
      if (page.aborted) return;
      alive.abort();
      alive = new AbortController();
      const on = this.devices.value[this.device] !== null;
      const action = h("span", { class: "check__action" }, on ? t("switch off") : t("switch on"));
      fill(toggle, icon(on ? this.device : OFF[this.device]), h("span", null, this.#words(on), " ", action));
      fill(place, ...this.#show(alive.signal));
    };
    this.#redraw();
    return h("section", { class: "check__device" }, toggle, place);
  }

  #words(on: boolean): string {
    if (this.device === "microphone") return on ? t("Microphone is on") : t("Microphone is off");
    return on ? t("Camera is on") : t("Camera is off");
  }

  #show(alive: AbortSignal): (Node | null)[] {
    const { devices, device } = this;
    if (this.#fault !== null) {
      return [notice(faultTitle(this.#fault, device)), steps(faultSteps(this.#fault, device, platform()))];
    }
    const track = devices.value[device];
    if (track === null) return [];
    if (device === "camera") {
      const flip = (): void => void this.#change(() => devices.flipCamera());
      const choose = (deviceId: string): void => void this.#change(() => devices.openCamera({ deviceId }));
      return [ownPicture(devices, alive), cameraChoice(devices, this.#all.cameras, flip, choose)];
    }
    const choose = (id: string): void => void this.#change(() => devices.openMicrophone(id));
    return [meter(track, alive), devicePicker(t("Microphone"), this.#all.microphones, deviceOf(track), choose)];
  }
}

const OFF = { microphone: "microphone-off", camera: "camera-off" } as const satisfies Record<Device, IconName>;
