import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it, mock } from "node:test";

/** As much of an element as these scripts touch. */
class Piece extends EventTarget {
  id = "waiting";
  hidden = false;
  className = "";
  innerHTML = "";
  textContent = "1";
  dataset: Record<string, string> = { refresh: "5", knocks: "", title: "waits" };
  inside: Piece | null = null;
  querySelector(): Piece | null {
    return this.inside;
  }
  contains(): boolean {
    return false;
  }
  setAttribute(): void {}
  after(): void {}
  replaceChildren(): void {
    this.innerHTML = "replaced";
  }
}

let piece: Piece;
let answer: () => Response;
const lost: unknown[] = [];
const note = (reason: unknown): void => void lost.push(reason);
const define = (name: string, value: unknown): unknown =>
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
const settled = async (): Promise<void> => {
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
};
/** The headers have come, and then the line breaks. */
const cutOff = (): Response =>
  new Response(new ReadableStream({ pull: (stream) => stream.error(new TypeError("network error")) }));

before(() => process.on("unhandledRejection", note));
after(() => {
  process.off("unhandledRejection", note);
  mock.timers.reset();
});
beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setInterval"] });
  lost.length = 0;
  piece = new Piece();
  piece.inside = new Piece();
  const fresh = Object.assign(new Piece(), { innerHTML: "fresh", dataset: { knocks: "a" }, childNodes: [] });
  const page = {
    title: "A page",
    hidden: false,
    activeElement: null,
    querySelector: () => piece,
    querySelectorAll: () => [piece],
    createElement: () => new Piece(),
    importNode: (node: unknown) => node,
  };
  define("document", Object.assign(new EventTarget(), page));
  define("location", new URL("https://poruch.example.org/today"));
  define("localStorage", { getItem: () => "a", setItem: () => undefined, removeItem: () => undefined });
  define("DOMParser", class {
    parseFromString(): object {
      return { getElementById: () => fresh };
    }
  });
  define("fetch", async () => answer());
});

describe("a page that looks on by itself", () => {
  const cases = {
    "the number of things that wait": {
      start: async () => (await import("../../web/client/waiting")).startWaiting(),
      whole: () => Response.json({ count: 2 }),
      done: () => piece.inside?.textContent === "2",
    },
    "a piece that stays true": {
      start: async () => (await import("../../web/client/refresh")).startRefreshing(() => undefined),
      whole: () => new Response("<p>"),
      done: () => piece.innerHTML === "replaced",
    },
    "the door": {
      start: async () => (await import("../../web/client/door")).startDoor(),
      whole: () => new Response("<p>"),
      done: () => piece.innerHTML === "replaced",
    },
  };
  for (const [name, { start, whole, done }] of Object.entries(cases))
    it(`takes an answer that is cut off for none, and looks again: ${name}`, async () => {
      await start();
      answer = cutOff;
      mock.timers.tick(30_000);
      await settled();
      assert.deepEqual(lost, []);
      assert.equal(done(), false);
      answer = whole;
      mock.timers.tick(30_000);
      await settled();
      assert.equal(done(), true);
    });
});
