"""Words for what cases and meetings are made of: one label for each role, to be translated where it is shown."""

from __future__ import annotations

from collections.abc import Mapping

from consent.policy import Role
from server.i18n import N_

ROLES: Mapping[Role, str] = {
    Role.CASE_MANAGER: N_("case manager"),
    Role.SOCIAL_WORKER: N_("social worker"),
    Role.PSYCHOLOGIST: N_("psychologist"),
    Role.LAWYER: N_("lawyer"),
    Role.REHABILITATION: N_("rehabilitation specialist"),
    Role.INTERPRETER: N_("interpreter"),
    Role.AGENCY_GUEST: N_("guest from another service"),
    Role.INSPECTOR: N_("inspector"),
    Role.SUPERVISOR: N_("supervisor"),
    Role.ADMINISTRATOR: N_("administrator"),
    Role.CLIENT: N_("client"),
    Role.REPRESENTATIVE: N_("representative"),
    Role.HELPER: N_("helper"),
}


def role_label(role: str) -> str:
    """The untranslated label of a role: in templates ``_(role_label(member.role))``."""
    return ROLES[Role(role)]
