/** The bar of the call: microphone, camera, people, everything else, and the way out. */
import type { Devices } from "../devices";
import type { MediaSession } from "../session";
import { h } from "../ui/dom";
import { t } from "../ui/i18n";
import type { Layout } from "./arrangement";
import { Control } from "./controls";
import type { Shortcut } from "./dialogs";

export interface BarActions {
  microphone: () => void;
  camera: () => void;
  flip: () => void;
  people: () => void;
  chat: () => void;
  layout: () => void;
  audioOnly: () => void;
  /** null: this person shows no screen. */
  share: (() => void) | null;
  sight: () => void;
  devices: () => void;
  keys: () => void;
  leave: () => void;
}

export interface BarView {
  session: MediaSession;
  devices: Devices;
  layout: Layout;
  panelOpen: boolean;
  chatOpen: boolean;
  unread: number;
  here: number;
  waiting: number;
  severalCameras: boolean;
}

export class Bar {
  readonly element: HTMLElement;
  readonly people: Control;
  readonly chat: Control;
  readonly #microphone: Control;
  readonly #camera: Control;
  readonly #more: Control;
  readonly #flip: Control;
  readonly #layout: Control;
  readonly #audioOnly: Control;
  readonly #share: Control | null;
  readonly #sight: Control;
  readonly #devices: Control;
  readonly #keys: Control;
  readonly #leave: Control;
  #open = false;

  constructor(actions: BarActions) {
    this.#microphone = new Control("microphone", "Alt+M", actions.microphone);
    this.#camera = new Control("camera", "Alt+C", actions.camera);
    this.people = new Control("people", "Alt+P", actions.people);
    this.chat = new Control("chat", "Alt+H", actions.chat);
    this.#more = new Control("more", null, () => this.#toggle());
    this.#layout = new Control("layout", "Alt+L", actions.layout);
    this.#audioOnly = new Control("audio-only", "Alt+A", actions.audioOnly);
    this.#share = actions.share && new Control("share", "Alt+S", actions.share);
    this.#sight = new Control("sight", "Alt+V", actions.sight);
    this.#flip = new Control("flip", null, actions.flip);
    this.#devices = new Control("devices", "Alt+G", actions.devices);
    this.#keys = new Control("keys", "Alt+K", actions.keys);
    this.#leave = new Control("leave", null, actions.leave, "danger");
    const settings = [this.#layout, this.#audioOnly, this.#sight, this.#flip, this.#devices, this.#keys];
    const rest = [this.chat, this.#share, ...settings].flatMap((control) => control?.element ?? []);
    const main = [this.#microphone, this.#camera, this.people, this.#more].map((control) => control.element);
    // On a wide screen everything is in one row; on a phone "More" opens the second one.
    this.element = h(
      "footer",
      { class: "bar", "data-open": "false" },
      h("div", { class: "bar__main" }, ...main),
      h("div", { class: "bar__rest" }, ...rest),
      this.#leave.element,
    );
  }

  update(view: BarView): void {
    const { session, devices, layout, panelOpen, chatOpen, unread, here, waiting, severalCameras } = view;
    const { microphone, camera, microphoneHeld, cameraHeld } = devices.value;
    const sounds = microphone !== null && !session.muted.value && !microphoneHeld;
    const shows = camera !== null && !cameraHeld;
    this.#microphone.update({
      words: t("Microphone"),
      state: sounds ? t("on") : t("off"),
      picture: sounds ? "microphone" : "microphone-off",
      pressed: sounds,
    });
    this.#camera.update({
      words: t("Camera"),
      state: shows ? t("on") : t("off"),
      picture: shows ? "camera" : "camera-off",
      pressed: shows,
    });
    const waits = waiting > 0 ? t("{count} waiting", { count: waiting }) : t("{count} here", { count: here });
    this.people.update({
      words: t("People"),
      state: waits,
      picture: "people",
      expanded: panelOpen,
      alert: waiting > 0,
    });
    this.chat.update({
      words: t("Chat"),
      state: unread > 0 ? t("{count} new", { count: unread }) : "",
      picture: "text",
      expanded: chatOpen,
      alert: unread > 0,
    });
    // On a phone the chat is behind "More", which then has to say that something is new.
    this.#more.update({
      words: t("More"),
      state: unread > 0 ? t("{count} new", { count: unread }) : "",
      picture: "more",
      expanded: this.#open,
      alert: unread > 0,
    });
    const grid = layout === "grid";
    this.#layout.update({
      words: t("View"),
      state: grid ? t("all alike") : t("speaker large"),
      picture: grid ? "grid" : "person",
    });
    this.#audioOnly.update({
      words: t("Sound only"),
      state: session.audioOnly.value ? t("on") : t("off"),
      picture: "speaker",
      pressed: session.audioOnly.value,
    });
    const sharing = devices.screen.value !== null;
    this.#share?.update({
      words: t("Screen"),
      state: sharing ? t("shown") : "",
      picture: "screen",
      pressed: sharing,
    });
    this.#sight.update({
      words: t("Picture first"),
      state: session.sight.value ? t("on") : t("off"),
      picture: "hand",
      pressed: session.sight.value,
    });
    this.#flip.update({ words: t("Turn camera"), state: "", picture: "camera-switch" });
    this.#flip.element.hidden = !severalCameras || camera === null;
    this.#devices.update({ words: t("Devices"), state: "", picture: "settings" });
    this.#keys.update({ words: t("Keys"), state: "", picture: "text" });
    this.#leave.update({ words: t("Leave"), state: "", picture: "leave" });
  }

  #toggle(): void {
    this.#open = !this.#open;
    this.element.dataset["open"] = String(this.#open);
    this.#more.element.setAttribute("aria-expanded", String(this.#open));
  }
}

export function shortcuts(actions: BarActions, admitFirst: () => void): Shortcut[] {
  return [
    { code: "KeyM", shown: "Alt + M", words: t("Microphone on or off"), run: actions.microphone },
    { code: "KeyC", shown: "Alt + C", words: t("Camera on or off"), run: actions.camera },
    { code: "KeyP", shown: "Alt + P", words: t("Open or close the list of people"), run: actions.people },
    { code: "KeyH", shown: "Alt + H", words: t("Open or close the chat"), run: actions.chat },
    { code: "KeyJ", shown: "Alt + J", words: t("Let in whoever waits longest"), run: admitFirst },
    { code: "KeyL", shown: "Alt + L", words: t("All alike, or the speaker large"), run: actions.layout },
    { code: "KeyA", shown: "Alt + A", words: t("Sound only"), run: actions.audioOnly },
    ...(actions.share ? [{ code: "KeyS", shown: "Alt + S", words: t("Show your screen, or stop"), run: actions.share }] : []),
    { code: "KeyV", shown: "Alt + V", words: t("Picture before sound, for signing and lip-reading"), run: actions.sight },
    { code: "KeyG", shown: "Alt + G", words: t("Devices"), run: actions.devices },
    { code: "KeyK", shown: "Alt + K", words: t("This list of keys"), run: () => actions.keys() },
  ];
}
