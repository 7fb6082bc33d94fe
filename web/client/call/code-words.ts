/** What the people read while they compare a spoken code, a paragraph each. While sound and picture are paused the code cannot be told
 * here: it has to go another way, and a guess must not stand in for it. Pure. */
import type { CodeOutcome } from "../e2ee/code";
import { t } from "../ui/i18n";

export function showWords(paused: boolean): string[] {
  if (!paused) return [t("Say it, sign it, or hold this screen up. Never write it in the chat.")];
  return [
    t("Sound and picture are paused, so nobody hears or sees you here."),
    t("Phone each other, best on a number that you knew before, and say the code there. Whoever signs shows it in another video call, or face to face. Never send it in a message."),
  ];
}

export function chooseWords(paused: boolean): string[] {
  if (!paused)
    return [
      t("Listen, or look at the other screen, and press the same code here."),
      t("Do not guess. If you cannot hear or see the code, press “Not now”."),
    ];
  return [
    t("Sound and picture are paused, so nobody can tell you the code here."),
    t("Phone each other, best on a number that you knew before, and press the code that you hear there. Whoever signs looks at it in another video call, or face to face."),
    t("Do not guess. If you cannot hear or see the code, press “Not now”. If it is none of the three, press “None of these”."),
  ];
}

export function endWords({ outcome, showing }: { readonly outcome: CodeOutcome; readonly showing: boolean }): string[] {
  switch (outcome) {
    case "verified":
      return [t("The two devices know each other from now on, also in later conversations.")];
    case "mismatch":
      return showing
        ? [
            t("Sound and picture are paused. Perhaps it was misheard: compare one fresh code."),
            t("Phone each other first, best on a number that you knew before: a fresh code can only be told there."),
          ]
        : [
            t("Sound and picture are paused. Perhaps it was misheard: please wait for a fresh code."),
            t("It can only be told by phone, best on a number that you knew before."),
          ];
    case "stopped":
      return [t("The codes did not match. Somebody else may be listening. Please phone each other.")];
  }
}
