/** The microphone page: switch it on, and see that it hears. */
import type { Devices } from "../devices";
import { h, put } from "../ui/dom";
import { t } from "../ui/i18n";
import { platform } from "./browser";
import type { Choices } from "./choices";
import { faultSteps, faultTitle } from "./faults";
import { buttons, mainButton, notice, quietButton, steps, type Frame } from "./frame";
import { meter } from "./meter";
import { openDevice, without, type Move } from "./permission";
import { deviceOf, devicePicker } from "./picker";

export function microphonePage(frame: Frame, devices: Devices, last: Choices): Promise<Move> {
  return openDevice(frame, {
    device: "microphone",
    wanted: last.microphone,
    open: () => openMicrophone(devices, last.microphoneId),
    close: () => devices.closeMicrophone(),
    running: () => listening(frame, devices),
  });
}

/** Opens the microphone of last time, or whatever there is. Rejects with a DeviceFault. */
export async function openMicrophone(devices: Devices, last: string | null): Promise<void> {
  try {
    await devices.openMicrophone(last);
  } catch (error) {
    if (last === null) throw error;
    await devices.openMicrophone(null);
  }
}

async function listening(frame: Frame, devices: Devices): Promise<Move | "without"> {
  for (;;) {
    const { microphones } = await devices.list();
    const chosen = await frame.show<Move | "without" | { readonly microphone: string }>((done, alive) => {
      const track = devices.value.microphone;
      const advice = h("div", { role: "status" });
      const silent = (): void => {
        const fault = track?.muted ? "muted" : "silent";
        put(advice, notice(faultTitle(fault, "microphone")), steps(faultSteps(fault, "microphone", platform())));
      };
      return {
        picture: "microphone",
        title: t("Can we hear you?"),
        body: [
          track === null ? null : meter(track, alive, silent),
          advice,
          devicePicker(t("Microphone"), microphones, deviceOf(track), (microphone) => done({ microphone })),
          buttons(
            mainButton(t("Next"), () => done("next")),
            without("microphone", () => done("without")),
            quietButton(t("Back"), () => done("back")),
          ),
        ],
      };
    });
    if (typeof chosen === "string") return chosen;
    // When neither the chosen one nor any other opens, the meter shows that nothing is heard.
    await openMicrophone(devices, chosen.microphone).catch(() => undefined);
  }
}
