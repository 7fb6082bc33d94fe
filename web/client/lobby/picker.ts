/** Choosing among several microphones, cameras or speakers: shown only where there is a choice. */
import { h } from "../ui/dom";
import { t } from "../ui/i18n";

/** A labelled list; null where there are not two devices to choose from. The devices are known before the page is
 * drawn: what is under the list must not move away from a finger. */
export function devicePicker(
  label: string,
  devices: readonly MediaDeviceInfo[],
  chosen: string | null,
  choose: (id: string) => void,
): HTMLElement | null {
  if (devices.length < 2) return null;
  const options = devices.map((one, index) =>
    h(
      "option",
      { value: one.deviceId, selected: one.deviceId === chosen },
      one.label || t("Device {number}", { number: index + 1 }),
    ),
  );
  const list = h("select", { class: "picker__list" }, ...options);
  list.addEventListener("change", () => choose(list.value));
  return h(
    "div",
    { class: "picker" },
    h("label", { class: "picker__label" }, h("span", null, label), list),
  );
}

/** The id of the device behind a track. */
export function deviceOf(track: MediaStreamTrack | null): string | null {
  return track?.getSettings().deviceId ?? null;
}
