/** The small script of the pages for staff. Everything works without it; it only makes some things shorter. */
import {
  Button,
  CharacterCount,
  Checkboxes,
  ErrorSummary,
  NotificationBanner,
  PasswordInput,
  Radios,
  SkipLink,
  Tabs,
  createAll,
} from "govuk-frontend";
import { startDoor } from "./door";
import { startRefreshing } from "./refresh";
import { startWaiting } from "./waiting";

function startComponents(): void {
  document.body.classList.add("js-enabled", "govuk-frontend-supported");
  const all = [
    Button,
    CharacterCount,
    Checkboxes,
    ErrorSummary,
    NotificationBanner,
    PasswordInput,
    Radios,
    SkipLink,
    Tabs,
  ];
  for (const component of all) createAll(component);
}

/** Each `[data-copy]` shows its button; a press copies the field's text and says so in words. */
function startCopying(): void {
  for (const piece of document.querySelectorAll<HTMLElement>("[data-copy]")) {
    const field = piece.querySelector("input");
    const button = piece.querySelector("button");
    const said = piece.querySelector<HTMLElement>("[role=status]");
    if (!field || !button || !said) continue;
    button.hidden = false;
    button.addEventListener("click", () => void copy(field, said, piece.dataset));
    field.addEventListener("focus", () => field.select());
  }
}

async function copy(field: HTMLInputElement, said: HTMLElement, words: DOMStringMap): Promise<void> {
  let done = true;
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    // No permission, or a page without TLS: the selected text can still be copied by hand.
    field.select();
    done = false;
  }
  // Emptied first, so that a second press is read out again.
  said.textContent = "";
  requestAnimationFrame(() => {
    said.textContent = (done ? words["copied"] : words["failed"]) ?? "";
  });
}

/** Where the reader's clock differs from the zone in which a time is written, their own time follows it. */
function addOwnTimes(): void {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const element of document.querySelectorAll<HTMLTimeElement>("time[data-here]")) {
    const { zone, here } = element.dataset;
    const at = new Date(element.dateTime);
    if (!zone || !here || Number.isNaN(at.getTime()) || wallClock(at, zone) === wallClock(at, own)) continue;
    const note = document.createElement("span");
    note.className = "when-here";
    note.textContent = ` (${here.replace("{time}", wallClock(at, own))})`;
    element.after(note);
  }
}

function wallClock(at: Date, timeZone: string): string {
  const locale = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
  const format: Intl.DateTimeFormatOptions = {
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  };
  try {
    return new Intl.DateTimeFormat(locale, { ...format, timeZone }).format(at);
  } catch {
    // An older browser may not know the zone's newer name (Europe/Kyiv): then nothing is added.
    return "";
  }
}

/**
 * On a narrow screen the rows of a table stand one under the other, each value with its column's name; without script it
 * scrolls sideways. The roles are written out, because what is laid out as blocks is no table to a screen reader any more.
 */
function startStacking(): void {
  for (const table of document.querySelectorAll<HTMLTableElement>(".table-scroll > table:not(.sight)")) {
    const names = [...(table.tHead?.rows[0]?.cells ?? [])].map((cell) => cell.textContent?.trim() ?? "");
    table.setAttribute("role", "table");
    for (const section of [table.tHead, ...table.tBodies]) section?.setAttribute("role", "rowgroup");
    for (const row of table.rows) {
      row.setAttribute("role", "row");
      for (const [column, cell] of [...row.cells].entries()) {
        const heads = cell.localName === "th";
        cell.setAttribute("role", heads ? (cell.scope === "row" ? "rowheader" : "columnheader") : "cell");
        if (!heads) cell.dataset["label"] = names[column] ?? "";
      }
    }
    table.classList.add("stacks");
  }
}

/** `[data-print]` buttons print the page; they are hidden where script does not run. */
function startPrinting(): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }
}

/** The way out replaces this page, so that "back" does not lead here again. */
function startExit(): void {
  for (const link of document.querySelectorAll<HTMLAnchorElement>("a[data-exit]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      document.body.hidden = true;
      location.replace(link.href);
    });
  }
}

startComponents();
startCopying();
addOwnTimes();
startStacking();
startPrinting();
startExit();
startRefreshing(addOwnTimes);
startWaiting();
startDoor();
