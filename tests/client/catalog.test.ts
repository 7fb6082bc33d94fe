import assert from "node:assert/strict";
import { describe, it } from "node:test";

// @ts-expect-error -- part of the build, which is not typed
import { readCatalog } from "../../web/catalog.mjs";

const CATALOG = `
msgid ""
msgstr ""
"Language: uk\\n"

#: web/client/call/bar.ts:80
msgid "Leave"
msgstr "Вийти"

#: web/templates/base.html:3 web/client/call/tile.ts:9
msgid "One line "
"and another"
msgstr ""
"Рядок «і» "
"\\"ще\\" один"

#: web/client/ui/times.ts:1
msgid "{count} day"
msgid_plural "{count} days"
msgstr[0] "{count} день"
msgstr[1] "{count} дні"
msgstr[2] "{count} днів"

#: web/client/a.ts:1
#, fuzzy
msgid "Guessed"
msgstr "Вгадано"

#: web/client/a.ts:2
msgid "Unfinished"
msgstr ""

#: server/cases/views.py:1
msgid "Case"
msgstr "Справа"
`;

describe("the catalog for the client", () => {
  const messages = readCatalog(CATALOG, (reference: string) => reference.startsWith("web/client/"));

  it("holds the client's messages, joined and unescaped, and plurals as lists", () => {
    assert.deepEqual(messages, {
      Leave: "Вийти",
      "One line and another": 'Рядок «і» "ще" один',
      "{count} day": ["{count} день", "{count} дні", "{count} днів"],
    });
  });

  it("leaves out what is guessed, unfinished or not the client's", () => {
    for (const message of ["Guessed", "Unfinished", "Case", ""]) assert.equal(message in messages, false);
  });
});
