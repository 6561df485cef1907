"""One server for all tests that ask the API: its workers load the program once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from web_server import serving

from rightrig.web.site import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_WAIT_S: Final = 120.0


@pytest.fixture(scope="session")
def api_server() -> Iterator[str]:
    """Return the address of a server with two workers, without a slash at its end.

    Where no place keeps the compiled simulator, each worker compiles it when it is first asked.
    """
    settings = Settings(workers_count=2, most_time_s=LONGEST_WAIT_S, warms=False)
    with serving(settings) as url:
        yield url
