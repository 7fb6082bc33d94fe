/** Which tiles stand where: a pure function of who is here, what was chosen, and who speaks. */
import type { Person } from "../types";
import type { Rank } from "./sizes";

export type Layout = "grid" | "speaker";

export interface Arrangement {
  /** Large; empty in the grid. */
  stage: string[];
  /** All others, in a stable order. */
  rest: string[];
}

/** Whoever has a tile: present, or lost a moment ago. Oneself comes last, the others by arrival, so that nobody jumps about. */
export function tiled(people: readonly Person[], own: string): Person[] {
  const here = people.filter((person) => person.phase === "in" || person.phase === "lost");
  const rank = (person: Person): number => (person.seat === own ? 1 : 0);
  return here.sort(
    (a, b) => rank(a) - rank(b) || (a.since ?? "").localeCompare(b.since ?? "") || a.seat.localeCompare(b.seat),
  );
}

/** A pin wins, then a screen that somebody shows, then the layout: in "speaker" whoever was heard last, or else the first
 * of the others, is large. Screens are tiles of their own beside those of the people. */
export function arrange(
  seats: readonly string[],
  own: string,
  layout: Layout,
  pinned: string | null,
  speaker: string | null,
  screens: readonly string[] = [],
): Arrangement {
  const all = [...screens, ...seats];
  const others = seats.filter((seat) => seat !== own);
  const chosen = pinned !== null && all.includes(pinned) ? pinned : screens[0];
  const large = chosen ?? (layout === "speaker" ? heard(others, speaker) : null);
  if (large === null) return { stage: [], rest: all };
  return { stage: [large], rest: all.filter((one) => one !== large) };
}

/** Whose hands are looked at where nobody was chosen: an interpreter's, and to the interpreter their clients'. */
export function signers(people: readonly Person[], own: string): string[] {
  const interprets = people.some(({ seat, role }) => seat === own && role === "interpreter");
  return people.filter(({ seat, role }) => seat !== own && role === (interprets ? "client" : "interpreter")).map(({ seat }) => seat);
}

/** How much a picture on the screen is needed. Who signs is silent: without `first`, a line that grows weak would take
 * the signer's picture before that of anybody who speaks. */
export function rankOf(
  key: string,
  { stage }: Arrangement,
  pinned: string | null,
  speaker: string | null,
  first: readonly string[],
): Rank {
  if (pinned === null ? first.includes(key) : pinned === key) return "pinned";
  return stage.includes(key) || key === speaker ? "speaker" : "grid";
}

function heard(others: readonly string[], speaker: string | null): string | null {
  return (speaker !== null && others.includes(speaker) ? speaker : others[0]) ?? null;
}

/** `Марія Коваль` → `МК`. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  return [words[0], words.length > 1 ? words.at(-1) : undefined]
    .map((word) => (word ? ([...word][0] ?? "") : ""))
    .join("")
    .toUpperCase();
}
