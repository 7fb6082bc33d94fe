/** What the state of the encryption means, in plain words, and what is known of each person. */
import type { Member } from "../e2ee/crypto";
import { forgetDevice } from "../e2ee/device";
import type { Encryption } from "../encryption";
import type { SeatReply } from "../types";
import { fill, h, setText } from "../ui/dom";
import { confirmDialog } from "../ui/dialog";
import { t } from "../ui/i18n";
import { icon } from "../ui/icons";
import { announce } from "../ui/live";
import { roleName } from "../ui/roles";
import { openDialog } from "./dialogs";
import { standingWords, type Secrecy } from "./secrecy-words";

export interface SecrecyActions {
  /** null: this person does not begin a comparison. */
  compare: ((member: Member) => void) | null;
  /** Whose device may be forgotten here; null where it may not be: staff have a page of their own for it, as long as it is certified. */
  forgets: SeatReply["you"]["kind"] | null;
}

/** The state in the head of the call: always there, in words, and a press explains it. */
export class SecrecyButton {
  readonly element: HTMLButtonElement;
  readonly #picture = h("span", { class: "secrecy__picture" });
  readonly #words = h("span", { class: "secrecy__words" });

  constructor(onPress: () => void) {
    this.element = h(
      "button",
      { type: "button", class: "button secrecy", "data-key": "secrecy", onclick: onPress },
      this.#picture,
      this.#words,
      h("span", { class: "visually-hidden" }, t("What this means")),
    );
  }

  update({ state, words, picture }: Secrecy): void {
    if (this.element.dataset["state"] !== state) {
      this.element.dataset["state"] = state;
      fill(this.#picture, icon(picture));
    }
    // Why it has stopped stands in full below, across the page; here it would only push everything else away.
    setText(this.#words, state === "stopped" ? t("Stopped") : words);
  }
}

/** `now` says how things stand; the dialog follows while it is open. */
export function secrecyDialog(encryption: Encryption, now: () => Secrecy, actions: SecrecyActions): void {
  const state = h("p", { class: "secrecy__state" });
  const meaning = h("p", null);
  const people = h("ul", { class: "panel__people" });
  const draw = (): void => {
    const { words, state: name } = now();
    setText(state, words);
    setText(meaning, meaningOf(name));
    const view = encryption.view.value;
    const others = view?.members.filter((member) => member.leaf !== view.own) ?? [];
    fill(people, ...others.map((member) => person(member)));
  };
  const person = (member: Member): HTMLElement => {
    const verified = encryption.hasMatched(member);
    const { compare } = actions;
    const press = (): void => {
      dialog.close();
      compare?.(member);
    };
    return h(
      "li",
      { class: "panel__person", "data-seat": member.seat },
      h("p", { class: "panel__name" }, h("strong", null, member.name), " ", h("span", { class: "panel__role" }, roleName(member.role))),
      h("p", { class: "panel__words" }, standingWords(member, encryption.isSure(member), verified)),
      compare !== null &&
        (member.standing !== "certified" || encryption.paused.value) &&
        h(
          "div",
          { class: "panel__buttons" },
          h("button", { type: "button", class: "button", "data-key": `compare-${member.seat}`, onclick: press }, t("Compare a spoken code")),
        ),
    );
  };
  draw();
  const stops = [encryption.view, encryption.stage, encryption.verified].map((store) =>
    (store as { subscribe: (watcher: () => void) => () => void }).subscribe(draw),
  );
  const dialog = openDialog(t("Who can see and hear this conversation"), [state, meaning, people, actions.forgets !== null && forgetButton(actions.forgets)], () => {
    for (const stop of stops) stop();
  });
}

/** For a device that others use too. The call that is running goes on: its keys are in nobody's memory but the worker's. */
function forgetButton(kind: SeatReply["you"]["kind"]): HTMLElement {
  const forget = async (): Promise<void> => {
    const sure = await confirmDialog({
      title: t("Forget this device?"),
      body:
        kind === "link"
          ? t("Its keys are erased, also those that came with your invitations. Next time you need the whole link from the invitation again.")
          : t("Forgetting erases the keys in this browser. It must be certified again before the next encrypted conversation."),
      confirm: t("Forget"),
      cancel: t("Cancel"),
      danger: true,
    });
    if (!sure) return;
    await forgetDevice();
    announce(t("This device is forgotten."));
  };
  return h("p", null, h("button", { type: "button", class: "button", onclick: () => void forget() }, t("Forget this device")));
}

function meaningOf(state: Secrecy["state"]): string {
  const locked = t(
    "Voice and picture are locked on each device and opened only by the people in the list. The server carries them and cannot watch.",
  );
  switch (state) {
    case "verified":
      return `${locked} ${t("Everybody in the list has shown who they are.")}`;
    case "alone":
      return locked;
    case "unverified":
      return `${locked} ${t("Not everybody has shown yet who they are. Until then, be careful with what you say.")}`;
    case "starting":
      return t("The devices are agreeing on their keys. Until that is done nothing leaves this device.");
    case "stopped":
      return t("Nothing is sent from this device and nothing is shown. If it does not go on by itself, phone the team.");
  }
}
