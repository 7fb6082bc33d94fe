/** Hearing a text: the organisation's own recording, or the browser's voice where it has one for this language. */
import { atServer } from "../server";
import { h, setText } from "../ui/dom";
import { t } from "../ui/i18n";
import { icon } from "../ui/icons";
import { mainButton } from "../lobby/frame";
import type { NoticeShown } from "./types";

type Sounding = { readonly play: () => Promise<void>; readonly stop: () => void };

/** A button that plays and stops; empty where there is neither a recording nor a voice. */
export function listenButton(notice: NoticeShown, alive: AbortSignal): HTMLElement {
  const place = h("div", { class: "consent__listen" });
  const offer = (): void => {
    if (place.hasChildNodes()) return;
    const sounding = recording(notice) ?? spoken(notice);
    if (sounding === null) return;
    const button = mainButton(t("Listen"), () => void press(), "speaker");
    button.classList.add("lobby__button--quiet");
    const words = button.querySelector("span");
    const trouble = h("p", { class: "consent__trouble", role: "status" });
    let playing = false;
    const show = (now: boolean): void => {
      playing = now;
      // The words say what a press does now, so the button is not also said to be pressed.
      button.classList.toggle("lobby__button--on", now);
      if (words) words.textContent = now ? t("Stop reading") : t("Listen");
    };
    const press = async (): Promise<void> => {
      if (playing) return sounding.stop();
      setText(trouble, "");
      show(true);
      await sounding.play().catch(() => setText(trouble, t("It does not play now. Try once more, or read the text.")));
      show(false);
    };
    alive.addEventListener("abort", sounding.stop);
    place.append(button, trouble);
  };
  offer();
  // Voices arrive late in some browsers.
  globalThis.speechSynthesis?.addEventListener?.("voiceschanged", offer, { signal: alive });
  return place;
}

/** The film in sign language; nothing where there is none. */
export function signVideo(notice: NoticeShown): HTMLElement | null {
  if (notice.sign_video === null) return null;
  return h(
    "figure",
    { class: "consent__sign" },
    h("figcaption", null, icon("hand"), t("In sign language")),
    h("video", {
      controls: true,
      playsinline: true,
      // Its first picture and its length, and no more: a black box that seems to load invites nobody.
      preload: "metadata",
      src: atServer(notice.sign_video),
      "aria-label": t("In sign language"),
    }),
  );
}

function recording(notice: NoticeShown): Sounding | null {
  if (notice.audio === null) return null;
  // Nothing is fetched before somebody wants to hear it: it can be megabytes, and people pay for them.
  const player = h("audio", { preload: "none", src: atServer(notice.audio) });
  let stopped = true;
  return {
    play: async () => {
      stopped = false;
      const over = new Promise<void>((resolve, reject) => {
        for (const event of ["ended", "pause"]) player.addEventListener(event, () => resolve(), { once: true });
        player.addEventListener("error", () => reject(new Error("the recording broke off")), { once: true });
      });
      // After an error only loading anew helps; after a pause one begins at the beginning.
      if (player.error !== null) player.load();
      else player.currentTime = 0;
      try {
        await Promise.all([player.play(), over]);
      } catch (error) {
        if (!stopped) throw error;
      }
    },
    stop: () => {
      stopped = true;
      player.pause();
    },
  };
}

/** Only a voice of this very language, and only one in the device itself: others send the words to their makers. */
function spoken(notice: NoticeShown): Sounding | null {
  const voices = globalThis.speechSynthesis?.getVoices?.() ?? [];
  const voice = voices.find((one) => one.localService && one.lang.slice(0, 2).toLowerCase() === notice.language);
  if (voice === undefined) return null;
  return {
    play: () =>
      new Promise((resolve) => {
        const words = new SpeechSynthesisUtterance(aloud(notice));
        words.voice = voice;
        words.lang = voice.lang;
        words.rate = 0.9;
        words.onend = words.onerror = () => resolve();
        speechSynthesis.cancel();
        speechSynthesis.speak(words);
      }),
    stop: () => speechSynthesis.cancel(),
  };
}

/** Everything that can be read, in its order. */
export function aloud(notice: NoticeShown): string {
  const { title, what, why, who, how_long, rights, withdraw, controller } = notice;
  return [title, what, why, who, how_long, rights, withdraw, controller].join("\n");
}
