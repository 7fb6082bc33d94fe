"""Every page template compiles, refuses unknown names, and carries nothing that the content policy forbids."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, TemplateNotFound, TemplateSyntaxError
from jinja2.meta import find_referenced_templates

from server.http.context import SETTINGS
from server.http.render import environment
from server.settings import Settings

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


def server_environment() -> Environment:
    """The server's own template engine: StrictUndefined, with its filters and components."""
    app = web.Application()
    app[SETTINGS] = Settings()
    return environment(ROOT / "web", app)


def faults_of_code(engine: Environment, name: str, source: str) -> list[str]:
    """Why a template does not compile, or names another one that is not there."""
    try:
        engine.compile(source, name)
        for other in find_referenced_templates(engine.parse(source)):
            engine.get_template(other or name)
    except TemplateSyntaxError as error:
        return [f"{error.name or name}:{error.lineno}: {error.message}"]
    except TemplateNotFound as error:
        return [f"{name}: there is no template {error.name}"]
    return []


def main() -> int:
    """Print every fault; 0 when there is none."""
    engine = server_environment()
    templates = sorted(TEMPLATES.rglob("*.html"))
    faults = [] if templates else ["no templates were found"]
    for path in templates:
        faults += faults_of_code(engine, path.relative_to(TEMPLATES).as_posix(), path.read_text())
    for path in [*templates, *sorted((ROOT / "web").glob("*.html"))]:
        faults += [f"{path.relative_to(ROOT)}:{fault}" for fault in faults_of_markup(path.read_text())]
    for fault in faults:
        print(fault)
    print(f"{len(templates)} templates, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
