"""Message catalogs: take new texts in, compile, and check that every language is complete.

The source text of a message is English, so the English catalog says of each message what the message says itself.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator
from copy import deepcopy
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
LOCALE = ROOT / "web" / "locale"
DOMAIN = "poruch"
SOURCE = "en"
LANGUAGES = ("en", "ru", "uk")
HEADER = """# PROJECT: texts in {language}.
# Made by `make catalogs`; translations are written here, by hand."""

KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "_": None,
    "N_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "t": None,
    "n": (1, 2),
}
TYPESCRIPT_TEXT = re.compile(r"(?<![\w.])(?:t|n|N_)\(\s*(\"(?:[^\"\\\n]|\\.)*\")\s*[,)]")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when all is well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["extract", "update", "compile", "check"])
    match parser.parse_args(arguments).command:
        case "extract":
            sys.stdout.buffer.write(_as_po(template()))
        case "update":
            update()
        case "compile":
            compile_all()
        case "check":
            return _report(list(faults()))
    return 0


def template() -> Catalog:
    """Every text that the sources mark, with the files that use it."""
    methods, options = _mapping()
    catalog = Catalog(project="Poruch", fuzzy=False)
    found = extract_from_dir(ROOT, methods, options, KEYWORDS, comment_tags=("Translators:",), strip_comment_tags=True)
    for path, line, text, comments, context in sorted(found, key=lambda each: (each[0], each[1])):
        catalog.add(text, None, [(path, line)], auto_comments=comments, context=context)
    return catalog


def update() -> None:
    """Bring every language's catalog in line with the sources; what is no longer used goes."""
    sources = template()
    for language in LANGUAGES:
        path, catalog = _path(language), _read(language)
        fresh = deepcopy(sources)  # updating takes its messages over, not copies of them
        # A new date on every run would change files in which nothing has changed.
        fresh.creation_date = catalog.creation_date
        catalog.update(fresh, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        catalog.header_comment = HEADER.format(language=language)
        catalog.version = catalog.msgid_bugs_address = catalog.last_translator = catalog.language_team = ""
        if language == SOURCE:
            for message in _messages(catalog):
                message.string = message.id if isinstance(message.id, tuple) else str(message.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_as_po(catalog))
        missing = sum(1 for message in _messages(catalog) if not _is_complete(message, catalog))
        print(f"{language}: {len(catalog)} texts, {missing} to translate")


def compile_all() -> None:
    """Write the binary catalogs that the server reads."""
    for language in LANGUAGES:
        with _path(language).with_suffix(".mo").open("wb") as file:
            write_mo(file, _read(language))


def faults() -> Iterator[str]:
    """Everything that keeps a language from being complete."""
    fresh = template()
    yield from _lost_by_the_lexer(fresh)
    for language in LANGUAGES:
        catalog = _read(language)
        for message in _messages(fresh):
            translated = catalog.get(message.id, message.context)
            if translated is None:
                yield f"{language}: not in the catalog, run `make catalogs`: {_name(message)}"
            else:
                for fault in faults_of(message, translated, catalog):
                    yield f"{language}: {fault}: {_name(message)}"
        for message in _messages(catalog):
            if fresh.get(message.id, message.context) is None:
                yield f"{language}: no longer used, run `make catalogs`: {_name(message)}"
        yield from (f"{language}: obsolete: {_name(message)}" for message in catalog.obsolete.values())


def _lost_by_the_lexer(fresh: Catalog) -> Iterator[str]:
    """Babel reads TypeScript as JavaScript; what it stumbles over would be missing without a word."""
    for path in sorted((ROOT / "web" / "client").rglob("*.ts")):
        for literal in TYPESCRIPT_TEXT.findall(path.read_text(encoding="utf-8")):
            text = json.loads(literal)
            if not any(text in _texts(message.id) for message in _messages(fresh)):
                yield f"{path.relative_to(ROOT)}: not found by the extractor: {text!r}"


def faults_of(source: Message, translated: Message, catalog: Catalog) -> Iterator[str]:
    """What is wrong with one translation of ``source`` in ``catalog``."""
    if _files(source) != _files(translated):
        # The client's catalog is chosen by these names.
        yield "its files have changed, run `make catalogs`"
    if translated.fuzzy:
        yield "fuzzy"
    if not _is_complete(translated, catalog):
        yield "not translated"
        return
    wanted = _placeholders(_texts(source.id))
    for text in _texts(translated.string):
        # One form of a plural may say "one" in words, so the number alone may be left out there.
        if _placeholders([text]) != wanted and not (source.pluralizable and _placeholders([text]) < wanted):
            yield "placeholders differ"
        if _edges(text) != _edges(_texts(source.id)[0]):
            yield "space at an end differs"


def _is_complete(message: Message, catalog: Catalog) -> bool:
    texts = _texts(message.string)
    return all(texts) and len(texts) == (catalog.num_plurals if message.pluralizable else 1)


def _placeholders(texts: Iterable[str]) -> set[str]:
    return {found for text in texts for found in PLACEHOLDER.findall(text)}


def _edges(text: str) -> tuple[bool, bool]:
    return text[:1].isspace(), text[-1:].isspace()


def _files(message: Message) -> set[str]:
    return {path for path, _ in message.locations}


def _texts(text: str | Iterable[str] | None) -> list[str]:
    return [text] if isinstance(text, str) else list(text or ())


def _name(message: Message) -> str:
    return repr(_texts(message.id)[0])


def _messages(catalog: Catalog) -> list[Message]:
    return [message for message in catalog if message.id]


def _path(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def _read(language: str) -> Catalog:
    if not _path(language).exists():
        return Catalog(locale=language, domain=DOMAIN, project="Poruch", fuzzy=False)
    with _path(language).open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def _as_po(catalog: Catalog) -> bytes:
    buffer = BytesIO()
    write_po(buffer, catalog, width=100, sort_by_file=True, ignore_obsolete=True, include_lineno=False)
    return buffer.getvalue()


def _mapping() -> tuple[list[tuple[str, str]], dict[str, dict[str, str]]]:
    with (ROOT / "web" / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call] # Babel types it not at all
    return methods, options


def _report(found: list[str]) -> int:
    for fault in found:
        print(fault)
    print(f"{', '.join(LANGUAGES)}: {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
