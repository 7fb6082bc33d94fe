"""Passwords: argon2id in a thread, one timing for everybody, and which ones are good enough."""

from __future__ import annotations

import asyncio
import unicodedata
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from server.i18n import N_

MIN_LENGTH = 12
MAX_LENGTH = 128

# RFC 9106 §4, second recommendation: 64 MiB, three passes, four lanes.
_HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4, type=Type.ID)

# Each takes 64 MiB; more at a time would let strangers fill the memory.
_AT_ONCE = 4


class Passwords:
    """Hashes and checks, a few at a time."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def hash(self, password: str) -> str:
        """The encoded hash to keep."""
        async with self._turn:
            return await asyncio.to_thread(_HASHER.hash, _normal(password))

    async def matches(self, password: str, encoded: str | None) -> bool:
        """Whether the password is right. Without a hash it takes as long, and is wrong."""
        async with self._turn:
            return await asyncio.to_thread(_matches, _normal(password), encoded)


def outdated(encoded: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _HASHER.check_needs_rehash(encoded)


def weakness(password: str, *, email: str, name: str) -> str | None:
    """Why a new password is refused (marked for translation), or None when it is good enough."""
    folded = _normal(password).casefold()
    if len(password) < MIN_LENGTH:
        return N_("Use at least 12 characters. Four words that do not belong together are good.")
    if len(password) > MAX_LENGTH:
        return N_("Use at most 128 characters.")
    if len(set(folded)) < 5:
        return N_("This password repeats too few characters.")
    own = {email.casefold(), email.partition("@")[0].casefold(), name.casefold(), "poruch"}
    rest = folded
    for word in sorted(own, key=len, reverse=True):
        rest = rest.replace(word, "") if len(word) > 2 else rest
    if len(rest) < MIN_LENGTH // 2:
        return N_("This password is too close to your name or e-mail address.")
    return None


@lru_cache(maxsize=1)
def _nobody() -> str:
    """A hash that no password matches, so that an unknown account costs the same time as a known one."""
    return _HASHER.hash("nobody has this password")


def _matches(password: str, encoded: str | None) -> bool:
    try:
        _HASHER.verify(encoded or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return encoded is not None


def _normal(password: str) -> str:
    """The same password from every keyboard (NIST SP 800-63B §5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
