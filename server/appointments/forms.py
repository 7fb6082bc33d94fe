"""What is typed about appointments: when, who, and whom to phone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from consent.policy import Role
from server.appointments import times
from server.appointments.seats import GUEST_ROLES, NewSeat
from server.appointments.service import DURATIONS_MIN, START_GRACE, When
from server.cases.forms import read_phone
from server.cases.service import Member
from server.cases.tables import ALIAS_LENGTH, Case, CaseClient
from server.http.forms import Form
from server.i18n import Translator

PURPOSE_LENGTH = 300
GUEST_ROWS = 2
DAYS_AHEAD = 730
_HALF_HOUR = timedelta(minutes=30)


@dataclass(frozen=True)
class PlanFields:
    """An appointment as written in a form."""

    when: When
    help_phone: str
    purpose: str
    people: list[NewSeat]


def first_values(now: datetime, zone: str, help_phone: str, **more: str) -> dict[str, str]:
    """What the form suggests: today, the next half hour, the reader's zone, the usual number."""
    local = now.astimezone(ZoneInfo(zone))
    step = local.replace(minute=30 * (local.minute // 30), second=0, microsecond=0) + _HALF_HOUR
    return {
        "date": step.date().isoformat(),
        "time": f"{step:%H:%M}",
        "duration": "45",
        "time_zone": zone,
        "help_phone": help_phone,
    } | more


def when_values(when: When) -> dict[str, str]:
    """The form's fields for a time that is already planned."""
    local = when.starts_at.astimezone(ZoneInfo(when.time_zone))
    return {
        "date": local.date().isoformat(),
        "time": f"{local:%H:%M}",
        "duration": str(when.duration_min),
        "time_zone": when.time_zone,
    }


def read_when(form: Form, _: Translator, now: datetime) -> When | None:
    """Day, time, duration and zone as one moment, or None after noting what is wrong."""
    day = form.date("date", _("Choose the day of the appointment."))
    clock = form.time("time", _("Write the time like 14:30."))
    duration_min = form.choice("duration", DURATIONS_MIN, _("Choose how long the appointment will take."))
    zone = form.choice("time_zone", times.zones(), _("Choose a time zone from the list."))
    if day is None or clock is None or duration_min is None or zone is None:
        return None
    which = form.value("which")
    try:
        starts_at = times.moment(day, clock, zone, "first" if which == "first" else "second" if which else None)
    except times.LocalTimeError as error:
        if error.code == "time_nonexistent":
            form.fail("time", _("This time does not exist: the clocks go forward that night. Choose an hour later."))
        else:
            form.fail("which", _("The clocks go back that night, so this time comes twice. Choose which one you mean."))
        return None
    except (OverflowError, ValueError):
        form.fail("date", _("Choose the day of the appointment."))
        return None
    if starts_at < now - START_GRACE:
        form.fail("date", _("This time is already over. Choose a time from now on."))
        return None
    if starts_at > now + timedelta(days=DAYS_AHEAD):
        form.fail("date", _("This day is more than two years ahead. Please check the year."))
        return None
    return When(starts_at, duration_min, zone)


def read_plan(
    form: Form,
    _: Translator,
    now: datetime,
    case: Case,
    *,
    team: Sequence[Member],
    clients: Sequence[CaseClient],
    guest_language: str,
) -> PlanFields | None:
    """A whole appointment, or None after noting what is wrong."""
    when = read_when(form, _, now)
    help_phone = read_phone(
        form, _, "help_phone", _("Write a phone number that people can call when something does not work.")
    )
    purpose = form.text(
        "purpose",
        max_length=PURPOSE_LENGTH,
        too_long=_("This is too long. Use at most %(count)d characters.") % {"count": PURPOSE_LENGTH},
    )
    people = read_people(form, _, case, team=team, clients=clients, guest_language=guest_language)
    if not any(person.role is Role.CLIENT for person in people):
        form.fail("client", _("Choose at least one client who takes part."))
    if when is None or help_phone is None or not form.ok:
        return None
    return PlanFields(when, help_phone, purpose, people)


def read_people(
    form: Form,
    _: Translator,
    case: Case,
    *,
    team: Sequence[Member],
    clients: Sequence[CaseClient],
    guest_language: str,
) -> list[NewSeat]:
    """Those who are ticked (whoever is not offered counts for nothing), and the guests whose names are written."""
    chosen_team = form.choices("team", [member.account_id for member in team])
    chosen_clients = form.choices("client", [client.id for client in clients])
    people = [
        NewSeat(member.role, member.name, member.language, account_id=member.account_id)
        for member in team
        if member.account_id in chosen_team
    ]
    people += [
        NewSeat(Role.CLIENT, client.alias, client.language, client_id=client.id)
        for client in clients
        if client.id in chosen_clients
    ]
    for row in range(1, GUEST_ROWS + 1):
        name_field, role_field = f"guest_name{row}", f"guest_role{row}"
        if not form.value(name_field).strip() and not form.value(role_field):
            continue
        name = form.text(
            name_field,
            _("Write the guest's name as the others should see it."),
            max_length=ALIAS_LENGTH,
            too_long=_("The name is too long. Use at most %(count)d characters.") % {"count": ALIAS_LENGTH},
        )
        role = form.choice(role_field, GUEST_ROLES, _("Choose as whom the guest comes."))
        if name and role is not None:
            # Those who come with the client read the client's language; colleagues read the planner's.
            beside_client = role in {Role.HELPER, Role.REPRESENTATIVE}
            people.append(NewSeat(role, name, case.language if beside_client else guest_language))
    return people
