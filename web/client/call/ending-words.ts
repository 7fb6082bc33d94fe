/** What each end of a seat means for the person, and what to do: pure, by the server's code. */
import { t } from "../ui/i18n";
import type { IconName } from "../ui/icons";

export interface Words {
  title: string;
  lines: readonly string[];
  picture: IconName;
  /** What the button says that begins anew; none where that would lead nowhere. */
  again?: string;
  /** Whether to offer the phone number beside it. */
  call?: boolean;
}

export function wordsFor(code: string, text: string, kind: "staff" | "link"): Words {
  switch (code) {
    case "link_unknown":
      return {
        picture: "warning",
        title: t("This link does not work"),
        lines: [t("Perhaps it was not copied whole. Open it again from the message."), askForNew()],
        call: true,
      };
    case "link_revoked":
    case "revoked":
      return {
        picture: "warning",
        title: t("This link is no longer valid"),
        lines: [t("Perhaps you have a newer message with a new link."), askForNew()],
        call: true,
      };
    case "code_used":
    case "ticket_expired":
    case "ticket_invalid":
      return {
        picture: "warning",
        title: t("This page has been open for too long"),
        lines: [t("Go back to the appointment and press “Join” again. With a link: open the link again.")],
        call: true,
      };
    case "cancelled":
      return {
        picture: "cross",
        title: t("The conversation was cancelled"),
        lines: [t("You do not need to do anything. You can close this page.")],
        call: true,
      };
    case "moved":
      return {
        picture: "clock",
        title: t("The conversation was moved to another time"),
        lines: [t("Press the button to see the new time.")],
        again: t("Show the new time"),
      };
    case "ended":
    case "room_ended":
      return {
        picture: "check",
        title: t("The conversation is over"),
        lines: [
          kind === "staff"
            ? t("Everybody has left. The session record is complete.")
            : t("Thank you for coming. Your team will tell you what happens next. You can close this page."),
        ],
      };
    case "other_way":
      return {
        picture: "phone",
        title: t("This conversation takes place in another way"),
        lines: [t("Your team gets in touch with you. You do not need to do anything, and you can close this page.")],
        call: true,
      };
    case "consent_missing":
      return {
        picture: "hand",
        title: t("Before you come in, we ask you"),
        lines: [t("The conversation begins when you have agreed. You need not agree.")],
        again: t("Read and answer"),
        call: true,
      };
    case "not_agreed":
      return {
        picture: "leave",
        title: t("You cannot be in this conversation now"),
        lines: [t("The person it is about wants to talk without you this time. It is nobody's fault.")],
        again: t("Try again"),
      };
    case "left":
      return {
        picture: "leave",
        title: t("You have left the conversation"),
        lines: [t("You can close this page. If you left by mistake, go back in.")],
        again: t("Go back in"),
      };
    default:
      return disturbance(code, text);
  }
}

function disturbance(code: string, text: string): Words {
  switch (code) {
    case "declined":
    case "declined_wait":
      return {
        picture: "hand",
        title: t("You were not let in this time"),
        lines: [t("It may be a mistake. In half a minute you can ask again here, or phone.")],
        again: t("Ask again"),
        call: true,
      };
    case "removed":
    case "not_invited":
      return {
        picture: "leave",
        title: t("You are no longer in this conversation"),
        lines: [t("If you think this is a mistake, phone.")],
        call: true,
      };
    case "room_locked":
      return {
        picture: "lock",
        title: t("Nobody else can come in now"),
        lines: [t("The conversation has been closed to newcomers. Phone if you should be there.")],
        again: t("Try again"),
        call: true,
      };
    case "other_tab":
      return {
        picture: "screen",
        title: t("The conversation is open in another window"),
        lines: [t("Look for the other window on this device. Or continue here.")],
        again: t("Move the conversation here"),
      };
    case "moved_device":
      return {
        picture: "screen",
        title: t("The conversation continues on your other device"),
        lines: [t("You can close this page. Or come back to this device.")],
        again: t("Use this device"),
      };
    case "offline":
      return {
        picture: "warning",
        title: t("No connection"),
        lines: [t("Check that the internet is switched on."), t("This page tries again by itself when it is back.")],
        again: t("Try again"),
        call: true,
      };
    case "too_many_requests":
    case "too_many_connections":
    case "busy":
      return {
        picture: "clock",
        title: t("One moment, please"),
        lines: [t("Too much is happening at once. Wait a minute, then try again.")],
        again: t("Try again"),
        call: true,
      };
    default:
      return {
        picture: "warning",
        title: t("Something went wrong"),
        lines: [text === "" ? t("Try again. If that does not help, phone.") : text],
        again: t("Try again"),
        call: true,
      };
  }
}

function askForNew(): string {
  return t("If that does not help, ask the person who invited you for a new link.");
}
