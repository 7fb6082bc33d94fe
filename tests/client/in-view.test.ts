import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";

import { InView } from "../../web/client/call/in-view";

/** What a browser tells of elements and of the page. */
class Observer {
  static last: Observer;
  readonly observed = new Set<unknown>();
  constructor(readonly tell: (entries: { target: unknown; isIntersecting: boolean }[]) => void) {
    Observer.last = this;
  }
  observe(target: unknown): void {
    this.observed.add(target);
  }
  unobserve(target: unknown): void {
    this.observed.delete(target);
  }
  disconnect(): void {
    this.observed.clear();
  }
}

type Page = EventTarget & { hidden: boolean; pictureInPictureElement?: object | null };

const [one, other] = [{}, {}] as [Element, Element];
let page: Page;
let life: AbortController;
let changes: number;
let view: InView;

const scroll = (target: Element, isIntersecting: boolean): void => Observer.last.tell([{ target, isIntersecting }]);
const hide = (hidden: boolean): void => {
  page.hidden = hidden;
  page.dispatchEvent(new Event("visibilitychange"));
};

beforeEach(() => {
  page = Object.assign(new EventTarget(), { hidden: false, pictureInPictureElement: null });
  Object.assign(globalThis, { IntersectionObserver: Observer });
  Object.defineProperty(globalThis, "document", { value: page, configurable: true });
  mock.timers.enable({ apis: ["setTimeout"] });
  life = new AbortController();
  changes = 0;
  view = new InView(() => changes++, life.signal);
  view.watch(one);
  view.watch(other);
});
afterEach(() => {
  life.abort();
  mock.timers.reset();
});

describe("a picture", () => {
  it("is looked at until it is known that it is not", () => assert.equal(view.of(one), true));

  it("that is scrolled away counts as hidden after a moment, and is back at once", () => {
    scroll(one, false);
    mock.timers.tick(1_999);
    assert.deepEqual([view.of(one), changes], [true, 0]);
    mock.timers.tick(1);
    assert.deepEqual([view.of(one), view.of(other), changes], [false, true, 1]);
    scroll(one, true);
    assert.deepEqual([view.of(one), changes], [true, 2]);
  });

  it("that is only scrolled past is never given up", () => {
    scroll(one, false);
    mock.timers.tick(1_000);
    scroll(one, true);
    mock.timers.tick(60_000);
    assert.deepEqual([view.of(one), changes], [true, 0]);
  });

  it("that has gone is not watched any more", () => {
    scroll(one, false);
    view.forget(one);
    mock.timers.tick(60_000);
    assert.deepEqual([view.of(one), changes, Observer.last.observed.has(one)], [true, 0, false]);
  });
});

describe("a page in the background", () => {
  it("shows no picture after a moment, and all that were in view at once when it is looked at again", () => {
    scroll(other, false);
    mock.timers.tick(2_000);
    hide(true);
    mock.timers.tick(2_000);
    assert.deepEqual([view.of(one), changes], [false, 2]);
    hide(false);
    assert.deepEqual([view.of(one), view.of(other), changes], [true, false, 3]);
  });

  it("whose person only looks something up keeps its pictures", () => {
    hide(true);
    mock.timers.tick(1_000);
    hide(false);
    mock.timers.tick(60_000);
    assert.equal(changes, 0);
  });

  it("keeps them while one of them stands in a window of its own", () => {
    page.pictureInPictureElement = {};
    hide(true);
    mock.timers.tick(60_000);
    assert.equal(view.of(one), true);
    page.pictureInPictureElement = null;
    page.dispatchEvent(new Event("leavepictureinpicture"));
    mock.timers.tick(2_000);
    assert.equal(view.of(one), false);
  });

  it("keeps them in a browser that does not tell of such windows", () => {
    delete page.pictureInPictureElement;
    hide(true);
    mock.timers.tick(60_000);
    assert.equal(view.of(one), true);
  });

  it("is not looked at any more when the call is over", () => {
    life.abort();
    hide(true);
    mock.timers.tick(60_000);
    assert.equal(changes, 0);
  });
});
