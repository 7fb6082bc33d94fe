/** What a screen reader should hear of a new snapshot: who came back, went, was lost, or shows a screen. */
import type { Person, Snapshot } from "../types";
import { announce } from "../ui/live";
import { t } from "../ui/i18n";

export function announceChanges(before: Snapshot, now: Snapshot): void {
  const phases = new Map(before.people.map((person) => [person.seat, person.phase]));
  const shown = screensIn(before);
  const shows = screensIn(now);
  for (const person of now.people) {
    if (person.seat === now.you.seat) continue;
    if (phases.get(person.seat) !== person.phase) announcePhase(person, phases.get(person.seat));
    const { name } = person;
    if (shows.has(person.seat) && !shown.has(person.seat)) announce(t("{name} shows their screen.", { name }));
    else if (shown.has(person.seat) && !shows.has(person.seat)) announce(t("{name} shows their screen no more.", { name }));
  }
  if (now.you.host && !before.you.host) announce(t("You are the host now."));
}

function screensIn({ producers }: Snapshot): ReadonlySet<string> {
  return new Set(producers.filter((one) => one.source === "screen" && !one.paused).map(({ seat }) => seat));
}

function announcePhase({ name, phase }: Person, before: Person["phase"] | undefined): void {
  // Who joins for the first time is announced when their key says who they are.
  if (phase === "in" && before === "lost") announce(t("{name} is back.", { name }));
  else if (phase === "lost") announce(t("The connection to {name} is lost.", { name }));
  else if (before === "in" || before === "lost") announce(t("{name} has left.", { name }));
}
