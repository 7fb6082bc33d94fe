/** What a screen reader says without the focus moving. */
import { h } from "./dom";

export type Priority = "polite" | "assertive";

const regions: Partial<Record<Priority, HTMLElement>> = {};

/**
 * Says `text` once. Polite waits until the reader has finished; assertive interrupts, and is for what a person must act
 * on. Call `prepareAnnouncements` first: a region that is added together with its words is often not read.
 */
export function announce(text: string, priority: Priority = "polite"): void {
  // Always a new node, so that the same words said twice are read twice.
  region(priority).replaceChildren(h("p", null, text));
}

/** Puts the empty regions into the page. */
export function prepareAnnouncements(): void {
  region("polite");
  region("assertive");
}

function region(priority: Priority): HTMLElement {
  const known = regions[priority];
  if (known?.isConnected) return known;
  const made = h("div", {
    class: "visually-hidden",
    role: priority === "assertive" ? "alert" : "status",
    "aria-live": priority,
    "aria-atomic": "true",
  });
  document.body.append(made);
  regions[priority] = made;
  return made;
}
