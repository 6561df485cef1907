"""One real engine for all tests of this folder that a worker runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from real_engine import real_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from real_engine import RealEngine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests of the engine on one worker: it is started once, and two would share its cores."""
    for item in items:
        if item.path.parent.name == "engine":
            item.add_marker(pytest.mark.xdist_group("engine"))


@pytest.fixture(scope="session")
def engine() -> Iterator[RealEngine]:
    """Yield an engine with room for many sequences at once."""
    with real_engine() as running:
        yield running
