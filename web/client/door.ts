/** The door: an open page of whoever may let people in says, shows and sounds that somebody waits, behind another tab too. */
import { ask } from "./attendance";
import { playChime } from "./lobby/chime";

const EVERY_MS = 10_000;
/** Where this browser remembers for whom it has sounded: neither the next page nor another tab sounds again. */
const HEARD = "poruch-heard";

export function startDoor(): void {
  const found = document.querySelector<HTMLElement>("#waiting[data-knocks]");
  if (!found) return;
  const door: HTMLElement = found;
  const title = document.title;
  door.addEventListener("submit", keepWhatIsTyped);

  function tell(knocks: string): void {
    const now = knocks.split(" ").filter(Boolean);
    const heard = (localStorage.getItem(HEARD) ?? "").split(" ");
    document.title = now.length > 0 ? `(${now.length}) ${door.dataset["title"] ?? ""}` : title;
    if (now.length === 0) localStorage.removeItem(HEARD);
    else if (now.some((knock) => !heard.includes(knock))) {
      // Where the browser keeps silent until a tap, the title and the banner still say it, and another tab may sound.
      playChime().then(
        () => localStorage.setItem(HEARD, now.join(" ")),
        () => undefined,
      );
    }
  }

  async function look(): Promise<void> {
    const response = await ask("/waiting-room");
    if (response?.redirected) return signedOut();
    if (!response?.ok) return;
    // An answer may be cut off in its middle; the next look finds a whole one.
    const text = await response.text().catch(() => null);
    if (text === null) return;
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById(door.id);
    const knocks = fresh?.dataset["knocks"];
    if (!fresh || knocks === undefined || knocks === door.dataset["knocks"]) return;
    tell(knocks);
    // What somebody is about to press must not be pulled away beneath them.
    if (door.contains(document.activeElement)) return;
    door.dataset["knocks"] = knocks;
    door.replaceChildren(...document.importNode(fresh, true).childNodes);
  }

  function signedOut(): void {
    clearInterval(timer);
    document.title = title;
    const link = make("a", "govuk-link", door.dataset["signIn"] ?? "");
    link.href = `/sign-in?next=${encodeURIComponent(location.pathname)}`;
    const row = make("div", "site-width site-door__row", make("p", "site-door__text", door.dataset["signedOut"] ?? "", " ", link));
    door.replaceChildren(make("div", "site-door__bar", row));
  }

  tell(door.dataset["knocks"] ?? "");
  const timer = setInterval(() => void look(), EVERY_MS);
}

function make<Name extends "a" | "div" | "p">(
  name: Name,
  className: string,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  element.className = className;
  element.append(...children);
  return element;
}

/** Who is called away in the middle of writing gets the meeting in a tab of its own. */
function keepWhatIsTyped(event: Event): void {
  // What cannot be written in, such as a link to copy, is filled by scripts.
  const own = "main input:not([readonly], [type=hidden]), main textarea:not([readonly])";
  const fields = document.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>(own);
  const typed = [...fields].some((field) => field.value !== field.defaultValue);
  if (typed && event.target instanceof HTMLFormElement) event.target.target = "_blank";
}
