"""Words for the product's enums, as people read them."""

from __future__ import annotations

from consent.policy import Role
from server.i18n import N_, Translator

ROLES: dict[Role, str] = {
    Role.CASE_MANAGER: N_("Case manager"),
    Role.SOCIAL_WORKER: N_("Social worker"),
    Role.PSYCHOLOGIST: N_("Psychologist"),
    Role.LAWYER: N_("Lawyer"),
    Role.REHABILITATION: N_("Rehabilitation specialist"),
    Role.INTERPRETER: N_("Interpreter"),
    Role.AGENCY_GUEST: N_("Guest of another agency"),
    Role.SUPERVISOR: N_("Supervisor"),
    Role.ADMINISTRATOR: N_("Administrator"),
    Role.CLIENT: N_("Client"),
    Role.REPRESENTATIVE: N_("Representative"),
    Role.HELPER: N_("Helper"),
}


def role_name(role: Role | str, _: Translator) -> str:
    """What a role is called, in the translator's language."""
    return _(ROLES[Role(role)])
