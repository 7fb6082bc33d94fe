/** The tiles of everybody who is here, and the order they stand in. */
import type { Devices } from "../devices";
import type { Reception } from "../quality";
import type { RemoteStream } from "../session";
import type { Person, Snapshot, Source } from "../types";
import { h } from "../ui/dom";
import { t } from "../ui/i18n";
import { arrange, rankOf, signers, tiled, type Layout } from "./arrangement";
import { InView } from "./in-view";
import { screenKey, Sizes, type Rank, type Shown } from "./sizes";
import { Tile, type TileView } from "./tile";

export interface StageInput {
  snapshot: Snapshot;
  streams: readonly RemoteStream[];
  reception: Reception;
  devices: Devices;
  muted: boolean;
  audioOnly: boolean;
  /** This person signs or reads lips. */
  sight: boolean;
  /** Nothing arrives at this moment: pictures are taken away rather than left frozen. */
  interrupted: boolean;
  /** Producers that are kept back because this line cannot carry them. */
  held: ReadonlySet<string>;
  /** Stream numbers whose frames open. */
  open: ReadonlySet<number>;
  /** Seats that somebody's key speaks for. */
  members: ReadonlySet<string>;
  /** The encryption has stopped the call. */
  stopped: boolean;
  layout: Layout;
  zone: string;
}

export class Stage {
  readonly element: HTMLElement;
  pinned: string | null = null;
  readonly #list = h("ul", { class: "stage__tiles" });
  readonly #tiles = new Map<string, Tile>();
  readonly #onPin: () => void;
  readonly #sizes: Sizes;
  readonly #inView: InView;
  readonly #ranks = new Map<string, Rank>();

  /** `onShown` when `shown` gives something else than before without an update. */
  constructor(onPin: () => void, onShown: () => void, life: AbortSignal) {
    this.#onPin = onPin;
    this.#sizes = new Sizes(onShown);
    this.#inView = new InView(onShown, life);
    this.element = h("section", { class: "stage", "aria-label": t("People in the conversation") }, this.#list);
  }

  update(input: StageInput): void {
    const own = input.snapshot.you.seat;
    const people = tiled(input.snapshot.people, own);
    const screens = people.filter(({ seat }) => seat !== own && input.members.has(seat) && screenOf(input, seat));
    const keys = new Set([...people.map(({ seat }) => seat), ...screens.map(({ seat }) => screenKey(seat))]);
    for (const key of this.#tiles.keys()) if (!keys.has(key)) this.#remove(key);
    if (this.pinned !== null && !this.#tiles.has(this.pinned)) this.pinned = null;
    for (const person of people) this.#tile(person.seat).update(this.#view(input, person));
    for (const person of screens) this.#tile(screenKey(person.seat)).update(this.#screenView(input, person));
    const arrangement = arrange(
      people.map((person) => person.seat),
      own,
      input.layout,
      this.pinned,
      input.reception.speaker,
      screens.map(({ seat }) => screenKey(seat)),
    );
    const { stage, rest } = arrangement;
    this.element.dataset["layout"] = stage.length > 0 ? "speaker" : "grid";
    this.element.dataset["count"] = String(keys.size);
    this.#list.style.setProperty("--rest", String(rest.length));
    for (const [seat, tile] of this.#tiles) tile.element.classList.toggle("tile--large", stage.includes(seat));
    this.#order([...stage, ...rest]);
    this.#ranks.clear();
    const first = input.sight ? signers(people, own) : [];
    for (const key of this.#tiles.keys())
      this.#ranks.set(key, rankOf(key, arrangement, this.pinned, input.reception.speaker, first));
  }

  /** How each picture stands on the screen: by seat, or `screenKey` of it. */
  shown(): ReadonlyMap<string, Shown> {
    const found = new Map<string, Shown>();
    for (const [seat, tile] of this.#tiles) {
      const height = this.#sizes.of(tile.face);
      const looked = height > 0 && this.#inView.of(tile.face);
      found.set(seat, { height, rank: looked ? (this.#ranks.get(seat) ?? "grid") : "hidden" });
    }
    return found;
  }

  #view(input: StageInput, person: Person): TileView {
    const own = person.seat === input.snapshot.you.seat;
    const producers = input.snapshot.producers.filter((producer) => producer.seat === person.seat);
    const microphone = producers.find((producer) => producer.source === "microphone");
    const { devices } = input;
    const ownMicrophone = devices.value.microphone === null ? "none" : input.muted ? "off" : "on";
    return {
      person,
      screen: false,
      own,
      recognised: own || input.members.has(person.seat),
      host: input.snapshot.room.host === person.seat,
      zone: input.zone,
      picture: own ? devices.value.camera : remotePicture(input, person.seat, "camera"),
      mirrored: own && devices.value.facing === "user",
      microphone: own ? ownMicrophone : microphone === undefined ? "none" : microphone.paused ? "off" : "on",
      weak: input.reception.weak.has(person.seat),
      pictureHeld: held(input, person.seat, "camera"),
      soundHeld: held(input, person.seat, "microphone"),
      keys: own ? "open" : keysOf(input, person.seat, ["microphone", "camera"]),
      pinned: this.pinned === person.seat,
    };
  }

  /** What somebody else shows; one's own screen is in front of one already. */
  #screenView(input: StageInput, person: Person): TileView {
    return {
      person,
      screen: true,
      own: false,
      recognised: true,
      host: false,
      zone: input.zone,
      picture: remotePicture(input, person.seat, "screen"),
      mirrored: false,
      microphone: "none",
      weak: false,
      keys: keysOf(input, person.seat, ["screen"]),
      pictureHeld: held(input, person.seat, "screen"),
      soundHeld: false,
      pinned: this.pinned === screenKey(person.seat),
    };
  }

  #tile(seat: string): Tile {
    const known = this.#tiles.get(seat);
    if (known) return known;
    const tile = new Tile(seat, () => {
      this.pinned = this.pinned === seat ? null : seat;
      this.#onPin();
    });
    this.#tiles.set(seat, tile);
    this.#sizes.watch(tile.face);
    this.#inView.watch(tile.face);
    this.#list.append(tile.element);
    return tile;
  }

  #remove(seat: string): void {
    const tile = this.#tiles.get(seat);
    if (!tile) return;
    this.#sizes.forget(tile.face);
    this.#inView.forget(tile.face);
    tile.clear();
    tile.element.remove();
    this.#tiles.delete(seat);
  }

  /** By the order of the flex and grid items: moving a video in the document would stop it for a moment. */
  #order(seats: readonly string[]): void {
    seats.forEach((seat, index) => this.#tiles.get(seat)?.element.style.setProperty("order", String(index)));
  }
}

const screenOf = ({ snapshot }: StageInput, seat: string): boolean =>
  snapshot.producers.some((one) => one.seat === seat && one.source === "screen" && !one.paused);

/** Whether the line cannot carry this now. */
const held = (input: StageInput, seat: string, source: Source): boolean =>
  input.snapshot.producers.some((one) => one.seat === seat && one.source === source && input.held.has(one.id));

function remotePicture(input: StageInput, seat: string, source: Source): MediaStreamTrack | null {
  if (input.audioOnly || input.interrupted || input.snapshot.room.phase !== "open") return null;
  const wanted = input.snapshot.producers.find((one) => one.seat === seat && one.source === source && !one.paused);
  const stream = input.streams.find(({ producerId }) => producerId === wanted?.id);
  // What is kept back, or does not open, is not shown: the last picture would stand frozen.
  return stream && !input.held.has(stream.producerId) && input.open.has(stream.stream) ? stream.track : null;
}

function keysOf(input: StageInput, seat: string, sources: readonly Source[]): TileView["keys"] {
  if (input.stopped) return "stopped";
  if (!input.members.has(seat)) return "catching_up";
  if (input.snapshot.room.phase !== "open") return "open";
  const due = input.snapshot.producers.filter(
    (one) =>
      one.seat === seat &&
      sources.includes(one.source) &&
      !one.paused &&
      !input.held.has(one.id) &&
      !(input.audioOnly && one.kind === "video"),
  );
  const opens = (id: string): boolean =>
    input.streams.some(({ producerId, stream }) => producerId === id && input.open.has(stream));
  return due.every(({ id }) => opens(id)) ? "open" : "catching_up";
}
