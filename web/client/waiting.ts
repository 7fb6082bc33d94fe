/** The number of things that wait, in the main menu: kept true while a page lies open, so that an alarm is seen within a minute. */

const EVERY_MS = 30_000;
/** After this long without a touch or a key nobody is there, and the sign-in must be able to run out. */
const REST_AFTER_MS = 30 * 60 * 1000;

export function startWaiting(): void {
  const badge = document.querySelector<HTMLElement>("[data-waiting]");
  const number = badge?.querySelector<HTMLElement>("[data-waiting-count]");
  if (!badge || !number) return;
  let lastTouch = Date.now();
  for (const event of ["pointerdown", "keydown", "visibilitychange"]) {
    document.addEventListener(event, () => void (lastTouch = Date.now()), { passive: true });
  }
  // A live region must be in the page before it changes, and empty, or nothing is read out.
  const said = document.createElement("span");
  said.className = "govuk-visually-hidden";
  said.setAttribute("role", "status");
  badge.after(said);

  async function look(shown: HTMLElement, count: HTMLElement): Promise<void> {
    if (document.hidden || Date.now() - lastTouch > REST_AFTER_MS) return;
    const now = await ask();
    if (now === null || String(now) === count.textContent) return;
    const more = now > Number(count.textContent);
    count.textContent = String(now);
    shown.hidden = now === 0;
    if (more) said.textContent = shown.textContent?.trim() ?? "";
  }

  setInterval(() => void look(badge, number), EVERY_MS);
}

/** How many things wait, or null when it cannot be known. */
async function ask(): Promise<number | null> {
  try {
    const response = await fetch("/api/waiting");
    if (!response.ok) return null;
    const answer = (await response.json()) as { count?: unknown };
    return typeof answer.count === "number" ? answer.count : null;
  } catch {
    return null;
  }
}
