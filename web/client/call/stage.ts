/** The tiles of everybody who is here, and the order they stand in. */
import type { Devices } from "../devices";
import type { Reception } from "../quality";
import type { RemoteStream } from "../session";
import type { Person, Snapshot } from "../types";
import { h } from "../ui/dom";
import { t } from "../ui/i18n";
import { arrange, tiled, type Layout } from "./arrangement";
import { Sizes, type Rank, type Shown } from "./sizes";
import { Tile, type TileView } from "./tile";

export interface StageInput {
  snapshot: Snapshot;
  streams: readonly RemoteStream[];
  reception: Reception;
  devices: Devices;
  muted: boolean;
  audioOnly: boolean;
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
  readonly #ranks = new Map<string, Rank>();

  constructor(onPin: () => void, onSizes: () => void) {
    this.#onPin = onPin;
    this.#sizes = new Sizes(onSizes);
    this.element = h("section", { class: "stage", "aria-label": t("People in the conversation") }, this.#list);
  }

  update(input: StageInput): void {
    const own = input.snapshot.you.seat;
    const people = tiled(input.snapshot.people, own);
    for (const seat of this.#tiles.keys()) if (!people.some((person) => person.seat === seat)) this.#remove(seat);
    if (this.pinned !== null && !this.#tiles.has(this.pinned)) this.pinned = null;
    for (const person of people) this.#tile(person.seat).update(this.#view(input, person));
    const { stage, rest } = arrange(
      people.map((person) => person.seat),
      own,
      input.layout,
      this.pinned,
      input.reception.speaker,
    );
    this.element.dataset["layout"] = stage.length > 0 ? "speaker" : "grid";
    this.element.dataset["count"] = String(people.length);
    this.#list.style.setProperty("--rest", String(rest.length));
    for (const [seat, tile] of this.#tiles) tile.element.classList.toggle("tile--large", stage.includes(seat));
    this.#order([...stage, ...rest]);
    this.#ranks.clear();
    for (const { seat } of people) {
      const speaks = stage.includes(seat) || seat === input.reception.speaker;
      this.#ranks.set(seat, this.pinned === seat ? "pinned" : speaks ? "speaker" : "grid");
    }
  }

  /** How each person's picture stands on the screen, by seat. */
  shown(): ReadonlyMap<string, Shown> {
    const found = new Map<string, Shown>();
    for (const [seat, tile] of this.#tiles) {
      const height = this.#sizes.of(tile.face);
      found.set(seat, { height, rank: height > 0 ? (this.#ranks.get(seat) ?? "grid") : "hidden" });
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
      own,
      host: input.snapshot.room.host === person.seat,
      zone: input.zone,
      picture: own ? devices.value.camera : remotePicture(input, person.seat),
      mirrored: own && devices.value.facing === "user",
      microphone: own ? ownMicrophone : microphone === undefined ? "none" : microphone.paused ? "off" : "on",
      weak: input.reception.weak.has(person.seat),
      pictureHeld: producers.some(({ id, kind }) => kind === "video" && input.held.has(id)),
      soundHeld: producers.some(({ id, kind }) => kind === "audio" && input.held.has(id)),
      keys: own ? "open" : keysOf(input, person.seat),
      pinned: this.pinned === person.seat,
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
    this.#list.append(tile.element);
    return tile;
  }

  #remove(seat: string): void {
    const tile = this.#tiles.get(seat);
    if (!tile) return;
    this.#sizes.forget(tile.face);
    tile.clear();
    tile.element.remove();
    this.#tiles.delete(seat);
  }

  /** By the order of the flex and grid items: moving a video in the document would stop it for a moment. */
  #order(seats: readonly string[]): void {
    seats.forEach((seat, index) => this.#tiles.get(seat)?.element.style.setProperty("order", String(index)));
  }
}

function remotePicture(input: StageInput, seat: string): MediaStreamTrack | null {
  if (input.audioOnly || input.interrupted || input.snapshot.room.phase !== "open") return null;
  const shown = input.snapshot.producers.filter(
    (producer) => producer.seat === seat && producer.kind === "video" && !producer.paused,
  );
  const wanted = shown.find((producer) => producer.source === "screen") ?? shown[0];
  const stream = input.streams.find(({ producerId }) => producerId === wanted?.id);
  // What is kept back, or does not open, is not shown: the last picture would stand frozen.
  return stream && !input.held.has(stream.producerId) && input.open.has(stream.stream) ? stream.track : null;
}

function keysOf(input: StageInput, seat: string): TileView["keys"] {
  if (input.stopped) return "stopped";
  if (!input.members.has(seat)) return "catching_up";
  if (input.snapshot.room.phase !== "open") return "open";
  const due = input.snapshot.producers.filter(
    (one) =>
      one.seat === seat && !one.paused && !input.held.has(one.id) && !(input.audioOnly && one.kind === "video"),
  );
  const opens = (id: string): boolean =>
    input.streams.some(({ producerId, stream }) => producerId === id && input.open.has(stream));
  return due.every(({ id }) => opens(id)) ? "open" : "catching_up";
}
