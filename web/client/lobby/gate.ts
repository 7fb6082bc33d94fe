/** The first page where this browser cannot hold a call: the way into one that can. */
import { h } from "../ui/dom";
import { t } from "../ui/i18n";
import { appBrowser, chromeIntent, fit, ground, platform, safariAddress } from "./browser";
import { buttons, quietButton, steps, text, type Frame, type View } from "./frame";

/** Resolves when this browser fits, or when the person wants to try it anyway. */
export async function gate(frame: Frame): Promise<void> {
  if (fit(ground()) === "fits") return;
  await frame.show<void>((done) => view(() => done()));
}

function view(tryAnyway: () => void): View {
  const on = platform();
  const app = appBrowser(navigator.userAgent);
  const target = on === "ios" ? "Safari" : "Chrome";
  return {
    picture: "screen",
    title: t("Open this page in {browser}", { browser: target }),
    body: [
      text(
        app === null
          ? t("This browser cannot show a video conversation.")
          : app === ""
            ? t("You are inside another app. A video conversation does not work there.")
            : t("You are inside {app}. A video conversation does not work there.", { app }),
      ),
      ...way(on === "other" ? "other" : on),
      copyRow(),
      buttons(quietButton(t("Try here anyway"), tryAnyway)),
    ],
  };
}

function way(on: "android" | "ios" | "other"): Node[] {
  const open = (address: string, words: string): Node =>
    buttons(h("a", { class: "lobby__button", href: address }, h("span", null, words)));
  switch (on) {
    case "android":
      return [open(chromeIntent(location.href), t("Open in Chrome"))];
    case "ios":
      return [
        open(safariAddress(location.href), t("Open in Safari")),
        steps([
          t("If nothing happens: touch the three dots or the compass in the corner of the screen."),
          t("Choose “Open in Safari” or “Open in browser”."),
        ]),
      ];
    case "other":
      return [
        steps([
          t("Copy the link with the button below."),
          t("Open Chrome, Firefox, Edge or Safari."),
          t("Paste the link into the address line at the top."),
        ]),
      ];
  }
}

/** The whole link, its fragment included: that is where the invitation is. */
function copyRow(): HTMLElement {
  const link = h("input", {
    class: "lobby__link",
    type: "text",
    readonly: true,
    hidden: true,
    value: location.href,
    "aria-label": t("Link to this page"),
  });
  const said = h("p", { class: "lobby__text", role: "status" });
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(location.href);
      said.textContent = t("The link is copied.");
    } catch {
      // Messengers often forbid the clipboard: the selected text can be copied by hand.
      link.hidden = false;
      link.focus();
      link.select();
      link.setSelectionRange(0, link.value.length);
      said.textContent = t("The link is marked. Hold your finger on it and choose “Copy”.");
    }
  };
  const button = quietButton(t("Copy the link"), () => void copy(), "copy");
  return h("div", { class: "lobby__copy" }, buttons(button), said, link);
}
