"""One server for all tests that ask the API: its workers load the program once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from web_server import serving

from rightrig.web.site import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def api_server() -> Iterator[str]:
    """Return the address of a server with two workers, without a slash at its end."""
    with serving(Settings(workers_count=2, most_time_s=20.0, warms=False)) as url:
        yield url
