"""``poruch settings``: every setting with its meaning, its value now, and where the value comes from."""

from __future__ import annotations

import os
import tomllib

from pydantic import SecretStr
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from server.settings import Settings, config_file


def table(settings: Settings) -> str:
    """The settings as text, one block each; secrets are hidden."""
    file = config_file()
    in_file = set(tomllib.loads(file.read_text("utf-8"))) if file.is_file() else set()
    in_environment = {name.upper() for name in os.environ}
    blocks = [f"# Settings file: {file}{'' if file.is_file() else ' (not there)'}"]
    for name, field in Settings.model_fields.items():
        variable = f"PORUCH_{name.upper()}"
        source = f"environment, {variable}" if variable in in_environment else "file" if name in in_file else "default"
        blocks.append(f"# {field.description}\n{name} = {_shown(name, getattr(settings, name))}    ({source})")
    return "\n\n".join(blocks)


def _shown(name: str, value: object) -> str:
    if isinstance(value, SecretStr):
        hidden = value.get_secret_value()
        if not hidden:
            return "(empty)"
        return _without_password(hidden) if name == "database_url" else "(hidden)"
    if isinstance(value, list):
        return ", ".join(str(each) for each in value) or "(empty)"
    return "(empty)" if value in {None, ""} else str(value)


def _without_password(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "(hidden)"
