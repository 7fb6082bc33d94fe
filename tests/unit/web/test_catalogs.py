"""The check of message catalogs, on small catalogs of its own and on the real ones."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages import Catalog

SCRIPT = Path(__file__).parents[3] / "web" / "catalogs.py"


@pytest.fixture(scope="module")
def catalogs() -> ModuleType:
    """The script as a module; web/ is no package."""
    spec = importlib.util.spec_from_file_location("catalogs", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def found(
    catalogs: ModuleType, text: str | tuple[str, str], said: str | tuple[str, ...], flags: Iterable[str] = ()
) -> list[str]:
    """The faults of one Ukrainian translation."""
    catalog = Catalog(locale="uk")
    source = Catalog(locale="en").add(text, locations=[("web/client/a.ts", 1)])
    translated = catalog.add(text, said, locations=[("web/client/a.ts", 9)], flags=flags)
    return list(catalogs.faults_of(source, translated, catalog))


def test_it_finds_nothing_wrong_with_a_finished_translation(catalogs: ModuleType) -> None:
    assert found(catalogs, "Waiting since {time}", "Чекає з {time}") == []


def test_it_refuses_an_empty_translation(catalogs: ModuleType) -> None:
    assert found(catalogs, "Today", "") == ["not translated"]


def test_it_refuses_a_plural_with_too_few_forms(catalogs: ModuleType) -> None:
    assert found(catalogs, ("{count} day", "{count} days"), ("{count} день", "{count} дні", "")) == ["not translated"]


def test_it_refuses_a_fuzzy_translation(catalogs: ModuleType) -> None:
    assert found(catalogs, "Today", "Сьогодні", ["fuzzy"]) == ["fuzzy"]


@pytest.mark.parametrize("said", ["Чекає з", "Чекає з {time} {name}", "Чекає з {час}"])
def test_it_refuses_placeholders_that_differ(catalogs: ModuleType, said: str) -> None:
    assert found(catalogs, "Waiting since {time}", said) == ["placeholders differ"]


def test_it_lets_one_form_of_a_plural_say_the_number_in_words(catalogs: ModuleType) -> None:
    assert found(catalogs, ("{count} day", "{count} days"), ("один день", "{count} дні", "{count} днів")) == []


def test_it_refuses_a_space_at_an_end_that_differs(catalogs: ModuleType) -> None:
    assert found(catalogs, "Help: ", "Допомога:") == ["space at an end differs"]


def test_it_takes_texts_from_templates_python_and_typescript(catalogs: ModuleType) -> None:
    endings = {Path(name).suffix for message in catalogs.template() for name, _ in message.locations}
    assert endings == {".html", ".py", ".ts"}
