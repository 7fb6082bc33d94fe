/** What can be wrong with a microphone or a camera, and the one thing to do about it. Pure but for the language. */
import type { FaultCode } from "../devices";
import { t } from "../ui/i18n";
import type { Platform } from "./browser";

export type Device = "microphone" | "camera";
/** What the device layer reports, and what shows only once a device runs: silence, or taken away by the system. */
export type Fault = FaultCode | "silent" | "muted";

/** What happened, in one short sentence. */
export function faultTitle(fault: Fault, device: Device): string {
  const microphone = device === "microphone";
  switch (fault) {
    case "denied":
      return microphone ? t("This page may not use the microphone yet.") : t("This page may not use the camera yet.");
    case "missing":
      return microphone ? t("We found no microphone.") : t("We found no camera.");
    case "in_use":
      return microphone ? t("Another program is using the microphone.") : t("Another program is using the camera.");
    case "silent":
      return t("We hear nothing yet.");
    case "muted":
      return microphone
        ? t("The microphone is switched off on the device.")
        : t("The camera is switched off or covered.");
    case "unsupported":
      return t("This browser gives no picture and no sound here.");
    case "failed":
      return microphone ? t("The microphone did not start.") : t("The camera did not start.");
  }
}

/** What to do: one step a line. */
export function faultSteps(fault: Fault, device: Device, platform: Platform): string[] {
  switch (fault) {
    case "denied":
      return deniedSteps(platform);
    case "missing":
      return platform === "other"
        ? [device === "microphone" ? t("Plug in a microphone or headphones.") : t("Plug in a camera."), again()]
        : [t("Close this page and open it again."), t("If that does not help, restart the device.")];
    case "in_use":
      return [
        platform === "other"
          ? t("Close other programs with calls: Zoom, Teams, Skype.")
          : t("End other calls on this device."),
        again(),
      ];
    case "silent":
      return [
        t("Say a few words aloud."),
        platform === "other"
          ? t("Is the microphone plugged in? Is it switched on?")
          : t("Take off the headphones. Check that nothing covers the microphone."),
      ];
    case "muted":
      return device === "microphone"
        ? [t("Look for a microphone button on the keyboard or the headphones and press it."), again()]
        : [t("Take away what covers the camera, or press the camera key."), again()];
    case "unsupported":
      return [
        t("Open the link from the message in another browser: Chrome, Safari or Firefox."),
        t("The link must begin with https."),
      ];
    case "failed":
      return [again(), t("If that does not help, restart the device.")];
  }
}

function deniedSteps(platform: Platform): string[] {
  switch (platform) {
    case "android":
      return [
        t("Touch the small picture to the left of the address, at the top."),
        t("Touch “Permissions”. Switch on the microphone and the camera."),
        again(),
      ];
    case "ios":
      return [
        t("Touch the picture beside the address. Then touch the three dots, or “Website Settings”."),
        t("Choose “Allow” for the camera and the microphone."),
        again(),
      ];
    case "other":
      return [
        t("Click the small picture to the left of the address, at the top."),
        t("Choose “Allow” for the microphone and the camera."),
        again(),
      ];
  }
}

function again(): string {
  return t("Then press “Try again”.");
}
