/** Who waits, who is here and who is not; with the buttons that this person's role allows. */
import { waitsForWords } from "../consent/words";
import type { HostAction, Person, Role, Snapshot } from "../types";
import { fill, h, type Child } from "../ui/dom";
import { t } from "../ui/i18n";
import { icon, type IconName } from "../ui/icons";
import { roleName } from "../ui/roles";
import { clock } from "../ui/times";
import type { HostOrders } from "./host-orders";
import { lostWords } from "./tile";

/** Who may have somebody beside them at home. */
const MAY_HAVE_HELPER: ReadonlySet<Role> = new Set(["client", "representative"]);

export class PeoplePanel {
  readonly element: HTMLElement;
  readonly #heading = h("h2", { class: "panel__title", tabindex: -1 });
  readonly #body = h("div", { class: "panel__body" });
  readonly #orders: HostOrders;
  readonly #zone: string;
  #shown = "";

  constructor(orders: HostOrders, zone: string, onClose: () => void) {
    this.#orders = orders;
    this.#zone = zone;
    const close = h(
      "button",
      { type: "button", class: "button button--quiet", onclick: onClose },
      icon("cross"),
      t("Close"),
    );
    this.element = h(
      "aside",
      { class: "panel", hidden: true, "aria-label": t("People") },
      h("div", { class: "panel__head" }, this.#heading, close),
      this.#body,
    );
  }

  focus(): void {
    this.#heading.focus();
  }

  update(snapshot: Snapshot): void {
    const key = JSON.stringify([snapshot.people, snapshot.producers, snapshot.room, snapshot.you]);
    if (key === this.#shown) return;
    this.#shown = key;
    this.#heading.textContent = t("People");
    const focused = this.element.contains(document.activeElement)
      ? (document.activeElement as HTMLElement).dataset["key"]
      : undefined;
    fill(this.#body, ...this.#sections(snapshot));
    if (focused !== undefined)
      (this.#body.querySelector<HTMLElement>(`[data-key="${focused}"]`) ?? this.#heading).focus();
  }

  #sections(snapshot: Snapshot): Child[] {
    const { people, you } = snapshot;
    const knocking = people.filter((person) => person.knock !== null);
    const here = people.filter((person) => person.phase === "in" || (person.phase === "lost" && person.knock === null));
    const away = people.filter((person) => !knocking.includes(person) && !here.includes(person));
    const can = new Set(you.can);
    return [
      knocking.length > 0 &&
        section(
          t("Waiting"),
          knocking.map((person) => this.#waiting(person, people, can)),
        ),
      section(
        t("Here"),
        here.map((person) => this.#present(person, snapshot, can)),
      ),
      away.length > 0 &&
        section(
          t("Not here"),
          away.map((person) => row(person, this.#whereabouts(person))),
        ),
      this.#roomButtons(snapshot, can),
    ];
  }

  #waiting(person: Person, people: readonly Person[], can: Set<HostAction>): HTMLElement {
    const unasked = waitsForWords(person, people);
    return row(
      person,
      unasked ?? knockWords(person, this.#zone),
      can.has("admit") && [
        unasked === null && press("admit", person, t("Let in"), "check", () => this.#orders.admit(person), "button--main"),
        press("decline", person, t("Not now"), "cross", () => this.#orders.decline(person)),
      ],
    );
  }

  #present(person: Person, snapshot: Snapshot, can: Set<HostAction>): HTMLElement {
    const own = person.seat === snapshot.you.seat;
    const muted =
      person.muted_by_host ||
      snapshot.producers.every((one) => one.seat !== person.seat || one.source !== "microphone" || one.paused);
    const words =
      person.phase === "lost"
        ? lostWords(person, this.#zone)
        : person.with_helper === true
          ? t("With helper")
          : own
            ? t("This is you")
            : "";
    return row(
      person,
      words,
      !own && [
        can.has("mute_others") &&
          !muted &&
          press("mute", person, t("Switch sound off"), "microphone-off", () => this.#orders.mute(person)),
        can.has("correct_helper") &&
          MAY_HAVE_HELPER.has(person.role) &&
          helperButton(person, () => this.#orders.helper(person)),
        can.has("remove") && press("remove", person, t("Remove"), "leave", () => this.#orders.remove(person)),
      ],
    );
  }

  #whereabouts(person: Person): string {
    const time = person.since === null ? "" : clock(new Date(person.since), this.#zone);
    switch (person.phase) {
      case "expected":
        return t("Has not come yet");
      case "left":
        return t("Left at {time}", { time });
      case "removed":
        return t("Removed at {time}", { time });
      default:
        return "";
    }
  }

  #roomButtons(snapshot: Snapshot, can: Set<HostAction>): Child {
    if (!can.has("lock") && !can.has("end_meeting")) return null;
    const { locked } = snapshot.room;
    const lock = h(
      "button",
      {
        type: "button",
        class: "button",
        "data-key": "lock",
        "aria-pressed": String(locked),
        onclick: () => void this.#orders.lock(!locked),
      },
      icon("lock"),
      locked ? t("Open to newcomers again") : t("Close to newcomers"),
    );
    const end = h(
      "button",
      { type: "button", class: "button button--danger", "data-key": "end", onclick: () => void this.#orders.end() },
      icon("leave"),
      t("End for everybody"),
    );
    return h("div", { class: "panel__room" }, can.has("lock") && lock, can.has("end_meeting") && end);
  }
}

export function knockWords(person: Person, zone: string): string {
  const time = clock(new Date(person.knock_since ?? person.since ?? Date.now()), zone);
  const why =
    person.knock === "returning"
      ? t("Wants to come back, since {time}", { time })
      : person.knock === "new_device"
        ? t("Comes from another device, since {time}", { time })
        : t("Waiting since {time}", { time });
  return person.with_helper === true ? `${why}. ${t("With helper")}` : why;
}

function helperButton(person: Person, onPress: () => void): HTMLElement {
  const words = person.with_helper === true ? t("Note: is alone") : t("Note: has a helper");
  return press("helper", person, words, person.with_helper === true ? "person" : "two-persons", onPress);
}

function section(title: string, rows: Child[]): HTMLElement {
  return h(
    "section",
    { class: "panel__section" },
    h("h3", { class: "panel__subtitle" }, title),
    h("ul", { class: "panel__people" }, ...rows),
  );
}

function row(person: Person, words: string, buttons: Child[] | false = false): HTMLElement {
  return h(
    "li",
    { class: "panel__person", "data-seat": person.seat },
    h(
      "p",
      { class: "panel__name" },
      h("strong", null, person.name),
      " ",
      h("span", { class: "panel__role" }, roleName(person.role)),
    ),
    words !== "" && h("p", { class: "panel__words" }, words),
    buttons && buttons.some(Boolean) && h("div", { class: "panel__buttons" }, ...buttons),
  );
}

function press(
  key: string,
  person: Person,
  words: string,
  picture: IconName,
  onPress: () => unknown,
  tone = "",
): HTMLElement {
  return h(
    "button",
    {
      type: "button",
      class: `button ${tone}`,
      "data-key": `${key}-${person.seat}`,
      "aria-label": `${words}: ${person.name}`,
      onclick: () => void onPress(),
    },
    icon(picture),
    words,
  );
}
