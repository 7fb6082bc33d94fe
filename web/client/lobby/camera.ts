/** The camera page: switch it on, and see the own picture as in a mirror. */
import type { DeviceState, Devices } from "../devices";
import { fill, h } from "../ui/dom";
import { t } from "../ui/i18n";
import { platform } from "./browser";
import type { Choices } from "./choices";
import { faultSteps, faultTitle } from "./faults";
import { buttons, mainButton, notice, quietButton, steps, type Frame } from "./frame";
import { openDevice, without, type Move } from "./permission";
import { deviceOf, devicePicker } from "./picker";

/** Whatever camera the system offers. */
const ANY = { cameraId: null, facing: "user" } as const;

export function cameraPage(frame: Frame, devices: Devices, last: Choices): Promise<Move> {
  return openDevice(frame, {
    device: "camera",
    wanted: last.camera,
    open: () => openCamera(devices, last),
    close: () => devices.closeCamera(),
    running: () => looking(frame, devices),
  });
}

/** Opens the camera of last time, or whatever there is. Rejects with a DeviceFault. */
export async function openCamera(devices: Devices, last: Pick<Choices, "cameraId" | "facing">): Promise<void> {
  // A phone's ids change with its cameras; front or back is what the person means.
  const byId = platform() === "other" && last.cameraId !== null;
  try {
    await devices.openCamera(byId ? { deviceId: last.cameraId, facing: last.facing } : { facing: last.facing });
  } catch (error) {
    if (!byId) throw error;
    await openCamera(devices, ANY);
  }
}

async function looking(frame: Frame, devices: Devices): Promise<Move | "without"> {
  for (;;) {
    const { cameras } = await devices.list();
    const chosen = await frame.show<Move | "without" | "flip" | { readonly camera: string }>((done, alive) => ({
      title: t("This is your picture"),
      body: [
        ownPicture(devices, alive),
        cameraChoice(devices, cameras, () => done("flip"), (camera) => done({ camera })),
        buttons(
          mainButton(t("Next"), () => done("next")),
          without("camera", () => done("without")),
          quietButton(t("Back"), () => done("back")),
        ),
      ],
    }));
    if (chosen === "flip") {
      // A phone that calls its only camera "back" has nothing to flip to: the picture stays what it was.
      await devices.flipCamera().catch(() => openCamera(devices, ANY));
    } else if (typeof chosen === "string") {
      return chosen;
    } else {
      await devices.openCamera({ deviceId: chosen.camera }).catch(() => openCamera(devices, ANY));
    }
  }
}

/** The picture, and words when the system has taken it away. */
export function ownPicture(devices: Devices, alive: AbortSignal): HTMLElement {
  const video = h("video", {
    class: "own-picture",
    autoplay: true,
    playsinline: true,
    muted: true,
    "aria-label": t("Your own picture"),
  });
  const advice = h("div", { role: "status" });
  let shown: MediaStreamTrack | null = null;
  let held = false;
  const update = (state: DeviceState): void => {
    if (state.camera !== shown) {
      shown = state.camera;
      video.srcObject = shown === null ? null : new MediaStream([shown]);
    }
    video.classList.toggle("own-picture--mirrored", state.facing === "user");
    const now = state.camera !== null && state.cameraHeld;
    if (now === held) return;
    held = now;
    if (held) fill(advice, notice(faultTitle("muted", "camera")), steps(faultSteps("muted", "camera", platform())));
    else fill(advice);
  };
  update(devices.value);
  alive.addEventListener("abort", devices.subscribe(update));
  return h("div", { class: "own-picture-place" }, video, advice);
}

/** One button on a phone, where there are a front and a back; a list elsewhere. */
export function cameraChoice(
  devices: Devices,
  cameras: readonly MediaDeviceInfo[],
  flip: () => void,
  choose: (id: string) => void,
): HTMLElement | null {
  if (cameras.length < 2) return null;
  if (platform() === "other") return devicePicker(t("Camera"), cameras, deviceOf(devices.value.camera), choose);
  return buttons(quietButton(t("Turn the camera round"), flip, "camera-switch"));
}
