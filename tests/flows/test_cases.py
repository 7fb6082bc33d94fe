"""Pages of cases: who is refused, what is refused, and the walk through a case."""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable, Sequence

import pytest
from sqlalchemy import func, select

from consent.database import Database
from consent.events import Tag
from consent.ledger import Entry
from consent.policy import Role
from server.cases import service
from server.cases.tables import Case
from tests.flows.conftest import Person
from tests.support.casework import Worker, open_case

SignedIn = Callable[..., Awaitable[Person]]
Visitor = Callable[[], Awaitable[Person]]
Entries = Callable[..., Awaitable[Sequence[Entry]]]

NEW_CASE = {"alias": "Калина", "language": "uk", "client_alias1": "Пані Оля", "client_language1": "uk"}
UNKNOWN = "0" * 16


def worker(person: Person) -> Worker:
    assert person.account is not None
    return Worker(person.account.id, person.account.name, Role(person.account.role))


async def opened(manager: Person) -> str:
    """The path of a new case."""
    response = await manager.post("/cases/new", NEW_CASE)
    assert response.status == 303
    return response.headers["Location"].partition("?")[0]


async def test_it_sends_visitors_to_the_sign_in(visitor: Visitor) -> None:
    stranger = await visitor()
    for path in ("/today", "/cases", "/cases/new", f"/cases/{UNKNOWN}", f"/cases/{UNKNOWN}/team", "/sessions"):
        response = await stranger.get(path, allow_redirects=False)
        assert response.status == 303, path
        assert response.headers["Location"].startswith("/sign-in?next="), path


async def test_it_shows_no_case_to_the_psychologist_of_another_case_and_records_the_refusal_once(
    signed_in: SignedIn, entries: Entries
) -> None:
    manager, stranger = await signed_in(Role.CASE_MANAGER), await signed_in(Role.PSYCHOLOGIST)
    path = await opened(manager)
    for _ in range(2):
        response = await stranger.get(path)
        assert response.status == 403
        assert "Калина" not in await response.text()
    refusals = await entries(Tag.ACCESS_REFUSED)
    assert [(each.actor, each.case_id) for each in refusals] == [(f"account:{stranger.id}", path.split("/")[-1])]
    assert refusals[0].details["action"] == "read_case"


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.INTERPRETER, Role.SUPERVISOR, Role.PSYCHOLOGIST])
async def test_it_lets_only_those_who_manage_cases_open_one(
    signed_in: SignedIn, database: Database, role: Role
) -> None:
    person = await signed_in(role)
    assert (await person.get("/cases/new")).status == 403
    assert (await person.post("/cases/new", NEW_CASE)).status == 403
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Case)) == 0


async def test_it_answers_unknown_cases_with_a_page_that_says_so(signed_in: SignedIn) -> None:
    manager = await signed_in(Role.CASE_MANAGER)
    for path in (f"/cases/{UNKNOWN}", "/cases/%00", "/cases/..%2f..", "/cases/" + "x" * 500, f"/cases/{UNKNOWN}/team"):
        assert (await manager.get(path)).status == 404, path


async def test_it_refuses_a_form_without_the_token(signed_in: SignedIn, entries: Entries) -> None:
    manager = await signed_in(Role.CASE_MANAGER)
    path = await opened(manager)
    before = len(await entries())
    for action in (
        "/cases/new",
        f"{path}/change",
        f"{path}/clients/new",
        f"{path}/team",
        f"{path}/close",
        f"{path}/reopen",
    ):
        response = await manager.session.post(manager.base_url.with_path(action), data=NEW_CASE, allow_redirects=False)
        assert response.status == 403, action
    assert len(await entries()) == before


async def test_every_form_that_changes_something_carries_the_token(signed_in: SignedIn) -> None:
    manager = await signed_in(Role.CASE_MANAGER)
    path = await opened(manager)
    for page in ("/cases/new", path, f"{path}/change", f"{path}/clients/new", f"{path}/team", f"{path}/close"):
        text = await (await manager.get(page)).text()
        forms = re.findall(r'<form[^>]*method="post".*?</form>', text, re.DOTALL)
        assert forms, page
        assert all('name="csrf_token"' in form for form in forms), page


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("alias", "", "Write a name for the case"),
        ("alias", "x" * 81, "The name is too long"),
        ("language", "tlh", "Choose the language"),
        ("help_phone", "call me", "Write a phone number like"),
        ("help_phone", "1" * 40, "Write a phone number like"),
        ("client_alias1", "   ", "Write how the team calls this client"),
        ("client_alias1", "ж" * 81, "The name is too long"),
        ("client_phone1", "<script>", "Write a phone number like"),
    ],
)
async def test_it_says_what_is_wrong_with_a_new_case_and_keeps_what_was_typed(
    signed_in: SignedIn, entries: Entries, field: str, value: str, message: str
) -> None:
    manager = await signed_in(Role.CASE_MANAGER)
    response = await manager.post("/cases/new", NEW_CASE | {field: value})
    text = await response.text()
    assert response.status == 422
    assert f'href="#{field}"' in text
    assert text.count(message) >= 2  # in the summary and beside the field
    assert "<script>" not in text
    assert "Пані Оля" in text or field == "client_alias1"
    assert not await entries(Tag.CASE_OPENED)


async def test_it_opens_a_case_with_several_clients_and_shows_it(signed_in: SignedIn, entries: Entries) -> None:
    manager = await signed_in(Role.SOCIAL_WORKER, name="Марія <b>")
    response = await manager.post(
        "/cases/new", NEW_CASE | {"client_alias3": "Пан Тарас", "client_language3": "ru", "client_phone3": "+380 50 1"}
    )
    page = await (await manager.get(response.headers["Location"])).text()
    for shown in ("Калина", "Пані Оля", "Пан Тарас", "+380 50 1", "Марія &lt;b&gt;", "No appointment is planned."):
        assert shown in page
    assert len(await entries(Tag.CLIENT_ADDED)) == 2
    assert "Калина" in await (await manager.get("/cases")).text()


async def test_it_changes_a_case_and_adds_a_client(signed_in: SignedIn, entries: Entries) -> None:
    manager = await signed_in(Role.CASE_MANAGER)
    path = await opened(manager)
    changed = {"alias": "Мальва", "language": "ru", "help_phone": "+380 44 1"}
    assert (await manager.post(f"{path}/change", changed)).status == 303
    assert (await manager.post(f"{path}/clients/new", {"client_alias": "Ліза", "client_language": "en"})).status == 303
    page = await (await manager.get(path)).text()
    assert "Мальва" in page
    assert "Ліза" in page
    assert (await entries(Tag.CASE_CHANGED))[0].details["changed"] == ["alias", "help_phone", "language"]
    assert (await manager.post(f"{path}/clients/new", {"client_alias": ""})).status == 422
    assert (await manager.post(f"{path}/change", {"alias": ""})).status == 422


async def test_it_manages_the_team_and_says_why_it_cannot(signed_in: SignedIn, entries: Entries) -> None:
    manager, lawyer = await signed_in(Role.CASE_MANAGER), await signed_in(Role.LAWYER, name="Юрій")
    path = await opened(manager)
    assert (await lawyer.get(path)).status == 403
    assert (await manager.post(f"{path}/team", {"account": lawyer.id})).status == 303
    assert (await lawyer.get(path)).status == 200
    assert (await lawyer.get(f"{path}/team")).status == 403
    again = await manager.post(f"{path}/team", {"account": lawyer.id})
    assert again.status == 422
    assert "on the team already" in await again.text()
    last = await manager.post(f"{path}/team/{manager.id}/remove")
    assert last.status == 422
    assert "Every case needs a case manager" in await last.text()
    assert (await manager.post(f"{path}/team/{UNKNOWN}/remove")).status == 422
    assert (await manager.post(f"{path}/team/{lawyer.id}/remove")).status == 303
    assert (await lawyer.get(path)).status == 403
    assert len(await entries(Tag.TEAM_LEFT)) == 1


async def test_it_closes_a_case_and_opens_it_again(signed_in: SignedIn) -> None:
    manager = await signed_in(Role.CASE_MANAGER)
    path = await opened(manager)
    assert (await manager.get(f"{path}/close")).status == 200
    assert (await manager.post(f"{path}/close")).status == 303
    assert (await manager.post(f"{path}/close")).status == 409
    assert (await manager.get(f"{path}/appointments/new")).status == 409
    assert "Калина" not in await (await manager.get("/cases")).text()
    assert "Калина" in await (await manager.get("/cases?closed=1")).text()
    assert (await manager.post(f"{path}/reopen")).status == 303
    assert "Калина" in await (await manager.get("/cases")).text()


async def test_it_records_everybody_who_reads_a_case_once(signed_in: SignedIn, entries: Entries) -> None:
    manager, supervisor = await signed_in(Role.CASE_MANAGER), await signed_in(Role.SUPERVISOR)
    path = await opened(manager)
    assert not await entries(Tag.CASE_READ)
    for _ in range(2):
        assert (await manager.get(path)).status == 200
        page = await supervisor.get(path)
        assert page.status == 200
        assert "Plan an appointment" not in await page.text()
    assert (await supervisor.get("/cases")).status == 200
    case = path.split("/")[-1]
    assert [(each.actor, each.case_id, each.details["purpose"]) for each in await entries(Tag.CASE_READ)] == [
        (f"account:{manager.id}", case, "read"),
        (f"account:{supervisor.id}", case, "read"),
        (f"account:{supervisor.id}", case, "listed"),
    ]


async def test_it_lists_a_case_for_its_interpreter_without_opening_it(signed_in: SignedIn, database: Database) -> None:
    manager, interpreter = await signed_in(Role.CASE_MANAGER), await signed_in(Role.INTERPRETER)
    path = await opened(manager)
    async with database.write() as session:
        case = await session.get_one(Case, path.split("/")[-1])
        await service.join_team(session, worker(manager), case, interpreter.id)
    page = await (await interpreter.get("/cases")).text()
    assert "Калина" in page
    assert f'href="{path}"' not in page
    assert (await interpreter.get(path)).status == 403


async def test_the_list_of_cases_is_walked_page_by_page(
    signed_in: SignedIn, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PAGE", 2)
    manager = await signed_in(Role.CASE_MANAGER)
    async with database.write() as session:
        for name in ("Первая", "Вторая", "Третья", "Четвёртая", "Пятая"):
            case = await open_case(session, worker(manager), alias=name)
            if name != "Пятая":
                await service.close(session, worker(manager), case)
    assert 'rel="next"' not in await (await manager.get("/cases")).text()
    page, seen = "/cases?closed=1", []
    while page:
        text = await (await manager.get(page)).text()
        seen.append(re.findall(r'<a class="govuk-link" href="/cases/\w{16}">(.*?)</a>', text))
        further = re.search(r'rel="next" href="([^"]+)"', text)
        page = html.unescape(further[1]) if further else ""
    assert seen == [["Третья", "Четвёртая"], ["Вторая", "Первая"]]
    assert "/cases?closed=1" in text, "the way back"
    for strange in ("after=x", "after=2027-01-01T00:00:00~1", "after=~", "after=9999-12-31T23:59:59-14:00~f"):
        assert (await manager.get(f"/cases?{strange}")).status == 200, strange
