/** Choosing among several microphones, cameras or speakers: shown only where there is a choice. */
import { h, fill } from "../ui/dom";
import { t } from "../ui/i18n";

/** A labelled list; it stays empty and hidden until there are at least two devices. */
export function devicePicker(
  label: string,
  devices: Promise<readonly MediaDeviceInfo[]>,
  chosen: string | null,
  choose: (id: string) => void,
): HTMLElement {
  const place = h("div", { class: "picker", hidden: true });
  void devices.then((all) => {
    if (all.length < 2) return;
    const options = all.map((one, index) =>
      h(
        "option",
        { value: one.deviceId, selected: one.deviceId === chosen },
        one.label || t("Device {number}", { number: index + 1 }),
      ),
    );
    const list = h("select", { class: "picker__list" }, ...options);
    list.addEventListener("change", () => choose(list.value));
    fill(place, h("label", { class: "picker__label" }, h("span", null, label), list));
    place.hidden = false;
  });
  return place;
}

/** The id of the device behind a track. */
export function deviceOf(track: MediaStreamTrack | null): string | null {
  return track?.getSettings().deviceId ?? null;
}
