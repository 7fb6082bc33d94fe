"""Every page template compiles, refuses unknown names, and carries nothing that the content policy forbids."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateSyntaxError

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "web" / "templates"
JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
EVENT_ATTRIBUTE = re.compile(r"\bon[a-z]+['\"]?\s*[:=]\s*['\"]", re.IGNORECASE)


class Markup(HTMLParser):
    """Collects what a strict content policy would silently drop: inline script, inline style, on… attributes."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one start tag."""
        names = dict(attrs)
        line, _ = self.getpos()
        if tag == "script" and "src" not in names and names.get("type") not in {"application/json"}:
            self.faults.append(f"{line}: inline <script>")
        if tag == "style":
            self.faults.append(f"{line}: inline <style>")
        for name, value in attrs:
            if name == "style":
                self.faults.append(f"{line}: style attribute on <{tag}>")
            if name.startswith("on"):
                self.faults.append(f"{line}: {name} attribute on <{tag}>")
            if (value or "").strip().lower().startswith("javascript:"):
                self.faults.append(f"{line}: javascript: address on <{tag}>")


def faults_of_markup(source: str) -> list[str]:
    """Faults of one file, each with its line. Jinja is blanked out first, line for line."""

    def blank(match: re.Match[str]) -> str:
        expression = match[0].startswith("{{")
        return ("x" if expression else "") + "\n" * match[0].count("\n")

    markup = Markup()
    markup.feed(JINJA.sub(blank, source))
    for found in JINJA.finditer(source):
        if EVENT_ATTRIBUTE.search(found[0]) and "attributes" in found[0]:
            markup.faults.append(f"{source[: found.start()].count(chr(10)) + 1}: on… attribute in a macro's attributes")
    return markup.faults


def main() -> int:
    """Print every fault; 0 when there is none."""
    # autoescape does not matter here: nothing is rendered
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
    )
    templates = sorted(TEMPLATES.rglob("*.html"))
    faults = []
    for path in templates:
        name = path.relative_to(TEMPLATES).as_posix()
        try:
            environment.compile(path.read_text(), name, str(path))
        except TemplateSyntaxError as error:
            faults.append(f"{name}:{error.lineno}: {error.message}")
    for path in [*templates, *sorted((ROOT / "web").glob("*.html"))]:
        faults += [f"{path.relative_to(ROOT)}:{fault}" for fault in faults_of_markup(path.read_text())]
    if not templates:
        faults.append("no templates were found")
    for fault in faults:
        print(fault)
    print(f"{len(templates)} templates, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
