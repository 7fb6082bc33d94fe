/** Whether somebody is there: an open page looks on by itself either way, but an abandoned desk is still signed out. */

/** After this long without a touch or a key in this page nobody is there. */
const ALONE_AFTER_MS = 30 * 60 * 1000;

let lastTouch = Date.now();
for (const event of ["pointerdown", "keydown", "visibilitychange"]) {
  document.addEventListener(event, () => void (lastTouch = Date.now()), { passive: true });
}

export function attended(): boolean {
  return Date.now() - lastTouch <= ALONE_AFTER_MS;
}

/** Asks our own server by itself; null when it cannot be reached. Unattended, this does not count as use. */
export async function ask(address: string): Promise<Response | null> {
  try {
    return await fetch(address, attended() ? {} : { headers: { "Poruch-Unattended": "1" } });
  } catch {
    return null;
  }
}
