/** The call on the page: puts the parts together and draws them anew whenever something has changed. */
import type { Connection } from "../connection";
import { CodeTalk } from "../code-talk";
import type { ConsentDesk } from "../consent/desk";
import { ConsentInCall } from "../consent/in-call";
import { DeviceFault, type Devices } from "../devices";
import { HOST_ROLES } from "../e2ee/credential";
import type { Member } from "../e2ee/crypto";
import type { Encryption } from "../encryption";
import type { Guard } from "../guard";
import { choicesOf, keepChoices } from "../lobby/choices";
import { stayAwake } from "../lobby/wake";
import type { Quality } from "../quality";
import { ShareFault } from "../screen-share";
import type { MediaSession } from "../session";
import type { Sound } from "../sound";
import type { Store } from "../store";
import type { SeatReply, Snapshot } from "../types";
import { fill, h, setText } from "../ui/dom";
import { quickExitButton, watchExitKeys } from "../ui/exit";
import { t } from "../ui/i18n";
import { icon } from "../ui/icons";
import { announce, prepareAnnouncements } from "../ui/live";
import type { Layout } from "./arrangement";
import { Arrivals } from "./arrivals";
import { Banners } from "./banners";
import { Bar, shortcuts, type BarActions } from "./bar";
import { announceChanges } from "./changes";
import { Chat } from "./chat";
import { CodeDialog } from "./code-dialog";
import { devicesDialog, faultWords, keysDialog, listenForShortcuts, shareFaultWords } from "./dialogs";
import { HostOrders } from "./host-orders";
import { KnockAlert } from "./knock-alert";
import { named } from "./naming";
import { notices, type Told } from "./notices";
import { Paused } from "./paused";
import { PeoplePanel } from "./people-panel";
import { SecrecyButton, secrecyDialog } from "./secrecy-panel";
import { secrecy, type Secrecy } from "./secrecy-words";
import { same } from "./sizes";
import { Stage } from "./stage";
import { Unlisted } from "./unlisted";

export interface CallParts {
  screen: HTMLElement;
  seat: SeatReply;
  desk: ConsentDesk;
  connection: Connection;
  devices: Devices;
  encryption: Encryption;
  session: MediaSession;
  guard: Guard;
  sound: Sound;
  quality: Quality;
}

export class CallScreen {
  readonly #parts: CallParts;
  readonly #life = new AbortController();
  readonly #stage: Stage;
  readonly #bar: Bar;
  readonly #panel: PeoplePanel;
  readonly #banners = new Banners();
  readonly #paused = new Paused();
  readonly #status = h("p", { class: "call__status" });
  readonly #orders: HostOrders;
  readonly #alert: KnockAlert;
  readonly #arrivals: Arrivals;
  readonly #unlisted: Unlisted;
  readonly #chat: Chat;
  readonly #talk: CodeTalk;
  readonly #codes: CodeDialog;
  readonly #consent: ConsentInCall;
  readonly #secrecy = new SecrecyButton(() => this.#explain());
  #layout: Layout = "grid";
  #told: Told | null = null;
  #severalCameras = false;
  #drawing = false;
  #last: Snapshot | null = null;

  constructor(parts: CallParts) {
    this.#parts = parts;
    const { screen, seat, connection, devices, encryption, session, guard, sound, quality } = parts;
    const byLink = seat.you.kind === "link";
    const actions = this.#actions();
    const keys = shortcuts(actions, () => this.#admitFirst());
    actions.keys = () => keysDialog(keys);
    this.#orders = new HostOrders(
      connection,
      (text) => this.#say(text),
      (one) => encryption.stay.value?.group.expect(one),
    );
    this.#stage = new Stage(
      () => this.#draw(),
      () => session.shown.set(this.#stage.shown()),
      this.#life.signal,
    );
    this.#bar = new Bar(actions);
    this.#panel = new PeoplePanel(this.#orders, seat.appointment.time_zone, actions.people);
    this.#alert = new KnockAlert(devices, () => t("Video conversation"));
    this.#arrivals = new Arrivals(encryption, devices);
    this.#unlisted = new Unlisted(encryption, connection);
    this.#chat = new Chat(encryption, seat.you.name, seat.appointment.time_zone, actions.chat);
    this.#talk = new CodeTalk(encryption);
    this.#codes = new CodeDialog(this.#talk, () => encryption.paused.value, seat.appointment.help_phone);
    this.#consent = new ConsentInCall(parts, (text) => this.#say(text));
    const heading = h("h1", { class: "call__title", tabindex: -1 }, t("Video conversation"));
    fill(
      screen,
      h(
        "div",
        { class: byLink ? "call call--by-link" : "call" },
        h(
          "header",
          { class: "call__head" },
          h("div", { class: "call__about" }, heading, this.#status),
          this.#secrecy.element,
          byLink && seat.appointment.help_phone !== "" && shortPhoneLink(seat.appointment.help_phone),
          byLink && quickExitButton(),
        ),
        h(
          "main",
          { class: "call__main" },
          this.#consent.element,
          this.#banners.element,
          this.#paused.element,
          h("div", { class: "call__body" }, this.#stage.element, this.#panel.element, this.#chat.element),
        ),
        this.#bar.element,
      ),
    );
    prepareAnnouncements();
    if (byLink) watchExitKeys(this.#life.signal);
    listenForShortcuts(keys, this.#life.signal);
    stayAwake(this.#life.signal);
    const watched = [
      connection.snapshots,
      connection.link,
      connection.draining,
      session.streams,
      session.health,
      session.muted,
      session.halted,
      session.audioOnly,
      session.held,
      session.sight,
      sound.blocked,
      quality.reception,
      devices,
      devices.screen,
      encryption.stage,
      encryption.view,
      encryption.paused,
      encryption.verified,
      encryption.doubtful,
      guard.open,
      this.#arrivals.shown,
      this.#unlisted.shown,
      this.#chat.unread,
    ];
    for (const store of watched as Store<unknown>[])
      this.#life.signal.addEventListener(
        "abort",
        store.subscribe(() => this.#draw()),
      );
    const tellOfLinks = (anew: boolean): void => {
      if (anew) this.#say(t("The links were made anew, because no device that had made them is valid any more. Links that were handed out before do not fit: hand out each of them again."));
    };
    this.#life.signal.addEventListener("abort", encryption.linksAnew.subscribe(tellOfLinks));
    tellOfLinks(encryption.linksAnew.value);
    void this.#countCameras();
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.#countCameras(), {
      signal: this.#life.signal,
    });
    this.#draw();
    heading.focus();
  }

  stop(): void {
    this.#life.abort();
    for (const part of [this.#alert, this.#arrivals, this.#unlisted, this.#chat, this.#talk, this.#codes, this.#consent]) part.stop();
  }

  /** Several changes at once are drawn once; also in a tab that lies in the background, where the host must hear a knock. */
  #draw(): void {
    if (this.#drawing) return;
    this.#drawing = true;
    queueMicrotask(() => {
      this.#drawing = false;
      const snapshot = this.#parts.connection.state;
      if (snapshot?.you.phase === "in" && !this.#life.signal.aborted) this.#drawNow(snapshot);
    });
  }

  #drawNow(said: Snapshot): void {
    const { seat, connection, devices, encryption, session, guard, sound, quality } = this.#parts;
    const snapshot = named(said, (one) => encryption.memberOf(one), this.#arrivals.names);
    const secret = this.#secret();
    this.#secrecy.update(secret);
    const zone = seat.appointment.time_zone;
    this.#tell(this.#last, snapshot);
    this.#last = snapshot;
    const here = snapshot.people.filter((person) => person.phase === "in").length;
    const waiting = snapshot.you.can.includes("admit") ? snapshot.people.filter((person) => person.knock !== null) : [];
    const muted = session.muted.value || devices.value.microphoneHeld;
    const audioOnly = session.audioOnly.value;
    this.#stage.update({
      snapshot,
      streams: session.streams.value,
      reception: quality.reception.value,
      devices,
      muted,
      audioOnly,
      sight: session.sight.value,
      interrupted: session.health.value === "mending",
      held: session.held.value,
      open: guard.open.value,
      members: new Set(encryption.view.value?.members.map((member) => member.seat)),
      stopped: encryption.stage.value.name === "stopped" || encryption.paused.value,
      layout: this.#layout,
      zone,
    });
    const shown = this.#stage.shown();
    if (!same(session.shown.value, shown)) session.shown.set(shown);
    this.#panel.update(snapshot);
    this.#consent.update(snapshot);
    this.#bar.update({
      session,
      devices,
      layout: this.#layout,
      panelOpen: !this.#panel.element.hidden,
      chatOpen: this.#chat.isOpen,
      unread: this.#chat.unread.value,
      here,
      waiting: waiting.length,
      severalCameras: this.#severalCameras,
    });
    const { microphoneHeld, cameraHeld } = devices.value;
    const moment = {
      snapshot,
      link: connection.link.value,
      draining: connection.draining.value,
      health: session.health.value,
      soundBlocked: sound.blocked.value,
      microphoneHeld,
      cameraHeld,
      sharing: devices.screen.value !== null,
      weakLine: quality.reception.value.ownWeak,
      line: quality.report.value,
      told: this.#told,
      secrecy: secret,
      arrivals: this.#arrivals.shown.value,
      doubtful: encryption.doubtful.value,
      unlisted: this.#unlisted.shown.value,
      zone,
    };
    this.#banners.update(
      notices(moment, {
        orders: this.#orders,
        unmute: () => session.muted.set(false),
        stopSharing: () => devices.screen.stop(),
        unlockSound: sound.unlock,
        dismiss: () => this.#say(null),
        approve: (one) => encryption.stay.value?.group.approve(one),
        seen: (arrival) => this.#arrivals.dismiss(arrival),
      }),
    );
    this.#alert.update(waiting);
    this.#paused.update(snapshot.room);
    setText(
      this.#status,
      snapshot.room.locked ? t("Closed to newcomers") : here === 1 ? t("Nobody else is here yet") : "",
    );
  }

  #secret(): Secrecy {
    const { encryption } = this.#parts;
    const view = encryption.view.value;
    return secrecy({
      stage: encryption.stage.value,
      paused: encryption.paused.value,
      others: view?.members.filter((member) => member.leaf !== view.own) ?? [],
      isSure: (member) => encryption.isSure(member),
    });
  }

  #explain(): void {
    const { encryption, seat } = this.#parts;
    const compare = HOST_ROLES.has(seat.you.role) ? (member: Member): void => this.#talk.begin(member) : null;
    const { value: stage } = encryption.stage;
    // A call page under an address of its own has a device of its own there, which no other page can forget.
    const moved = stage.name === "stopped" && stage.reason === "moved_organisation";
    const forgets = seat.you.kind === "link" || moved ? seat.you.kind : null;
    secrecyDialog(encryption, () => this.#secret(), { compare, forgets });
  }

  /** What a screen reader should hear, and what the host did to oneself. */
  #tell(before: Snapshot | null, now: Snapshot): void {
    if (now.you.muted_by_host && !before?.you.muted_by_host) this.#parts.session.muted.set(true);
    if (!before) return;
    announceChanges(before, now);
  }

  #say(words: string | null, tone: Told["tone"] = "warn"): void {
    this.#told = words === null ? null : { words, tone };
    if (words !== null) announce(words, tone === "warn" ? "assertive" : "polite");
    this.#draw();
  }

  async #countCameras(): Promise<void> {
    this.#severalCameras = (await this.#parts.devices.list()).cameras.length > 1;
    this.#draw();
  }

  #admitFirst(): void {
    const { state } = this.#parts.connection;
    if (!state?.you.can.includes("admit")) return;
    const knocking = state.people.filter((person) => person.knock !== null);
    const first = knocking.sort((a, b) => (a.knock_since ?? "").localeCompare(b.knock_since ?? ""))[0];
    if (first) void this.#orders.admit(first);
  }

  #actions(): BarActions {
    const { devices, session, connection, seat } = this.#parts;
    const mayShare = seat.you.kind === "staff" && devices.screen.isPossible;
    return {
      share: mayShare ? () => void this.#share() : null,
      microphone: () =>
        void this.#device(async () => {
          if (devices.value.microphone?.readyState === "live") session.muted.set(!session.muted.value);
          else {
            if ((await devices.openMicrophone()) === null) return;
            session.muted.set(false);
          }
          announce(session.muted.value ? t("Microphone off") : t("Microphone on"));
        }),
      camera: () =>
        void this.#device(async () => {
          if (devices.value.camera?.readyState === "live") devices.closeCamera();
          else await devices.openCamera();
          announce(devices.value.camera ? t("Camera on") : t("Camera off"));
        }),
      flip: () => void this.#device(() => devices.flipCamera()),
      people: () => {
        this.#panel.element.hidden = !this.#panel.element.hidden;
        this.#chat.close();
        if (this.#panel.element.hidden) this.#bar.people.element.focus();
        else this.#panel.focus();
        this.#draw();
      },
      chat: () => {
        if (this.#chat.isOpen) {
          this.#chat.close();
          this.#bar.chat.element.focus();
        } else {
          this.#panel.element.hidden = true;
          this.#chat.open();
        }
        this.#draw();
      },
      layout: () => {
        this.#layout = this.#layout === "grid" ? "speaker" : "grid";
        this.#stage.pinned = null;
        announce(this.#layout === "grid" ? t("All pictures alike") : t("The speaker is large"));
        this.#draw();
      },
      audioOnly: () => {
        session.audioOnly.set(!session.audioOnly.value);
        announce(session.audioOnly.value ? t("Pictures off, sound only") : t("Pictures on"));
      },
      sight: () => {
        session.sight.set(!session.sight.value);
        this.#say(session.sight.value ? pictureFirst() : null, "plain");
        if (!session.sight.value) announce(t("Sound first"));
      },
      devices: () => void devicesDialog(devices, this.#parts.quality, () => keepChoices(choicesOf(devices))),
      keys: () => undefined,
      leave: () => void connection.leave(),
    };
  }

  async #share(): Promise<void> {
    const { screen } = this.#parts.devices;
    try {
      if (screen.value) screen.stop();
      else await screen.start();
      this.#say(null);
    } catch (error) {
      if (!(error instanceof ShareFault)) throw error;
      this.#say(shareFaultWords(error));
    }
  }

  async #device(change: () => Promise<unknown>): Promise<void> {
    if (this.#consent.stopped) return this.#say(t("You have stopped the conversation. Agree again first."));
    try {
      await change();
      // A reload finds the devices as they were left.
      keepChoices(choicesOf(this.#parts.devices));
      this.#told = null;
    } catch (error) {
      if (!(error instanceof DeviceFault)) throw error;
      this.#say(faultWords(error));
    }
  }
}

/** Who signs reads it: what is only said aloud does not reach them. */
const pictureFirst = (): string =>
  t("On a weak line the picture comes before the sound, an interpreter's first. To put somebody else first, press “Larger” on their picture.");

/** Just the number: it stays in sight during the whole call, on small screens too. */
function shortPhoneLink(phone: string): HTMLElement {
  const label = t("Help by phone: {phone}", { phone });
  const href = `tel:${phone.replace(/[^\d+]/g, "")}`;
  return h("a", { class: "button call__phone", href, "aria-label": label }, icon("phone"), phone);
}
