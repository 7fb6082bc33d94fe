"""axe finds nothing on the pages of an administrator, an inspector, a supervisor, and of consent as staff write it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from server.supervision.draw import Month
from tests.browser.conftest import MakeChromiumPerson
from tests.browser.test_pages_accessible import Inspector
from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.walk import DESK, PHONE, sign_in

INSPECTOR, PASSWORD = "Ганна Перевірко", "чотири слова зовсім різні"


def day(ahead: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=ahead):%Y-%m-%d}"


async def look_at(inspector: Inspector, page: ChromiumPage, pages: Mapping[str, str]) -> None:
    for name, address in pages.items():
        await page.goto(address)
        await page.find("heading", name)
        await inspector.look(page, address)


async def test_pages_of_accounts_devices_and_of_an_inspector_are_accessible(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    inspector, case = Inspector(), demo.links["case_url"]
    administrator = await in_chromium("administrator", viewport=DESK)
    await sign_in(administrator, demo, "administrator")
    pages = {"Staff": f"{demo.url}/admin/accounts", "Devices": f"{demo.url}/admin/devices"}
    await look_at(inspector, administrator, pages)
    await administrator.goto(f"{demo.url}/admin/accounts/invite")
    await inspector.look(administrator, "invite somebody")
    await administrator.click("button", "Make the invitation link")
    await administrator.find("heading", "There is a problem")
    await inspector.look(administrator, "invite somebody, refused")
    await administrator.fill("Name", INSPECTOR)
    await administrator.fill("E-mail address", "inspector@example.org")
    await administrator.click("radio", "Inspector")
    await administrator.click("button", "Make the invitation link")
    await administrator.find("heading", "Link for")
    await inspector.look(administrator, "link for somebody")
    link = str(await administrator.evaluate("document.getElementById('link').value"))
    await administrator.goto(f"{demo.url}/admin/accounts")
    await administrator.click("link", INSPECTOR)
    await administrator.find("heading", INSPECTOR)
    await inspector.look(administrator, "one account")

    reader = await in_chromium("inspector", viewport=PHONE)
    await reader.goto(link)
    await reader.wait_for("document.querySelector('footer') !== null")
    if await reader.evaluate("document.documentElement.lang !== 'en'"):
        await reader.click("link", "English")
    await reader.find("heading", "Set your password")
    await inspector.look(reader, "set a password")
    await reader.click("button", "Set the password")
    await reader.find("heading", "There is a problem")
    await inspector.look(reader, "set a password, refused")
    await reader.fill("New password", PASSWORD)
    await reader.fill("The same password again", PASSWORD)
    await reader.click("button", "Set the password")
    await reader.fill("E-mail address", "inspector@example.org")
    await reader.fill("Password", PASSWORD)
    await reader.click("button", "Sign in")
    await reader.wait_for("location.pathname === '/inspection'")
    await reader.click("link", "English")  # an account has a language of its own
    await reader.find("button", "Sign out")
    await inspector.look(reader, "no case is named")

    supervisor = await in_chromium("supervisor", viewport=DESK)
    await sign_in(supervisor, demo, "supervisor")
    await supervisor.goto(f"{case}/inspectors")
    await inspector.look(supervisor, "inspectors of a case")
    await supervisor.click("button", "Name this case to the inspector")
    await supervisor.find("heading", "There is a problem")
    await inspector.look(supervisor, "inspectors of a case, refused")
    await supervisor.raw.get_by_label("Inspector", exact=True).select_option(INSPECTOR)
    await supervisor.fill("Last day", day(7))
    await supervisor.fill("On what ground", "Order No. 12 of this month")
    await supervisor.click("button", "Name this case to the inspector")
    await supervisor.see("The inspector can read this case from now on.")
    await supervisor.goto(f"{case}/inspectors")
    await inspector.look(supervisor, "inspectors of a case, one is named")

    for name, address in {
        "named cases": f"{demo.url}/inspection",
        "a case for reading": f"{case}/reading",
        "consents for reading": f"{case}/consents",
        "the pack": f"{case}/pack",
        "own devices": f"{demo.url}/devices",
    }.items():
        await reader.goto(address)
        await inspector.look(reader, name)
    assert not inspector.faults, str(inspector)


async def test_pages_of_a_supervisor_are_accessible(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    inspector = Inspector()
    supervisor = await in_chromium("supervisor", viewport=DESK)
    await sign_in(supervisor, demo, "supervisor")
    for name, address in {
        "session records": f"{demo.url}/sessions",
        "session records, none": f"{demo.url}/sessions?to=2020-01-01",
        "the ledger": f"{demo.url}/evidence",
        "check a file": f"{demo.url}/evidence/verify",
        "sight": f"{demo.url}/sight",
        "erasures": f"{demo.url}/erasures",
    }.items():
        await supervisor.goto(address)
        await inspector.look(supervisor, name)

    month = Month.of(datetime.now(UTC) - timedelta(days=7))
    samples = f"{demo.url}/supervision/samples?month={month}"
    await supervisor.goto(samples)
    await inspector.look(supervisor, "samples")
    if month == Month.of(datetime.now(UTC)):
        await supervisor.click("button", "Draw for this month so far")
        await supervisor.see("The draw is asked for.")
    while not await supervisor.count("link", "Session 1"):  # it is drawn with the next checkpoint
        await supervisor.goto(samples)
    await inspector.look(supervisor, "samples, drawn")
    await supervisor.raw.get_by_role("link", name="Session 1").first.click()
    await supervisor.find("heading", "Review of a session")
    await inspector.look(supervisor, "a sample")
    await supervisor.click("button", "Keep the review")
    await supervisor.find("heading", "There is a problem")
    await inspector.look(supervisor, "a sample, refused")
    assert not inspector.faults, str(inspector)


async def test_pages_of_consent_as_staff_write_it_are_accessible(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    inspector, case = Inspector(), demo.links["case_url"]
    manager = await in_chromium("case manager", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    await manager.goto(f"{case}/consents")
    await manager.click("link", "Write down an answer")
    await inspector.look(manager, "write down an answer")
    await manager.click("button", "Write it down")
    await manager.find("heading", "There is a problem")
    await inspector.look(manager, "write down an answer, refused")
    await manager.click("radio", "Yes", exact=True)
    await manager.click("radio", "At a home visit")
    await manager.click("checkbox", "The whole text was read")
    await manager.fill("Who was there", "Olha, the neighbour")
    await manager.click("button", "Write it down")
    await manager.find("heading", "Consent")
    await manager.click("link", "video conversation", exact=True)
    await manager.find("heading", "What was told")
    await inspector.look(manager, "one record of consent")
    await manager.goto(f"{case}/consents")
    await manager.click("link", "Add a representative")
    await inspector.look(manager, "a representative")
    await manager.click("button", "Save")
    await manager.find("heading", "There is a problem")
    await inspector.look(manager, "a representative, refused")
    await manager.goto(f"{case}/contacts/new")
    await inspector.look(manager, "a visit or a phone call")
    await manager.click("button", "Enter")
    await manager.find("heading", "There is a problem")
    await inspector.look(manager, "a visit or a phone call, refused")
    await manager.goto(case)
    await manager.click("link", "Session record")
    await manager.find("heading", "Session record")
    await manager.goto(f"{(await manager.url()).partition('?')[0]}/print")
    await inspector.look(manager, "a record to print")
    await manager.goto(f"{demo.url}/devices")
    await manager.see("This browser is certified. Its code:")
    await inspector.look(manager, "own devices, certified")

    specialist = await in_chromium("psychologist", viewport=PHONE)
    await sign_in(specialist, demo, "psychologist")
    await manager.goto(f"{case}/consents")
    await manager.click("link", "video conversation", exact=True)
    await manager.raw.get_by_text("The person does not agree any more").click()
    await manager.click("button", "Take it back")
    await manager.see("It is taken back")
    await specialist.goto(f"{case}/consents")
    await specialist.see("What it was about is known to whoever leads the case")
    await inspector.look(specialist, "consents, a no is not told")
    await manager.goto(f"{case}/suitability")
    await manager.fill("What do you know?", "He reads her messages.")
    await manager.click("button", "Stop video on this case")
    await manager.click("button", "Set who and when")
    await manager.see("only a meeting in person can be planned")
    await inspector.look(manager, "a way while somebody may be in danger")
    await manager.goto(f"{case}/consents")
    await manager.click("link", "The person's own page")
    await manager.see("stays closed")
    await inspector.look(manager, "the own page while somebody may be in danger")
    assert not inspector.faults, str(inspector)
