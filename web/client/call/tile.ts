/** One person on the screen: picture or initials, name, role, and their state in words. */
import type { Person } from "../types";
import { fill, h, setText } from "../ui/dom";
import { t } from "../ui/i18n";
import { icon, type IconName } from "../ui/icons";
import { roleName } from "../ui/roles";
import { clock } from "../ui/times";
import { initials } from "./arrangement";

export interface TileView {
  person: Person;
  /** This person's screen instead of the person. */
  screen: boolean;
  own: boolean;
  /** Whether a key says who this is. */
  recognised: boolean;
  host: boolean;
  zone: string;
  /** What to show; null: initials. */
  picture: MediaStreamTrack | null;
  /** The front camera shows oneself as a mirror does. */
  mirrored: boolean;
  microphone: "on" | "off" | "none";
  weak: boolean;
  /** What one's own line cannot carry at this moment. */
  pictureHeld: boolean;
  soundHeld: boolean;
  /** Whether this person's frames open at this moment. */
  keys: "open" | "catching_up" | "stopped";
  pinned: boolean;
}

export class Tile {
  readonly element: HTMLElement;
  /** The part that shows the picture. */
  readonly face: HTMLElement;
  readonly #video = h("video", {
    class: "tile__video",
    muted: true,
    playsinline: true,
    autoplay: true,
    "aria-hidden": "true",
  });
  readonly #initials = h("span", { class: "tile__initials", "aria-hidden": "true" });
  readonly #name = h("span", { class: "tile__name" });
  readonly #role = h("span", { class: "tile__role" });
  readonly #states = h("ul", { class: "tile__states" });
  readonly #pin: HTMLButtonElement;
  readonly #pinWords = h("span", { class: "tile__pin-words" });
  #track: MediaStreamTrack | null = null;
  #shown = "";

  constructor(seat: string, onPin: () => void) {
    this.#pin = h(
      "button",
      { type: "button", class: "tile__pin", onclick: onPin, "data-key": `pin-${seat}` },
      icon("pin"),
      this.#pinWords,
    );
    this.face = h("div", { class: "tile__face" }, this.#initials, this.#video);
    this.element = h(
      "li",
      { class: "tile", "data-seat": seat },
      this.face,
      this.#pin,
      h("div", { class: "tile__words" }, h("p", { class: "tile__who" }, this.#name, " ", this.#role), this.#states),
    );
  }

  update(view: TileView): void {
    const { person } = view;
    this.#show(view.picture);
    this.element.classList.toggle("tile--mirrored", view.mirrored);
    this.element.classList.toggle("tile--own", view.own);
    this.element.classList.toggle("tile--lost", person.phase === "lost");
    // Oneself large is of no use to anybody.
    this.#pin.hidden = view.own && !view.pinned;
    this.element.classList.toggle("tile--screen", view.screen);
    const { name } = person;
    setText(this.#initials, view.screen ? "" : view.recognised ? initials(name) || "·" : "?");
    setText(this.#name, view.screen ? t("Screen of {name}", { name }) : view.own ? t("{name} (you)", { name }) : name);
    setText(this.#role, view.screen ? "" : roleName(person.role));
    setText(this.#pinWords, view.pinned ? t("Smaller") : t("Larger"));
    this.#pin.setAttribute("aria-label", pinLabel(view, name));
    this.#pin.setAttribute("aria-pressed", String(view.pinned));
    const states = describe(view);
    const key = JSON.stringify(states);
    if (key !== this.#shown) {
      this.#shown = key;
      fill(
        this.#states,
        ...states.map(({ words, picture, tone }) =>
          h("li", { class: `tile__state tile__state--${tone}` }, icon(picture), words),
        ),
      );
    }
  }

  clear(): void {
    this.#show(null);
  }

  #show(track: MediaStreamTrack | null): void {
    this.element.classList.toggle("tile--picture", track !== null);
    if (track === this.#track) return;
    this.#track = track;
    // A picture that has ended is taken away, never left frozen.
    this.#video.srcObject = track ? new MediaStream([track]) : null;
    if (track) this.#video.play().catch(() => undefined);
  }
}

function pinLabel({ screen, pinned }: TileView, name: string): string {
  if (screen) return pinned ? t("Smaller: screen of {name}", { name }) : t("Larger: screen of {name}", { name });
  return pinned ? t("Smaller: {name}", { name }) : t("Larger: {name}", { name });
}

interface State {
  words: string;
  picture: IconName;
  tone: "plain" | "warn";
}

const coming = (): State => ({ words: t("Sound and picture come in a moment"), picture: "lock", tone: "warn" });
const stopped = (): State => ({ words: t("Stopped"), picture: "lock", tone: "warn" });

const pictureHeld = (): State => ({
  words: t("No picture: your connection is weak. You hear each other, and the picture comes back by itself."),
  picture: "camera-off",
  tone: "warn",
});

/** Everything worth knowing about a person, as picture and words, never by colour alone. */
function describe(view: TileView): State[] {
  const { person } = view;
  if (view.screen) {
    if (view.pictureHeld) return [pictureHeld()];
    return view.keys === "open" ? [] : [view.keys === "stopped" ? stopped() : coming()];
  }
  const states: (State | false)[] = [
    person.phase === "lost" && { words: lostWords(person, view.zone), picture: "clock", tone: "warn" },
    person.phase === "in" && view.keys === "catching_up" && coming(),
    person.phase === "in" && view.keys === "stopped" && stopped(),
    person.phase === "in" && person.consent === "ask" && { words: t("Has stopped"), picture: "hand", tone: "warn" },
    person.phase === "in" &&
      person.consent === "explain" && { words: t("Is being told what it is about"), picture: "text", tone: "plain" },
    person.phase === "in" && view.pictureHeld && pictureHeld(),
    person.phase === "in" &&
      view.soundHeld && {
        words: t("No sound: your connection is weak and carries the picture first. The sound comes back by itself."),
        picture: "microphone-off",
        tone: "warn",
      },
    person.phase === "in" && view.weak && { words: t("Weak connection"), picture: "warning", tone: "warn" },
    view.host && { words: t("Host"), picture: "hand", tone: "plain" },
    person.with_helper === true && { words: t("With helper"), picture: "two-persons", tone: "plain" },
    person.muted_by_host
      ? { words: t("Sound switched off by the host"), picture: "microphone-off", tone: "warn" }
      : person.phase === "in" &&
        view.microphone === "off" && { words: t("Microphone off"), picture: "microphone-off", tone: "plain" },
    person.phase === "in" &&
      view.keys === "open" &&
      person.consent !== "ask" &&
      view.microphone === "none" && { words: t("No microphone"), picture: "microphone-off", tone: "plain" },
  ];
  return states.filter((state): state is State => state !== false);
}

export function lostWords(person: Person, zone: string): string {
  return person.since === null
    ? t("Connection lost")
    : t("Lost since {time}", { time: clock(new Date(person.since), zone) });
}
