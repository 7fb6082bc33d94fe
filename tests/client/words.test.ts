import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { patienceEnds, plannedWords, presence } from "../../web/client/lobby/waiting";
import { n, pluralForm, substitute, t } from "../../web/client/ui/i18n";
import { clockHere, clocksDiffer, dayAndClock, durationInWords } from "../../web/client/ui/times";

const MINUTE = 60_000;
const winter = new Date("2026-11-22T12:00:00Z");

describe("a message", () => {
  it("fills its placeholders and leaves alone what it has no value for", () => {
    assert.equal(substitute("{a} and {b}", { a: 1 }), "1 and {b}");
    assert.equal(t("Good day, {name}!", { name: "Оля" }), "Good day, Оля!");
  });

  it("never takes a value's own braces or dollar signs for placeholders", () => {
    assert.equal(substitute("{a}{b}", { a: "{b}$&", b: "x" }), "{b}$&x");
  });

  it("takes the form that its language wants for a number", () => {
    const uk = new Intl.PluralRules("uk");
    const forms = ["хвилина", "хвилини", "хвилин"];
    const chosen = [1, 2, 5, 11, 21, 22, 112].map((count) => pluralForm(forms, uk, count));
    assert.deepEqual(chosen, ["хвилина", "хвилини", "хвилин", "хвилин", "хвилина", "хвилини", "хвилин"]);
  });

  it("takes the last form where a catalog has none for fractions", () => {
    assert.equal(pluralForm(["one", "few", "many"], new Intl.PluralRules("uk"), 1.5), "many");
  });

  it("falls back to English forms without a catalog", () => {
    assert.equal(n("{count} day", "{count} days", 1), "1 day");
    assert.equal(n("{count} day", "{count} days", 3), "3 days");
  });
});

describe("a time", () => {
  it("is said once where both clocks show the same", () => {
    assert.equal(clockHere(winter, "Europe/Kyiv", "Europe/Bucharest"), "14:00");
    assert.equal(dayAndClock(winter, "Europe/Kyiv", "Europe/Kyiv"), "Sunday 22 November, 14:00");
  });

  it("is said on both clocks where they differ, the own one first", () => {
    assert.equal(clockHere(winter, "Europe/Kyiv", "Europe/Warsaw"), "13:00 on your clock (14:00 where your team is)");
  });

  it("says both days where midnight lies between", () => {
    const late = new Date("2026-11-22T21:30:00Z");
    const said = dayAndClock(late, "Europe/Kyiv", "Asia/Tokyo");
    assert.equal(said, "Monday 23 November, 06:30 on your clock (Sunday 22 November, 23:30 where your team is)");
  });

  it("knows that clocks may differ in one season only", () => {
    assert.equal(clocksDiffer(winter, "Africa/Johannesburg", "Europe/Kyiv"), false);
    assert.equal(clocksDiffer(new Date("2026-07-01T12:00:00Z"), "Africa/Johannesburg", "Europe/Kyiv"), true);
  });

  it("does not fail in a zone that this browser has never heard of", () => {
    assert.equal(clockHere(winter, "Mars/Olympus", "UTC"), "12:00");
  });

  it("becomes a duration that is never nothing", () => {
    assert.equal(durationInWords(0), "1 minute");
    assert.equal(durationInWords(125 * MINUTE), "2 hours 5 minutes");
    assert.equal(durationInWords((26 * 60 + 30) * MINUTE), "1 day 2 hours");
    assert.equal(durationInWords(48 * 60 * MINUTE), "2 days");
  });
});

describe("the waiting room", () => {
  it("gives the team ten minutes from the start, or from a later coming", () => {
    assert.equal(patienceEnds(100 * MINUTE, 80 * MINUTE), 110 * MINUTE);
    assert.equal(patienceEnds(100 * MINUTE, 130 * MINUTE), 140 * MINUTE);
  });

  it("says when it begins, and that this was changed, by both clocks where they differ", () => {
    const [told, moved] = ["2026-11-22T12:00:00.000Z", "2026-11-22T12:20:00.000Z"];
    assert.equal(plannedWords(told, told, "Europe/Kyiv", "Europe/Kyiv"), "The conversation is planned for 14:00.");
    const words = "The conversation was moved. It is planned for";
    assert.equal(plannedWords(moved, told, "Europe/Kyiv", "Europe/Kyiv"), `${words} 14:20 now.`);
    const both = "13:20 on your clock (14:20 where your team is)";
    assert.equal(plannedWords(moved, told, "Europe/Kyiv", "Europe/Berlin"), `${words} ${both} now.`);
  });

  it("says of each person in words whether they are there", () => {
    const since = "2026-11-22T12:05:00.000Z";
    assert.equal(presence({ phase: "in", since }, "Europe/Kyiv"), "is here since 14:05");
    assert.equal(presence({ phase: "expected", since: null }), "has not come yet");
    assert.equal(presence({ phase: "lost", since }), "has lost the connection and is coming back");
  });
});
