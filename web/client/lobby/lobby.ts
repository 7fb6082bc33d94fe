/** The lobby: from the opened link to the moment when somebody lets the person in. */
import { recordOf, showEnding } from "../call/closing";
import type { Connection } from "../connection";
import { consentPages, nobodyActs, withoutAnybodyToAct } from "../consent/lobby";
import type { Devices } from "../devices";
import { ProtocolError, type SeatReply, type Snapshot } from "../types";
import { t } from "../ui/i18n";
import { cameraPage, openCamera } from "./camera";
import { choicesOf, keepChoices, keepPassage, lastChoices, passage, type Choices, type Passage } from "./choices";
import { companionPage } from "./companion";
import type { LobbyContext, LobbyResult } from "./contract";
import { earlyPage } from "./early";
import { buttons, Frame, mainButton, text } from "./frame";
import { gate } from "./gate";
import { microphonePage, openMicrophone } from "./microphone";
import { isGranted, type Move } from "./permission";
import { readyPage } from "./ready";
import { secrecyPage } from "./secrecy";
import { speakerPage } from "./speaker";
import { staffPage } from "./staff";
import { waitToBeAdmitted } from "./waiting";
import { welcome } from "./welcome";

/** Resolves when the seat is in. Rejects only with the signal's reason. */
export async function runLobby(context: LobbyContext): Promise<LobbyResult> {
  const { devices, signal, screen } = context;
  const frame = new Frame(screen, context.seat.appointment.help_phone, signal);
  await gate(frame);
  const seat = await untilOpen(frame, context);
  const before = await answeredBefore(seat);
  await context.proved(await secrecyPage(frame));
  const withHelper = before === null ? await checkIn(frame, seat, devices) : before.withHelper;
  if (before === null) keepChoices(choicesOf(devices));
  const reopening = before === null ? Promise.resolve() : reopen(devices, lastChoices());
  // Where the browser asks again, its question must not hold up the seat.
  if (await opensByItself(lastChoices())) await reopening;
  await consentPages(frame, context.desk, seat, withHelper);
  keepPassage(seat.you.seat, { withHelper, admitted: before?.admitted ?? false });
  const connection = context.connect();
  const state = await enter(frame, connection, withHelper, devices);
  void reopening.then(() => connection.update({ abilities: devices.abilities })).catch(() => undefined);
  if (state.you.phase === "waiting") {
    const check = async (inside: Frame): Promise<void> => {
      await checkDevices(inside, devices);
      keepChoices(choicesOf(devices));
      await connection.update({ abilities: devices.abilities }).catch(() => undefined);
    };
    await waitToBeAdmitted({ seat, screen, connection, signal }, check, devices);
  }
  keepPassage(seat.you.seat, { withHelper, admitted: true });
  return { connection, withHelper };
}

/** Shows why the conversation cannot be entered yet, until it can. A cancelled or ended one has no way on from here. */
async function untilOpen(frame: Frame, context: LobbyContext): Promise<SeatReply> {
  let { seat } = context;
  while (seat.ticket === null) {
    const { status, help_phone: phone } = seat.appointment;
    if (status === "other_way" && nobodyActs(seat)) await withoutAnybodyToAct(frame, context.desk, seat);
    if (status === "cancelled" || status === "ended" || status === "other_way") {
      showEnding(context.screen, { code: status, text: "", phone, kind: seat.you.kind, record: recordOf(seat) });
      return new Promise(() => undefined);
    }
    const outcome = await earlyPage(frame, seat, context.refresh);
    if (outcome === "check") await checkDevices(frame, context.devices);
    else seat = outcome;
  }
  return seat;
}

/** The pages before the door, in their order; those that ask for consent follow them. */
async function checkIn(frame: Frame, seat: SeatReply, devices: Devices): Promise<boolean | null> {
  if (seat.you.kind === "staff") {
    await staffPage(frame, devices, seat, lastChoices());
    return null;
  }
  let withHelper = false;
  const last = lastChoices();
  const pages: readonly (() => Promise<Move>)[] = [
    async () => {
      await welcome(frame, seat);
      return "next";
    },
    () => microphonePage(frame, devices, last),
    () => speakerPage(frame, devices),
    () => cameraPage(frame, devices, last),
    async () => {
      const answer = await companionPage(frame);
      if (answer === "back") return "back";
      withHelper = answer;
      return "next";
    },
    () => readyPage(frame, devices, withHelper),
  ];
  await walk(pages);
  return withHelper;
}

async function checkDevices(frame: Frame, devices: Devices): Promise<void> {
  const last = lastChoices();
  await walk([
    () => microphonePage(frame, devices, last),
    () => speakerPage(frame, devices),
    () => cameraPage(frame, devices, last),
  ]);
}

/** Page after page; "back" from the first leaves the walk as well. */
async function walk(pages: readonly (() => Promise<Move>)[]): Promise<void> {
  let at = 0;
  for (let page = pages[at]; page !== undefined; page = pages[at]) at += (await page()) === "back" ? -1 : 1;
}

/** Asks for the seat, as often as the person wants, until the server has answered. */
async function enter(
  frame: Frame,
  connection: Connection,
  withHelper: boolean | null,
  devices: Devices,
): Promise<Snapshot> {
  for (;;) {
    const entering = connection.enter({ withHelper, abilities: devices.abilities });
    const outcome = connection.state ?? (await oneMoment(frame, connection, entering));
    if (!(outcome instanceof Error)) return outcome;
    // The server's words are in the person's language; a connection that broke has none for people.
    const known = outcome instanceof ProtocolError && outcome.code !== "timeout" && outcome.code !== "disconnected";
    await frame.show<void>((done) => ({
      picture: "warning",
      title: t("That did not work"),
      body: [
        text(known ? outcome.message : t("The connection is weak. Try once more.")),
        buttons(mainButton(t("Try again"), () => done())),
      ],
    }));
  }
}

/** Says that something happens until the first snapshot, or the refusal, is here. */
function oneMoment(frame: Frame, connection: Connection, entering: Promise<void>): Promise<Snapshot | Error> {
  return frame.show<Snapshot | Error>((done, alive) => {
    const stop = connection.snapshots.subscribe((state) => state !== null && done(state));
    alive.addEventListener("abort", stop);
    entering.catch((error: unknown) => done(error instanceof Error ? error : new Error(String(error))));
    return { picture: "clock", title: t("One moment, please"), body: [text(t("We are connecting you."))] };
  });
}

/**
 * A reload asks nothing again: who was in goes back in at once, who waited goes on waiting, unless the browser wants to
 * be asked for the devices anew, which the lobby does better.
 */
async function answeredBefore(seat: SeatReply): Promise<Passage | null> {
  const before = passage(seat.you.seat);
  return before !== null && (before.admitted || (await opensByItself(lastChoices()))) ? before : null;
}

/** Whether everything that was on last time comes without a question. */
async function opensByItself(last: Choices): Promise<boolean> {
  return (!last.microphone || (await isGranted("microphone"))) && (!last.camera || (await isGranted("camera")));
}

/** Opens what was open last time. What does not open stays off: the call offers it again. */
export async function reopen(devices: Devices, last: Choices): Promise<void> {
  devices.setSpeaker(last.speaker);
  if (last.microphone) await openMicrophone(devices, last.microphoneId).catch(() => undefined);
  if (last.camera) await openCamera(devices, last).catch(() => undefined);
}
