/** Pages that stay true: `[data-refresh]` pieces (seconds, each with an id) are fetched again while somebody looks at them. */
import { ask, attended } from "./attendance";

export function startRefreshing(replaced: () => void): void {
  const pieces = [...document.querySelectorAll<HTMLElement>("[data-refresh][id]")];
  if (pieces.length === 0) return;
  const known = new Map(pieces.map((piece) => [piece, piece.innerHTML]));

  async function refresh(): Promise<void> {
    if (document.hidden || !attended()) return;
    const page = await fetchPage();
    for (const piece of page ? pieces : []) {
      const fresh = page?.getElementById(piece.id);
      // What somebody is about to press must not be pulled away beneath them.
      if (!fresh || fresh.innerHTML === known.get(piece) || piece.contains(document.activeElement)) continue;
      known.set(piece, fresh.innerHTML);
      piece.replaceChildren(...document.importNode(fresh, true).childNodes);
      replaced();
    }
  }

  const seconds = Math.min(...pieces.map((piece) => Number(piece.dataset["refresh"])));
  setInterval(() => void refresh(), Math.max(seconds, 5) * 1000);
  // Who comes back to the tab sees what is true now, not what was when they left.
  document.addEventListener("visibilitychange", () => void refresh());
}

/** The page as the server would write it now, or null when it leads elsewhere (signed out) or cannot be had. */
async function fetchPage(): Promise<Document | null> {
  const response = await ask(location.href);
  if (!response?.ok || response.redirected) return null;
  // An answer may be cut off in its middle.
  const text = await response.text().catch(() => null);
  return text === null ? null : new DOMParser().parseFromString(text, "text/html");
}
