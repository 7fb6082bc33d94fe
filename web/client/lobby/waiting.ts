/** The waiting room: who is expected and who is there, and what to do when nobody comes. */
import type { Connection } from "../connection";
import type { Devices } from "../devices";
import type { Instant, Person, SeatReply, Snapshot } from "../types";
import { fill, h, setText } from "../ui/dom";
import { t } from "../ui/i18n";
import { icon } from "../ui/icons";
import { confirmDialog } from "../ui/dialog";
import { announce } from "../ui/live";
import { roleName } from "../ui/roles";
import { clock, clockHere, ownZone } from "../ui/times";
import { playChime } from "./chime";
import type { WaitingContext } from "./contract";
import { buttons, Frame, notice, phoneLink, quietButton, text, type View } from "./frame";
import { canStayAwake, stayAwake } from "./wake";

/** How long after the start, or after coming, a person waits before the page says whom to call. */
const PATIENCE_MS = 10 * 60_000;
const TICK_MS = 10_000;
/** Long enough to look up and read "You may come in". */
const WELCOME_MS = 1_500;

/** When the page begins to say "call", as server time. */
export function patienceEnds(startsAt: number, cameAt: number): number {
  return Math.max(startsAt, cameAt) + PATIENCE_MS;
}

/** The planned time in words; `told` is what the person was told before. */
export function plannedWords(startsAt: Instant, told: Instant, zone: string, own: string = ownZone()): string {
  const time = clockHere(new Date(startsAt), zone, own);
  return Date.parse(startsAt) === Date.parse(told)
    ? t("The conversation is planned for {time}.", { time })
    : t("The conversation was moved. It is planned for {time} now.", { time });
}

/** The waiting screen alone, for a seat that has entered; resolved when it is in. */
export function waitingRoom(context: WaitingContext): Promise<void> {
  return waitToBeAdmitted(context, null);
}

/** As `waitingRoom`; with `check` there is a way back to the device pages. */
export async function waitToBeAdmitted(
  context: WaitingContext,
  check: ((frame: Frame) => Promise<void>) | null,
  devices?: Devices,
): Promise<void> {
  const { connection, seat, signal } = context;
  if (connection.state?.you.phase === "in") return;
  // Admission interrupts whatever page is open, the device check included.
  const waiting = new AbortController();
  const closed = (): void => waiting.abort();
  if (signal.aborted) closed();
  signal.addEventListener("abort", closed);
  const stop = connection.snapshots.subscribe((state) => {
    if (state?.you.phase === "in") waiting.abort();
  });
  stayAwake(waiting.signal);
  const frame = new Frame(context.screen, seat.appointment.help_phone, waiting.signal);
  const now = serverClock(connection, waiting.signal);
  try {
    for (;;) {
      const wish = await frame.show<"check" | "leave">((done, alive) =>
        view(seat, connection, now, alive, check === null ? null : () => done("check"), () => done("leave")),
      );
      if (wish === "check") await check?.(frame);
      else if (await reallyLeave()) await connection.leave();
    }
  } catch (reason) {
    // Only admission ends the pages while the seat itself goes on.
    if (signal.aborted || !waiting.signal.aborted) throw reason;
  } finally {
    stop();
    signal.removeEventListener("abort", closed);
  }
  await comeIn(context, devices?.value.speaker ?? "");
}

function reallyLeave(): Promise<boolean> {
  return confirmDialog({
    title: t("Leave the waiting room?"),
    body: t("You can come back with the same link."),
    confirm: t("Leave"),
    cancel: t("Go on waiting"),
    danger: true,
  });
}

function view(
  seat: SeatReply,
  connection: Connection,
  now: () => number,
  alive: AbortSignal,
  check: (() => void) | null,
  leave: () => void,
): View {
  const { appointment } = seat;
  const planned = h("p", { class: "lobby__text", role: "status" });
  const state = h("div", { role: "status", class: "waiting__state" });
  const people = h("ul", { class: "lobby__people" });
  const late = h("div", { role: "status" });
  const asked = h("p", { class: "lobby__text", role: "status" });
  let here: ReadonlySet<string> = new Set();
  let cameAt = now();
  let startsAt = appointment.starts_at;
  let wasAway = false;
  let said = "";

  const showPeople = (snapshot: Snapshot | null): void => {
    startsAt = snapshot?.room.starts_at ?? startsAt;
    setText(planned, plannedWords(startsAt, appointment.starts_at, appointment.time_zone));
    const everybody = snapshot?.people ?? [];
    const team = everybody.filter((person) => person.seat !== seat.you.seat);
    const since = everybody.find((person) => person.seat === seat.you.seat)?.since;
    if (since) cameAt = Date.parse(since);
    const present = team.filter((person) => person.phase === "in");
    for (const person of present) {
      if (people.hasChildNodes() && !here.has(person.seat)) announce(t("{name} is here.", { name: person.name }));
    }
    here = new Set(present.map((person) => person.seat));
    fill(people, ...team.map(personLine));
    // Who waits for somebody's agreement waits for nothing that the team could do.
    const words = t("The person it is about is being asked whether you may join. You come in by yourself then.");
    setText(asked, snapshot?.you.knock === "consent" ? words : "");
    showLate();
  };
  const showLate = (): void => {
    const ends = patienceEnds(Date.parse(startsAt), cameAt);
    const until = clockHere(new Date(ends), appointment.time_zone);
    const hope = here.size > 0 ? "somebody" : now() >= ends ? "late" : "early";
    // Written anew only when it says something new, because it is read aloud.
    if (said === `${hope} ${until}`) return;
    said = `${hope} ${until}`;
    fill(late, ...hopeLines(hope, until, appointment.help_phone));
  };
  const showLink = (link: Connection["link"]["value"]): void => {
    if (link === "away") {
      wasAway = true;
      fill(state, notice(t("The connection is lost. We are trying again. You do not need to do anything.")));
    } else if (link === "up") {
      fill(state, wasAway ? notice(t("The connection is back."), "check") : null);
    }
  };

  showPeople(connection.state);
  showLink(connection.link.value);
  const timer = setInterval(showLate, TICK_MS);
  alive.addEventListener("abort", connection.snapshots.subscribe(showPeople));
  alive.addEventListener("abort", connection.link.subscribe(showLink));
  alive.addEventListener("abort", () => clearInterval(timer));
  return {
    picture: "clock",
    title: t("Please wait here"),
    body: [
      text(t("You will be let in soon. The screen flashes and a sound plays when it is your turn.")),
      planned,
      asked,
      state,
      h("h2", { class: "lobby__subtitle" }, t("Who is expected")),
      people,
      late,
      canStayAwake() ? null : text(t("Touch the screen from time to time, so that it does not go dark.")),
      buttons(
        check === null ? null : quietButton(t("Check sound and picture again"), check),
        quietButton(t("Leave"), leave, "leave"),
      ),
    ],
  };
}

function personLine(person: Person): HTMLElement {
  return h(
    "li",
    { class: "lobby__person" },
    icon(person.phase === "in" ? "check" : "person"),
    h(
      "span",
      null,
      h("strong", null, person.name),
      h("span", { class: "lobby__role" }, `${roleName(person.role)} – ${presence(person)}`),
    ),
  );
}

/** Whether somebody is there, in words. */
export function presence(person: Pick<Person, "phase" | "since">, own: string = ownZone()): string {
  const time = person.since === null ? null : clock(new Date(person.since), own);
  switch (person.phase) {
    case "in":
      return time === null ? t("is here") : t("is here since {time}", { time });
    case "lost":
      return t("has lost the connection and is coming back");
    case "left":
    case "removed":
      return t("has left");
    case "expected":
    case "waiting":
      return t("has not come yet");
  }
}

function hopeLines(hope: "somebody" | "early" | "late", time: string, phone: string): (Node | null)[] {
  if (hope === "somebody") return [text(t("Your team is here. Somebody will let you in."))];
  if (phone === "") return hope === "late" ? [notice(t("Nobody has come yet."))] : [];
  if (hope === "early") return [text(t("If nobody comes by {time}, phone {phone}.", { time, phone }))];
  const call = phoneLink(phone, t("Phone:"));
  call.classList.add("lobby__phone--loud");
  return [notice(t("Nobody has come yet. Please phone.")), buttons(call)];
}

/** The server's clock as well as snapshots tell it: the device's own may be wrong. */
function serverClock(connection: Connection, signal: AbortSignal): () => number {
  let skew = 0;
  const learn = (state: Snapshot | null): void => {
    if (state !== null) skew = Date.parse(state.now) - Date.now();
  };
  learn(connection.state);
  signal.addEventListener("abort", connection.snapshots.subscribe(learn));
  return () => Date.now() + skew;
}

/** The screen flashes, the device shakes and sounds: whoever has looked away comes back. */
async function comeIn(context: WaitingContext, speaker: string): Promise<void> {
  const frame = new Frame(context.screen, context.seat.appointment.help_phone, context.signal);
  navigator.vibrate?.([300, 120, 300]);
  void playChime(speaker).catch(() => undefined);
  announce(t("You may come in."), "assertive");
  await frame.show<void>((done, alive) => {
    const timer = setTimeout(done, WELCOME_MS);
    alive.addEventListener("abort", () => clearTimeout(timer));
    const flash = h("div", { class: "flash", "aria-hidden": "true" });
    const title = t("You may come in");
    return { picture: "check", title, body: [text(t("One moment: you will see the others.")), flash] };
  });
}
