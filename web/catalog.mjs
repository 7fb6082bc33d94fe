// Reads a gettext .po file into msgid → translation, for the messages that the client uses.

const unquote = (text) => JSON.parse(text.trim());

/** Plural forms come as an array in the catalog's order. Fuzzy and unfinished entries are left out: the English text serves. */
export function readCatalog(text, isWanted) {
  const messages = {};
  for (const block of text.replaceAll("\r\n", "\n").split(/\n\s*\n/)) {
    const entry = readEntry(block);
    if (entry.id && !entry.fuzzy && entry.references.some(isWanted) && entry.forms.every(Boolean)) {
      messages[entry.id] = entry.plural === undefined ? entry.forms[0] : entry.forms;
    }
  }
  return messages;
}

function readEntry(block) {
  const entry = { id: undefined, plural: undefined, forms: [], references: [], fuzzy: false };
  let append = () => {};
  for (const line of block.split("\n")) {
    const part = /^(msgid_plural|msgid|msgstr)(?:\[(\d+)\])?\s+(".*")$/.exec(line);
    if (line.startsWith("#:")) entry.references.push(...line.slice(2).trim().split(/\s+/));
    else if (line.startsWith("#,")) entry.fuzzy = line.includes("fuzzy");
    else if (part) append = begin(entry, part[1], Number(part[2] ?? 0), unquote(part[3]));
    else if (line.startsWith('"')) append(unquote(line));
  }
  return entry;
}

function begin(entry, keyword, form, text) {
  if (keyword === "msgid") {
    entry.id = text;
    return (more) => { entry.id += more; };
  }
  if (keyword === "msgid_plural") {
    entry.plural = text;
    return (more) => { entry.plural += more; };
  }
  entry.forms[form] = text;
  return (more) => { entry.forms[form] += more; };
}
