/** The page after which nothing follows by itself: a link that does not work, a seat that was closed, the end. */
import { buttons, Frame, mainButton, phoneLink, steps, text, type View } from "../lobby/frame";
import { atServer } from "../server";
import type { SeatReply } from "../types";
import { h, type Child } from "../ui/dom";
import { t } from "../ui/i18n";
import { wordsFor, type Words } from "./ending-words";

export interface Ending {
  /** A code of `POST /api/seat`, of `seat.closed`, or of a refused entry; `offline`; `left`. */
  code: string;
  /** The server's words, for a code that this page does not know. */
  text: string;
  /** "" where the organisation has none. */
  phone: string;
  /** Staff come back through their own pages, everybody else through the link. */
  kind: "staff" | "link";
  /** Where the session record is, for those who may read it. */
  record: string | null;
}

/** The host's "no" holds for half a minute. */
const DECLINED_MS = 30_000;

/** An interpreter of the team reads no record: a link would only lead them to a refusal, which is written down. */
export function recordOf(seat: SeatReply | null): string | null {
  return seat?.you.reads_record ? atServer(`/sessions/${encodeURIComponent(seat.appointment.id)}`) : null;
}

/** Takes the screen for good. Beginning anew is a reload: all that is needed for it is in the address and on the device. */
export function showEnding(screen: HTMLElement, ending: Ending): void {
  const frame = new Frame(screen, ending.phone, new AbortController().signal);
  // A network that returns saves a person from having to do anything.
  if (ending.code === "offline") window.addEventListener("online", () => location.reload());
  void frame.show<void>((_, alive) => view(ending, alive));
}

function view(ending: Ending, alive: AbortSignal): View {
  const words = wordsFor(ending.code, ending.text, ending.kind);
  return {
    picture: words.picture,
    title: words.title,
    body: [
      steps(words.lines),
      again(words, ending.code.startsWith("declined") ? DECLINED_MS : 0, alive),
      words.call === true ? call(ending) : null,
      ending.kind === "staff" ? staffLinks(ending.record) : null,
    ],
  };
}

/** A number to touch; without one, who else can help. */
function call({ phone, kind }: Ending): Child {
  if (phone !== "") return buttons(phoneLink(phone, t("Phone:")));
  return kind === "link" ? text(t("If you need help, phone the person who invited you.")) : null;
}

function staffLinks(record: string | null): HTMLElement {
  const link = (href: string, words: string): HTMLElement =>
    h("a", { class: "lobby__button lobby__button--quiet", href }, words);
  return buttons(
    record !== null && link(record, t("Session record")),
    link(atServer("/"), t("To my appointments")),
  );
}

function again(words: Words, afterMs: number, alive: AbortSignal): Child {
  if (words.again === undefined) return null;
  const row = buttons(mainButton(words.again, () => location.reload()));
  if (afterMs > 0) {
    row.hidden = true;
    const timer = setTimeout(() => (row.hidden = false), afterMs);
    alive.addEventListener("abort", () => clearTimeout(timer));
  }
  return row;
}
