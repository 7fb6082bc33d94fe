/** The token of a person's own page: taken out of the address at once, and kept only as long as this tab is open. */

const KEPT = "person.link";
const TOKEN = /^#p=([\w-]{34})$/;

/** The token, or null when this tab was opened without one. */
export function takeLink(): string | null {
  const given = TOKEN.exec(location.hash)?.[1];
  if (given !== undefined) {
    // Whoever looks over the shoulder, or opens the history later, sees an address that opens nothing.
    history.replaceState(null, "", location.pathname);
    try {
      sessionStorage.setItem(KEPT, given);
    } catch {
      // Without storage a reload asks for the link again.
    }
    return given;
  }
  try {
    return sessionStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

export function forgetLink(): void {
  try {
    sessionStorage.removeItem(KEPT);
  } catch {
    // Nothing was kept.
  }
}
