/** The number of things that wait, in the main menu: kept true while a page lies open, behind another tab too. */
import { ask } from "./attendance";

const EVERY_MS = 30_000;

export function startWaiting(): void {
  const badge = document.querySelector<HTMLElement>("[data-waiting]");
  const number = badge?.querySelector<HTMLElement>("[data-waiting-count]");
  if (!badge || !number) return;
  // A live region must be in the page before it changes, and empty, or nothing is read out.
  const said = document.createElement("span");
  said.className = "govuk-visually-hidden";
  said.setAttribute("role", "status");
  badge.after(said);

  async function look(shown: HTMLElement, count: HTMLElement): Promise<void> {
    const now = await countNow();
    if (now === null || String(now) === count.textContent) return;
    const more = now > Number(count.textContent);
    count.textContent = String(now);
    shown.hidden = now === 0;
    if (more) said.textContent = shown.textContent?.trim() ?? "";
  }

  setInterval(() => void look(badge, number), EVERY_MS);
}

/** How many things wait, or null when it cannot be known. */
async function countNow(): Promise<number | null> {
  const response = await ask("/api/waiting");
  if (!response?.ok) return null;
  // An answer may be cut off in its middle.
  const answer = (await response.json().catch(() => null)) as { count?: unknown } | null;
  return typeof answer?.count === "number" ? answer.count : null;
}
