/**
 * The quick exit: whoever is not safe at home leaves this page at once, and the screen shows something harmless.
 *
 * What a page can do is done: sound and picture stop, the harmless page takes this one's place in the tab's history,
 * and the address with the secret goes first. Earlier entries of the browser's history are beyond the reach of a page.
 */
import { h } from "./dom";
import { icon } from "./icons";
import { t } from "./i18n";

const PRESSES = 3;
const WITHIN_MS = 3000;

export function leaveQuickly(): void {
  const harmless = `https://www.google.com/search?q=${encodeURIComponent(t("weather"))}`;
  // The new page may take seconds to come: nothing of ours stays visible or audible meanwhile.
  document.title = t("weather");
  for (const player of document.querySelectorAll<HTMLMediaElement>("video, audio")) {
    if (player.srcObject instanceof MediaStream) for (const track of player.srcObject.getTracks()) track.stop();
    player.srcObject = null;
  }
  document.body.replaceChildren();
  history.replaceState(null, "", "/");
  location.replace(harmless);
}

export function quickExitButton(): HTMLButtonElement {
  return h(
    "button",
    { type: "button", class: "button quick-exit", onclick: leaveQuickly },
    icon("leave"),
    h("span", null, t("Leave quickly")),
  );
}

/** The same way out inside a dialog, which makes the page's own one inert; null where the page has none. */
export function exitRow(): HTMLElement | null {
  if (document.querySelector(".quick-exit") === null) return null;
  return h("div", { class: "dialog__exit" }, quickExitButton());
}

/** Escape or Shift, three times within three seconds, does what the button does. */
export function watchExitKeys(signal?: AbortSignal): void {
  let presses: { readonly key: string; readonly at: number }[] = [];
  const options = { capture: true, ...(signal === undefined ? {} : { signal }) };
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.repeat) return;
      presses = afterPress(presses, event.key, event.timeStamp);
      if (presses.length >= PRESSES) leaveQuickly();
    },
    options,
  );
}

/** The presses of one exit key in a row that still count. Exported for its test. */
export function afterPress(
  presses: readonly { readonly key: string; readonly at: number }[],
  key: string,
  at: number,
): { readonly key: string; readonly at: number }[] {
  if (key !== "Escape" && key !== "Shift") return [];
  return [...presses.filter((one) => one.key === key && at - one.at <= WITHIN_MS), { key, at }];
}
