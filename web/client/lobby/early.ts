/** Before the door opens: when the conversation is, in how long, and a page that opens by itself. */
import type { SeatReply } from "../types";
import { h, setText } from "../ui/dom";
import { t } from "../ui/i18n";
import { dayAndClock, durationInWords } from "../ui/times";
import { buttons, quietButton, text, type Frame } from "./frame";

const TICK_MS = 15_000;
/** Even with a wrong clock in the device the page opens at most this much late. */
const ASK_MS = 300_000;

export type Early = SeatReply | "check";

/** Resolves with the seat once something has changed, or with "check" to try the devices meanwhile. */
export function earlyPage(frame: Frame, seat: SeatReply, refresh: () => Promise<SeatReply>): Promise<Early> {
  const { appointment } = seat;
  const starts = new Date(appointment.starts_at);
  const opens = Date.parse(appointment.opens_at);
  let asked = Date.now();
  return frame.show<Early>((done, alive) => {
    const left = h("p", { class: "lobby__countdown" });
    const tell = (): void => {
      const ms = starts.getTime() - Date.now();
      setText(left, ms > 0 ? t("In {duration}.", { duration: durationInWords(ms) }) : t("It begins now."));
    };
    const ask = async (): Promise<void> => {
      asked = Date.now();
      try {
        const fresh = await refresh();
        if (!alive.aborted && differs(fresh, seat)) done(fresh);
      } catch {
        // Offline, or the server is busy: the next tick asks again.
      }
    };
    const tick = (): void => {
      tell();
      if (Date.now() >= opens || Date.now() - asked >= ASK_MS) void ask();
    };
    const timer = setInterval(tick, TICK_MS);
    alive.addEventListener("abort", () => clearInterval(timer));
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && void ask(), {
      signal: alive,
    });
    tell();
    return {
      picture: "clock",
      title: appointment.status === "moved" ? t("The conversation was moved") : t("You are early"),
      body: [
        appointment.status === "moved" ? text(t("The new time:")) : text(t("The conversation begins:")),
        h("p", { class: "lobby__when" }, dayAndClock(starts, appointment.time_zone)),
        left,
        text(t("You can leave this page open: it goes on by itself. Or open the same link again later.")),
        buttons(quietButton(t("Check sound and picture now"), () => done("check"))),
      ],
    };
  });
}

function differs(fresh: SeatReply, seat: SeatReply): boolean {
  return (
    fresh.ticket !== null ||
    fresh.appointment.status !== seat.appointment.status ||
    fresh.appointment.starts_at !== seat.appointment.starts_at
  );
}
