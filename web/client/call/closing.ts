/** The page after the call, and every other end of a seat: what happened, what comes next, whom to phone. */
import type { Closed } from "../connection";
import { fill, h, type Child } from "../ui/dom";
import { quickExitButton, watchExitKeys } from "../ui/exit";
import { t } from "../ui/i18n";
import { icon, type IconName } from "../ui/icons";
import { announce } from "../ui/live";

export interface Ending {
  closed: Closed;
  /** A team member, who has pages of their own to go on with. */
  staff: boolean;
  /** "" where it is not known yet. */
  appointment: string;
  helpPhone: string;
  /** Comes back to the seat: knocks, or takes it over from another tab or device. */
  onReturn: () => void;
}

const KNOCK_AGAIN_MS = 30_000;

interface Words {
  title: string;
  text: string;
  picture: IconName;
  /** The button that comes back; undefined: there is no way back. */
  back?: string;
}

function words({ closed, staff }: Ending): Words {
  switch (closed.code) {
    case "left":
      return {
        title: t("You have left the conversation"),
        text: t("If that was a mistake, you can come back."),
        picture: "leave",
        back: t("Come back"),
      };
    case "ended":
    case "room_ended":
      return {
        title: t("The conversation is over"),
        text: staff
          ? t("Everybody has left. The record is complete.")
          : t("Thank you for being here. Your team will tell you what happens next. You can close this page."),
        picture: "check",
      };
    case "other_tab":
      return {
        title: t("The conversation goes on in another window"),
        text: t("This device has it open twice."),
        picture: "screen",
        back: t("Move it here"),
      };
    case "moved_device":
      return {
        title: t("The conversation goes on on another device"),
        text: t("You can close this page."),
        picture: "screen",
        back: t("Use this device"),
      };
    case "declined":
    case "declined_wait":
      return {
        title: t("Not just now"),
        text: t("The team cannot let you in at this moment. In half a minute you can knock again."),
        picture: "clock",
        back: t("Knock again"),
      };
    case "removed":
      return {
        title: t("You are no longer in the conversation"),
        text: t("The host has ended the conversation for you."),
        picture: "leave",
      };
    case "room_locked":
      return {
        title: t("The conversation is closed to newcomers"),
        text: closed.text,
        picture: "lock",
        back: t("Try again"),
      };
    case "cancelled":
      return { title: t("The conversation was cancelled"), text: closed.text, picture: "cross" };
    case "offline":
      return {
        title: t("No connection"),
        text: t("The server cannot be reached. Check the internet connection."),
        picture: "warning",
        back: t("Try again"),
      };
    case "link_unknown":
      return {
        title: t("This link is not known"),
        text: closed.text || t("Open the link exactly as you got it, or ask your team for a new one."),
        picture: "warning",
      };
    case "link_revoked":
    case "revoked":
      return {
        title: t("This link is no longer valid"),
        text: closed.text || t("Ask your team for a new one."),
        picture: "warning",
      };
    case "code_used":
    case "ticket_expired":
      return {
        title: t("Please join again"),
        text: closed.text || t("Go back to the appointment and press “Join”."),
        picture: "warning",
      };
    default:
      return {
        title: t("The conversation cannot go on here"),
        text: closed.text,
        picture: "warning",
        back: t("Try again"),
      };
  }
}

export function showEnding(screen: HTMLElement, ending: Ending, signal: AbortSignal): void {
  const { title, text, picture, back } = words(ending);
  const { staff, helpPhone, appointment } = ending;
  const heading = h("h1", { class: "ending__title", tabindex: -1 }, title);
  const waits = ending.closed.code.startsWith("declined");
  const again =
    back !== undefined &&
    h("button", { type: "button", class: "button button--main", disabled: waits, onclick: ending.onReturn }, back);
  if (again && waits) {
    const timer = setTimeout(() => {
      again.disabled = false;
      announce(t("You can knock again now."));
    }, KNOCK_AGAIN_MS);
    signal.addEventListener("abort", () => clearTimeout(timer));
  }
  const links: Child[] = staff
    ? [
        appointment !== "" &&
          h("a", { class: "button", href: `/sessions/${encodeURIComponent(appointment)}` }, t("Session record")),
        h("a", { class: "button", href: "/today" }, t("Today’s appointments")),
      ]
    : [];
  document.title = t("Video conversation");
  if (!staff) watchExitKeys(signal);
  fill(
    screen,
    h(
      "div",
      { class: "ending" },
      !staff && h("header", { class: "ending__head" }, quickExitButton()),
      h(
        "main",
        { class: "ending__main" },
        h("div", { class: "ending__picture" }, icon(picture)),
        heading,
        text !== "" && h("p", { class: "ending__text" }, text),
        h("div", { class: "ending__buttons" }, again, ...links),
      ),
      helpPhone !== "" && h("footer", { class: "ending__foot" }, phoneLink(helpPhone)),
    ),
  );
  heading.focus();
}

export function phoneLink(phone: string): HTMLElement {
  return h(
    "a",
    { class: "phone", href: `tel:${phone.replace(/[^\d+]/g, "")}` },
    icon("phone"),
    h("span", null, t("Help by phone:"), " ", h("strong", null, phone)),
  );
}
