/** The pages that ask: one thing a page, big buttons, a way to be told first; in lobby and call the same. */
import { buttons, mainButton, notice as attention, quietButton, text, type Draw } from "../lobby/frame";
import { h, type Child } from "../ui/dom";
import { language, t } from "../ui/i18n";
import { icon, type IconName } from "../ui/icons";
import { dayAndClock } from "../ui/times";
import { noticeBody, pictureOf } from "./notice";
import type { Answer, ConsentItem, ConsentPage, NoticeShown, OtherWay, SeatConsents, TappedBy } from "./types";

/** Shows a page until it is answered: the lobby's frame, or a dialog above the call. */
export type Show = <T>(draw: Draw<T>) => Promise<T>;

/** What came of a walk through the pages. `language`: the texts are wanted in another one. */
export type Walked = readonly Answer[] | "explain" | "no" | "language";

export interface Asking {
  /** In which language the texts were asked for. */
  readonly asked: string;
  /** Whether a talk that explains is on offer. */
  readonly explain: boolean;
  /** Whose hand taps; asked on the first page where somebody is with the person. */
  readonly hands: { readonly value: TappedBy; readonly choose: (by: TappedBy) => void } | null;
}

type Yes = "given" | "refused";

/** Page after page; "no" to the conversation itself ends the walk at once. */
export async function askPages(show: Show, pages: readonly ConsentPage[], asking: Asking): Promise<Walked> {
  const answered = new Map<ConsentItem, Yes>();
  let at = 0;
  for (let page = pages[at]; page !== undefined; page = pages[at]) {
    const move = await askPage(show, page, at === 0, asking, answered);
    if (move === "explain" || move === "language" || move === "no") return move;
    at += move === "back" ? -1 : 1;
  }
  return [...answered].map(([item, decision]) => answerTo(item, decision));
}

export function answerTo(item: ConsentItem, decision: Yes): Answer {
  const { purpose, about, notice } = item;
  return { purpose, about_seat: about?.seat ?? null, notice_hash: notice.hash, decision };
}

export function explainAnswer(notice: NoticeShown): Answer {
  return { purpose: "explain", about_seat: null, notice_hash: notice.hash, decision: "explain" };
}

type Move = "next" | "back" | "explain" | "language" | "no";

function askPage(
  show: Show,
  page: ConsentPage,
  first: boolean,
  asking: Asking,
  answered: Map<ConsentItem, Yes>,
): Promise<Move> {
  return show<Move>((done, alive) => {
    // The person has chosen another language on this very page: the same text is fetched in it.
    if (language() !== asking.asked) queueMicrotask(() => done("language"));
    const [only, ...others] = page.items;
    const back = first ? null : quietButton(t("Back"), () => done("back"));
    const talk = first && asking.explain ? explainFirst(() => done("explain")) : null;
    if (only !== undefined && others.length === 0) {
      const answer = (decision: Yes): void => {
        answered.set(only, decision);
        done(decision === "refused" && only.about === null ? "no" : "next");
      };
      return {
        title: only.notice.title,
        picture: pictureOf(only.notice),
        body: [
          ...noticeBody(only.notice, only.about, alive),
          first ? whoTaps(asking) : null,
          yesAndNo(() => answer("given"), () => answer("refused")),
          buttons(talk, back),
        ],
      };
    }
    const next = mainButton(t("Next"), () => done("next"));
    const ready = (): void => {
      next.disabled = page.items.some((item) => !answered.has(item));
    };
    ready();
    return {
      title: page.key === "sharing" ? t("May these people be there?") : t("Who may be with you in the conversation?"),
      picture: "people",
      body: [
        first ? whoTaps(asking) : null,
        ...page.items.map((item) => itemCard(item, answered, alive, ready)),
        buttons(next, talk, back),
      ],
    };
  });
}

/** One of several people on a page, with a yes and a no of their own. */
function itemCard(
  item: ConsentItem,
  answered: Map<ConsentItem, Yes>,
  alive: AbortSignal,
  ready: () => void,
): HTMLElement {
  const name = item.about?.name ?? item.notice.title;
  const choice = (decision: Yes, words: string, picture: "check" | "cross"): HTMLButtonElement =>
    h(
      "button",
      {
        type: "button",
        class: "consent__choice",
        "aria-pressed": String(answered.get(item) === decision),
        "aria-label": `${words}: ${name}`,
        onclick: () => {
          answered.set(item, decision);
          yes.setAttribute("aria-pressed", String(decision === "given"));
          no.setAttribute("aria-pressed", String(decision === "refused"));
          ready();
        },
      },
      icon(picture),
      h("span", null, words),
    );
  const yes = choice("given", t("Yes"), "check");
  const no = choice("refused", t("No"), "cross");
  return h(
    "section",
    { class: "consent__item" },
    h(
      "h2",
      { class: "lobby__subtitle" },
      icon(pictureOf(item.notice)),
      h("span", { lang: item.notice.language }, item.notice.title),
    ),
    ...noticeBody(item.notice, item.about, alive),
    h("div", { class: "consent__choices", role: "group", "aria-label": name }, yes, no),
  );
}

/** Two buttons that look alike: neither answer is the better one. */
export function yesAndNo(yes: () => void, no: () => void): HTMLElement {
  const agree = mainButton(t("Yes, I agree"), yes, "check");
  const refuse = mainButton(t("No, I do not agree"), no, "cross");
  agree.classList.add("consent__answer", "consent__yes");
  refuse.classList.add("consent__answer", "consent__no");
  return buttons(agree, refuse);
}

function explainFirst(press: () => void): HTMLElement {
  return quietButton(t("Talk with me first, so that I understand"), press, "text");
}

const HANDS: readonly TappedBy[] = ["person", "helper", "worker"];

/** Where somebody is beside the person, the record says whose hand it was. */
function whoTaps({ hands }: Asking): Child {
  if (hands === null) return null;
  const name = "consent-hand";
  const words: Partial<Record<TappedBy, string>> = {
    person: t("I touch the buttons myself"),
    helper: t("Somebody close to me touches them for me"),
    worker: t("A worker touches them for me"),
  };
  const radios = HANDS.map((by) =>
    h(
      "label",
      { class: "consent__hand" },
      h("input", { type: "radio", name, value: by, checked: by === hands.value, onchange: () => hands.choose(by) }),
      h("span", null, words[by] ?? ""),
    ),
  );
  return h("fieldset", { class: "consent__hands" }, h("legend", null, t("Whose hand is it?")), ...radios);
}

/** Two sentences and a picture: sound and picture with those who explain, and with nobody else. */
export function explainPage(show: Show, notice: NoticeShown, asked: string): Promise<"yes" | "back" | "language"> {
  return show<"yes" | "back" | "language">((done, alive) => {
    if (language() !== asked) queueMicrotask(() => done("language"));
    return {
      title: notice.title,
      picture: pictureOf(notice),
      body: [
        ...noticeBody(notice, null, alive),
        buttons(mainButton(t("Yes, talk with me"), () => done("yes"), "check"), quietButton(t("Back"), () => done("back"))),
      ],
    };
  });
}

/** After a "no": help goes on, by whom and until when; and one tap to think again. */
export function otherWaysPage(
  show: Show,
  { other_way }: SeatConsents,
  zone: string,
): Promise<"again" | OtherWay["kind"]> {
  return show<"again" | OtherWay["kind"]>((done) => ({
    title: t("You have said no. That is all right."),
    picture: "heart",
    body: [
      text(t("Help goes on. You lose nothing, and nobody is to blame.")),
      ...wishes(other_way, zone, done),
      buttons(quietButton(t("I have changed my mind"), () => done("again"))),
    ],
  }));
}

/** Where the person's word alone is not enough, and nobody is left to answer beside them: no question, only help. */
export function nobodyActsPage(show: Show, { other_way }: SeatConsents, zone: string): Promise<OtherWay["kind"]> {
  return show<OtherWay["kind"]>((done) => ({
    title: t("This conversation takes place in another way"),
    picture: "phone",
    body: [
      text(t("The document of the person who answers together with you has run out. Your team takes care of it.")),
      ...wishes(other_way, zone, done),
    ],
  }));
}

/** What is promised so far, and what the person would rather have. */
function wishes(way: OtherWay | null, zone: string, done: (kind: OtherWay["kind"]) => void): Child[] {
  const wish = (kind: OtherWay["kind"], words: string, picture: IconName): HTMLElement => {
    const button = quietButton(words, () => done(kind), picture);
    button.setAttribute("aria-pressed", String(way?.kind === kind));
    return button;
  };
  return [
    way === null ? null : promise(way, zone),
    h("h2", { class: "lobby__subtitle" }, t("How shall we help you?")),
    buttons(wish("phone", t("Phone me"), "phone"), wish("visit", t("Visit me"), "house")),
  ];
}

function promise(way: OtherWay, zone: string): HTMLElement {
  const shown = attention(otherWayWords(way, zone), way.kind === "phone" ? "phone" : "house");
  shown.classList.add("consent__promise");
  return shown;
}

/** Who does it, and until when, as far as that is known. */
export function otherWayWords({ kind, owner, by }: OtherWay, zone: string): string {
  const name = owner === "" ? t("Your team") : owner;
  const when = by === null ? null : dayAndClock(new Date(by), zone);
  switch (kind) {
    case "phone":
      return when === null
        ? t("{name} will phone you and agree on a time with you.", { name })
        : t("{name} will phone you, at the latest: {when}.", { name, when });
    case "visit":
      return when === null
        ? t("{name} will visit you and phone you first to agree on a day.", { name })
        : t("{name} will visit you, at the latest: {when}.", { name, when });
    case "in_person":
      return when === null
        ? t("{name} will meet you in person and agree on a time with you.", { name })
        : t("{name} will meet you in person, at the latest: {when}.", { name, when });
  }
}
