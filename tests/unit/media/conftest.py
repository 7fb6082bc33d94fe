"""What several tests of the engine share."""

from __future__ import annotations

import pytest

from tests.support.routed import Room


@pytest.fixture(params=[True, False], ids=["side-by-side", "one-by-one"])
def room(request: pytest.FixtureRequest) -> Room:
    return Room(direct=request.param)
