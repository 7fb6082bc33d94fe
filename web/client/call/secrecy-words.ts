/** How secret the call is, in words: pure functions of what is known. */
import type { Member } from "../e2ee/crypto";
import type { EncryptionStage } from "../encryption";
import { t } from "../ui/i18n";
import type { IconName } from "../ui/icons";

export interface Secrecy {
  state: "starting" | "alone" | "verified" | "unverified" | "stopped";
  words: string;
  picture: IconName;
}

export interface KnownSecrecy {
  stage: EncryptionStage;
  /** A spoken code did not match; another attempt is due. */
  paused: boolean;
  /** Everybody in the group but oneself. */
  others: readonly Member[];
  isSure: (member: Member) => boolean;
}

export function secrecy({ stage, paused, others, isSure }: KnownSecrecy): Secrecy {
  if (stage.name === "stopped") return { state: "stopped", words: stopWords(stage.reason), picture: "warning" };
  if (paused) return { state: "stopped", words: t("Stopped, because the spoken code did not match"), picture: "warning" };
  if (stage.name === "asking" && stage.late)
    return {
      state: "stopped",
      words: t("Stopped, because no certified device of the team has let this one in yet"),
      picture: "warning",
    };
  if (stage.name === "starting" && stage.late)
    return {
      state: "stopped",
      words: t("Stopped, because the encryption does not start. We are trying again; you can also load the page again yourself."),
      picture: "warning",
    };
  if (stage.name !== "in") return { state: "starting", words: t("Encryption is starting, nothing is sent yet"), picture: "clock" };
  if (others.length === 0) return { state: "alone", words: t("Encrypted, nobody else is here"), picture: "lock" };
  return others.every(isSure)
    ? { state: "verified", words: t("Encrypted and verified"), picture: "lock" }
    : { state: "unverified", words: t("Encrypted, not verified yet"), picture: "lock" };
}

/** Every reason is a whole sentence, because languages bend their words. */
export function stopWords(reason: string): string {
  switch (reason) {
    case "mismatch":
      return t("Stopped, because two spoken codes did not match");
    case "bypassed":
      return t("Stopped, because sound or picture would have left this device unlocked");
    case "refused_group":
      return t("Stopped, because this conversation was not opened by your team");
    case "wrong_organisation":
      return t("Stopped, because the server names another organisation than your invitation does");
    case "moved_organisation":
      return t(
        "Stopped, because the server names another organisation than the one that certified this browser. Phone your administrator before you do anything else. Only if they say that the organisation has a new key: press “Stopped” above, choose “Forget this device”, and have this browser certified again.",
      );
    default:
      return t("Stopped, because somebody tried without permission to change who is in the conversation");
  }
}

/** What is known of one person's keys. */
export function standingWords(member: Member, sure: boolean, verified: boolean): string {
  if (member.refused !== null) return t("This device is no longer valid. It is not heard any more.");
  if (verified) return t("The spoken code has matched with this device.");
  switch (member.standing) {
    case "certified":
      return t("The organisation has certified this device.");
    case "invited":
      return t("Came with the invitation that the team made.");
    case "unverified":
      return sure ? "" : t("Not verified yet: a code that is said aloud and compared makes sure.");
  }
}
