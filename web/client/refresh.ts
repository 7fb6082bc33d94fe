/** Pages that stay true: `[data-refresh]` pieces (seconds, each with an id) are fetched again while somebody looks at them. */

/** After this long without a touch or a key the page rests, so that an abandoned desk is still signed out by itself. */
const REST_AFTER_MS = 30 * 60 * 1000;

export function startRefreshing(replaced: () => void): void {
  const pieces = [...document.querySelectorAll<HTMLElement>("[data-refresh][id]")];
  if (pieces.length === 0) return;
  const known = new Map(pieces.map((piece) => [piece, piece.innerHTML]));
  let lastTouch = Date.now();
  for (const event of ["pointerdown", "keydown", "visibilitychange"]) {
    document.addEventListener(event, () => void (lastTouch = Date.now()), { passive: true });
  }

  async function refresh(): Promise<void> {
    if (document.hidden || Date.now() - lastTouch > REST_AFTER_MS) return;
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
}

/** The page as the server would write it now, or null when it leads elsewhere (signed out) or cannot be had. */
async function fetchPage(): Promise<Document | null> {
  try {
    const response = await fetch(location.href);
    if (!response.ok || response.redirected) return null;
    return new DOMParser().parseFromString(await response.text(), "text/html");
  } catch {
    return null;
  }
}
