// What is read while a spoken code is compared: where it can be told, and that nobody should guess.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { chooseWords, endWords, showWords } from "../../web/client/call/code-words";

const HERE = /hold this screen up|look at the other screen/;

describe("the words beside a spoken code", () => {
  it("send both to the call while it is heard and seen there", () => {
    for (const words of [showWords(false), chooseWords(false)]) {
      assert.match(words.join(" "), HERE);
      assert.doesNotMatch(words.join(" "), /Phone each other/);
    }
  });
  it("send both to the phone while sound and picture are paused, and nobody to a screen that is dark", () => {
    for (const words of [showWords(true), chooseWords(true)]) {
      assert.doesNotMatch(words.join(" "), HERE);
      assert.match(words.join(" "), /paused.*Phone each other, best on a number that you knew before/);
    }
  });
  it("ask whoever chooses not to guess, paused or not", () => {
    for (const paused of [false, true]) assert.match(chooseWords(paused).join(" "), /Do not guess.*press “Not now”/);
  });
  it("name the phone before a fresh code is begun, on both sides", () => {
    for (const showing of [true, false])
      assert.match(endWords({ outcome: "mismatch", showing }).join(" "), /paused.*phone/i);
  });
});
