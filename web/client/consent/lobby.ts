/** Consent in the lobby: asked after the devices and before the waiting room, until it says that the door may open. */
import { buttons, mainButton, quietButton, steps, text, type Frame } from "../lobby/frame";
import { ProtocolError, type SeatReply, type WithHelper } from "../types";
import { language, t } from "../ui/i18n";
import type { ConsentDesk } from "./desk";
import { answerTo, askPages, explainAnswer, explainPage, nobodyActsPage, otherWaysPage, type Show } from "./pages";
import type { Answer, ConsentItem, ConsentPage, SeatConsents } from "./types";

/** Resolves once this seat may come to the door, which is at once for whoever is not asked. */
export async function consentPages(
  frame: Frame,
  desk: ConsentDesk,
  seat: SeatReply,
  withHelper: WithHelper,
): Promise<void> {
  if (desk.state.value === null) return;
  const show: Show = (draw) => frame.show(draw);
  if (seat.you.role === "representative") desk.tappedBy = "representative";
  let consents = await attempt(show, () => desk.refresh());
  while (consents !== null && !isOpen(consents)) {
    if (unanswered(consents).length === 0) {
      await somebodyElse(show);
      consents = await attempt(show, () => desk.refresh());
      continue;
    }
    const answers = await ask(show, desk, consents, withHelper);
    if (answers === "again") {
      // Once more, in the language that is wanted now.
      if (language() !== desk.asked) consents = await attempt(show, () => desk.refresh());
      continue;
    }
    const said = await attempt(show, () => desk.answer(answers, false));
    // Texts that have changed meanwhile are read again.
    consents = said ?? (await attempt(show, () => desk.refresh()));
    if (said !== null && said.state === "refuse") {
      await otherWays(show, desk, said, seat.appointment.time_zone);
      consents = await attempt(show, () => desk.refresh());
    }
  }
}

/** Whether this seat's conversation waits for a document of somebody who answers together with the person. */
export const nobodyActs = ({ consent }: SeatReply): boolean =>
  consent !== null && consent.reasons.includes("representation_expired");

/** Stays for good: here nothing can be agreed to, only the way of help be chosen. */
export async function withoutAnybodyToAct(frame: Frame, desk: ConsentDesk, seat: SeatReply): Promise<never> {
  const show: Show = (draw) => frame.show(draw);
  for (let shown = seat.consent; shown !== null; shown = desk.state.value) {
    const wish = await nobodyActsPage(show, shown, seat.appointment.time_zone);
    await attempt(show, () => desk.wish(wish));
  }
  return new Promise(() => undefined);
}

/** Stays until the person wants to think again; what they would rather have is kept at each tap. */
async function otherWays(show: Show, desk: ConsentDesk, said: SeatConsents, zone: string): Promise<void> {
  let shown = said;
  for (;;) {
    const wish = await otherWaysPage(show, shown, zone);
    if (wish === "again") return;
    shown = (await attempt(show, () => desk.wish(wish))) ?? shown;
  }
}

/** Whether there may be any media, and so a place in the waiting room; or nobody here can change that there is none. */
const isOpen = ({ state, pages }: SeatConsents): boolean =>
  state === "allow" || state === "explain" || (state === "refuse" && pages.length === 0);

/** Nothing is left to answer here, and yet it is not allowed: a guardian's word is missing, or the person's own. */
function somebodyElse(show: Show): Promise<void> {
  return show<void>((done, alive) => {
    const timer = setInterval(done, LOOK_AGAIN_MS);
    alive.addEventListener("abort", () => clearInterval(timer));
    return {
      picture: "clock",
      title: t("Somebody else is asked, too"),
      body: [
        text(t("Your answers are written down. The conversation begins when the other person has agreed as well.")),
        buttons(quietButton(t("Look again"), () => done())),
      ],
    };
  });
}

async function ask(
  show: Show,
  desk: ConsentDesk,
  consents: SeatConsents,
  withHelper: WithHelper,
): Promise<readonly Answer[] | "again"> {
  const choose = (by: typeof desk.tappedBy): void => {
    desk.tappedBy = by;
  };
  const hands = withHelper === true && desk.tappedBy !== "representative" ? { value: desk.tappedBy, choose } : null;
  const asking = { asked: desk.asked, explain: consents.explain !== null, hands };
  const walked = await askPages(show, unanswered(consents), asking);
  switch (walked) {
    case "language":
      return "again";
    case "no": {
      const itself = consents.pages.flatMap((page) => page.items).find((item) => item.about === null);
      return itself === undefined ? "again" : [answerTo(itself, "refused")];
    }
    case "explain": {
      if (consents.explain === null) return "again";
      const wish = await explainPage(show, consents.explain, desk.asked);
      return wish === "yes" ? [explainAnswer(consents.explain)] : "again";
    }
    default:
      return walked;
  }
}

/** Who has said no to a person is not asked again at the door; only whether the conversation is wanted. */
function unanswered({ pages }: SeatConsents): ConsentPage[] {
  const open = (item: ConsentItem): boolean => item.about === null || !ANSWERED.has(item.why);
  return pages
    .map((page) => ({ ...page, items: page.items.filter(open) }))
    .filter((page) => page.items.length > 0);
}

/** Tries until the server has answered; null when it says that the texts have changed. */
async function attempt<T>(show: Show, step: () => Promise<T>): Promise<T | null> {
  for (;;) {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      if (error.code === "notice_unknown" || error.code === "not_asked_for") return null;
      if (!TRY_AGAIN.has(error.code)) throw error;
      await show<void>((done) => ({
        picture: "warning",
        title: t("That did not work"),
        body: [
          text(error.message === "" ? t("The connection is weak. Try once more.") : error.message),
          steps([t("Your answer is not written down yet.")]),
          buttons(mainButton(t("Try again"), () => done())),
        ],
      }));
    }
  }
}

const LOOK_AGAIN_MS = 15_000;
const ANSWERED: ReadonlySet<string> = new Set(["refused", "withdrawn"]);
const TRY_AGAIN: ReadonlySet<string> = new Set(["offline", "busy", "too_many_requests"]);
