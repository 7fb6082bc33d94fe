/** How loud the microphone hears, as a row of bars, and in words. */
import { watchLevel } from "../devices";
import { h, setText } from "../ui/dom";
import { t } from "../ui/i18n";

const BARS = 12;
/** Above this somebody speaks; a quiet room stays below. */
const SPEECH = 0.3;
/** Two thirds of a second of speech (ten readings): a door that slams does not count. */
const READINGS = 10;
/** About six seconds. */
const PATIENCE = 90;

/**
 * Bars and words for `track` until `alive` ends. The words are a polite live region and change at most twice: they are
 * read aloud. `onSilent` is called once, when nothing has been heard for six seconds.
 */
export function meter(track: MediaStreamTrack, alive: AbortSignal, onSilent?: () => void): HTMLElement {
  const bars = Array.from({ length: BARS }, () => h("span", { class: "meter__bar" }));
  const words = h("p", { class: "meter__words", role: "status" }, t("Say a few words."));
  let spoken = 0;
  let readings = 0;
  const stop = watchLevel(track, (level) => {
    bars.forEach((bar, index) => bar.classList.toggle("meter__bar--on", level * BARS > index + 0.5));
    readings += 1;
    if (level > SPEECH && !track.muted) spoken += 1;
    if (spoken >= READINGS) {
      setText(words, t("We hear you."));
    } else if (readings >= PATIENCE) {
      setText(words, t("We hear nothing yet."));
    }
    if (readings === PATIENCE && spoken < READINGS) onSilent?.();
  });
  alive.addEventListener("abort", stop);
  return h("div", { class: "meter" }, h("div", { class: "meter__bars", "aria-hidden": "true" }, ...bars), words);
}
