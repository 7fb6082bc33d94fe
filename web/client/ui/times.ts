/** Dates and times in words: in the appointment's zone, and in the person's own where the two clocks differ. */
import { language, n, t } from "./i18n";

/** The zone of this device. */
export function ownZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** `14:05`, in `zone`. */
export function clock(at: Date, zone: string): string {
  return format(at, zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

/** `Sunday, 22 November`, in `zone`. */
export function day(at: Date, zone: string): string {
  return format(at, zone, { weekday: "long", day: "numeric", month: "long" });
}

/**
 * `Sunday 22 November, 14:00`; where this device's clock shows something else at that moment, both are said, the
 * person's own first, so that somebody abroad does not come an hour late.
 */
export function dayAndClock(at: Date, zone: string, own: string = ownZone()): string {
  const whole = (where: string): string => t("{day}, {time}", { day: day(at, where), time: clock(at, where) });
  if (!clocksDiffer(at, zone, own)) return whole(zone);
  const there = day(at, zone) === day(at, own) ? clock(at, zone) : whole(zone);
  return t("{here} on your clock ({there} where your team is)", { here: whole(own), there });
}

/** `22 November 2026, 14:05`, in `zone`: for what may be read years later. */
export function dateAndClock(at: Date, zone: string): string {
  const date = format(at, zone, { day: "numeric", month: "long", year: "numeric" });
  return t("{day}, {time}", { day: date, time: clock(at, zone) });
}

/** `14:05`, or with the team's clock beside the own one where they differ. */
export function clockHere(at: Date, zone: string, own: string = ownZone()): string {
  if (!clocksDiffer(at, zone, own)) return clock(at, zone);
  return t("{here} on your clock ({there} where your team is)", { here: clock(at, own), there: clock(at, zone) });
}

/** Whether the two zones' clocks show different times at `at`. */
export function clocksDiffer(at: Date, zone: string, own: string): boolean {
  return day(at, zone) !== day(at, own) || clock(at, zone) !== clock(at, own);
}

/** A duration in words, in the two largest units that matter: `1 day 3 hours`, `2 hours 5 minutes`, `1 minute`. */
export function durationInWords(ms: number): string {
  const minutes = Math.max(1, Math.ceil(ms / 60_000));
  const days = Math.floor(minutes / 1440);
  const hours = Math.floor((minutes % 1440) / 60);
  const rest = minutes % 60;
  const parts = [
    days > 0 && n("{count} day", "{count} days", days),
    hours > 0 && n("{count} hour", "{count} hours", hours),
    days === 0 && rest > 0 && n("{count} minute", "{count} minutes", rest),
  ];
  return parts.filter((part) => part !== false).join(" ");
}

function format(at: Date, zone: string, options: Intl.DateTimeFormatOptions): string {
  return formatter(zone, options).format(at);
}

function formatter(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  // English as people in Europe write it: the day before the month.
  const locale = language() === "en" ? "en-GB" : language();
  try {
    return new Intl.DateTimeFormat(locale, { ...options, timeZone: zone });
  } catch {
    // An old browser may not know the zone's newer name (Europe/Kyiv).
    return new Intl.DateTimeFormat(locale, { ...options, timeZone: zone === "Europe/Kyiv" ? "Europe/Kiev" : "UTC" });
  }
}
