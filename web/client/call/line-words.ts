/** What to say of one's own line, always with what helps: a pure function of what the engine and the browser see. */
import { LOST_MUCH, SLOW_MS, type LineReport } from "../line";
import { t } from "../ui/i18n";

/** What helps a line that is weak now; the most particular thing that is known first. */
export function weakLineWords(line: LineReport | null): string {
  if (line?.path === "tcp" || line?.path === "relay")
    return t("Your connection is weak, and this network lets calls through only by a detour. Another network helps, for example mobile data instead of this Wi-Fi.");
  if ((line?.lost_up_permille ?? 0) > LOST_MUCH && (line?.lost_down_permille ?? 0) <= LOST_MUCH)
    return t("Your connection loses much of what you send: the others may not hear you well. It helps to come closer to the Wi-Fi router, or to switch your camera off.");
  if ((line?.lost_down_permille ?? 0) > LOST_MUCH && (line?.lost_up_permille ?? 0) <= LOST_MUCH)
    return t("Your connection loses much of what the others send. It helps to come closer to the Wi-Fi router, or to choose “Sound only”.");
  if ((line?.round_trip_ms ?? 0) > SLOW_MS)
    return t("Your connection is slow: words arrive late. Leave one another time to answer; it helps to close other programs that use the internet.");
  return t("Your connection is weak. It helps to come closer to the Wi-Fi router, or to switch your camera off: then the sound gets better.");
}

/** How one's line does, for whoever looks it up or is asked on the phone. */
export function lineWords(line: LineReport | null, weak: boolean): string[] {
  if (line?.path == null) return [t("The connection is being measured.")];
  const words = [weak ? weakLineWords(line) : t("Your connection is good.")];
  if (line.held > 0) words.push(t("Some pictures are left out, so that the sound stays."));
  else if (line.smaller > 0) words.push(t("Some pictures come smaller than they could, so that they keep moving."));
  if (line.path === "tcp" && !weak)
    words.push(t("This network does not let calls through by the direct way; yours goes by a detour (TCP). If it falters, another network helps."));
  if (line.path === "relay" && !weak)
    words.push(t("This network does not let calls through by the direct way; yours goes by your organisation’s relay. If it falters, another network helps."));
  return words;
}
