/** Which banners the moment calls for: a pure function of what is known. */
import type { Link } from "../connection";
import { consentWords, waitsForWords } from "../consent/words";
import type { Identity } from "../e2ee/credential";
import type { LineReport } from "../line";
import type { Snapshot } from "../types";
import type { Health } from "../transports";
import type { Arrival } from "./arrivals";
import type { Secrecy } from "./secrecy-words";
import { t } from "../ui/i18n";
import type { Banner } from "./banners";
import type { HostOrders } from "./host-orders";
import { weakLineWords } from "./line-words";
import { knockWords } from "./people-panel";

/** Words that stay until they are closed, or until there are others. */
export interface Told {
  words: string;
  tone: "plain" | "warn";
}

export interface Moment {
  snapshot: Snapshot;
  link: Link;
  draining: boolean;
  health: Health;
  soundBlocked: boolean;
  microphoneHeld: boolean;
  cameraHeld: boolean;
  /** This person's screen is being shown to the others. */
  sharing: boolean;
  /** One's own line carries too little. */
  weakLine: boolean;
  /** What the server sees of it. */
  line: LineReport | null;
  /** A refusal, a device's fault, or what a button has just done. */
  told: Told | null;
  secrecy: Secrecy;
  arrivals: readonly Arrival[];
  doubtful: readonly Identity[];
  /** Who has keys and is not in the list. */
  unlisted: readonly Identity[];
  zone: string;
}

export interface Answers {
  orders: HostOrders;
  unmute: () => void;
  stopSharing: () => void;
  unlockSound: () => void;
  dismiss: () => void;
  approve: (one: Identity) => void;
  seen: (arrival: Arrival) => void;
}

export function notices(moment: Moment, answers: Answers): Banner[] {
  const { snapshot } = moment;
  const banners: (Banner | false)[] = [
    moment.secrecy.state === "stopped" && {
      key: "stopped",
      words: moment.secrecy.words,
      picture: "lock",
      tone: "stop",
      spoken: true,
    },
    moment.link === "away" && {
      key: "away",
      words: moment.draining
        ? t("The server is being restarted. The conversation comes back by itself in a moment.")
        : t("The connection is interrupted. It comes back by itself, please wait."),
      picture: "warning",
      tone: "warn",
      spoken: true,
    },
    moment.link === "up" &&
      moment.health === "mending" && {
        key: "mending",
        words: t("Sound and picture are interrupted. They come back by themselves."),
        picture: "warning",
        tone: "warn",
        spoken: true,
      },
    moment.link === "up" &&
      moment.health === "up" &&
      moment.weakLine && {
        key: "weak",
        words: weakLineWords(moment.line),
        picture: "warning",
        tone: "warn",
        spoken: true,
      },
    moment.soundBlocked && {
      key: "sound",
      words: t("The browser keeps the sound off until you touch the page."),
      picture: "speaker",
      tone: "warn",
      spoken: true,
      buttons: [{ key: "sound-on", words: t("Switch the sound on"), main: true, onPress: answers.unlockSound }],
    },
    snapshot.you.muted_by_host && {
      key: "muted",
      words: t("The host has switched your microphone off for now."),
      picture: "microphone-off",
      tone: "warn",
      spoken: true,
      buttons: [{ key: "unmute", words: t("Switch it on"), onPress: answers.unmute }],
    },
    moment.microphoneHeld && {
      key: "held",
      words: t("Something else, perhaps a phone call, has taken the microphone. It comes back by itself."),
      picture: "microphone-off",
      tone: "warn",
      spoken: true,
    },
    moment.cameraHeld && {
      key: "held-camera",
      words: t("Something else has taken the camera. It comes back by itself."),
      picture: "camera-off",
      tone: "warn",
      spoken: true,
    },
    moment.sharing && {
      key: "sharing",
      words: t("Everybody in the conversation sees your screen."),
      picture: "screen",
      tone: "plain",
      spoken: true,
      buttons: [{ key: "stop-sharing", words: t("Stop showing it"), onPress: answers.stopSharing }],
    },
    moment.told !== null && {
      key: "trouble",
      words: moment.told.words,
      picture: moment.told.tone === "warn" ? "warning" : "check",
      tone: moment.told.tone,
      buttons: [{ key: "dismiss", words: t("Close"), onPress: answers.dismiss }],
    },
  ];
  const shown = banners.filter((banner): banner is Banner => banner !== false);
  return [...shown, ...hidden(moment), ...consents(moment), ...doubts(moment, answers), ...joined(moment, answers), ...knocks(moment, answers)];
}

/** The server shows no tile of them, and they could open everything. */
function hidden({ unlisted }: Moment): Banner[] {
  return unlisted.map(({ seat, name }) => ({
    key: `unlisted-${seat}`,
    words: t(
      "In the encrypted group, and not in the list: {name}. They could see and hear you. If they have not just left, say nothing confidential, end the conversation, and phone each other.",
      { name },
    ),
    picture: "warning",
    tone: "warn",
    spoken: true,
  }));
}

/** What others must know of a client who has stopped, or is only being told. */
function consents({ snapshot }: Moment): Banner[] {
  return snapshot.people.flatMap((person) => {
    const words = consentWords(person, snapshot.you);
    return words === null ? [] : [{ key: `consent-${person.seat}`, words, picture: "hand", tone: "warn", spoken: true }];
  });
}

/** Whoever cannot prove who they are is let in by a person or not at all. */
function doubts({ doubtful }: Moment, { approve }: Answers): Banner[] {
  return doubtful.map((one) => ({
    key: `doubt-${one.device}`,
    words: t("Somebody says they are {name}, but the keys of this device do not prove it. Let in only if you know that it is them.", {
      name: one.name,
    }),
    picture: "warning",
    tone: "warn",
    spoken: true,
    buttons: [{ key: `approve-${one.device}`, words: t("Let them in unverified"), onPress: () => approve(one) }],
  }));
}

/** With the names from the keys, several in one line; the sound and the words for a screen reader come with each arrival. */
function joined({ arrivals }: Moment, { seen }: Answers): Banner[] {
  if (arrivals.length === 0) return [];
  return [
    {
      key: "joined",
      words: arrivals.map(({ words }) => words).join(" "),
      picture: arrivals.length > 1 ? "people" : "person",
      tone: "plain",
      buttons: [{ key: "seen", words: t("Close"), onPress: () => arrivals.forEach(seen) }],
    },
  ];
}

function knocks({ snapshot, zone }: Moment, { orders }: Answers): Banner[] {
  if (!snapshot.you.can.includes("admit")) return [];
  return snapshot.people
    .filter((person) => person.knock !== null)
    .map((person) => ({
      key: `knock-${person.seat}`,
      words: `${person.name}. ${waitsForWords(person, snapshot.people) ?? knockWords(person, zone)}`,
      picture: "hand",
      tone: "plain",
      buttons: [
        ...(person.waits_for.length > 0
          ? []
          : [{ key: `banner-admit-${person.seat}`, words: t("Let in"), main: true, onPress: () => orders.admit(person) }]),
        { key: `banner-decline-${person.seat}`, words: t("Not now"), onPress: () => orders.decline(person) },
      ],
    }));
}
