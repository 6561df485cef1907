"""A real server on a free port, in a thread of the test."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import uvicorn

from rightrig.facts.catalog import shipped
from rightrig.web.app import created
from rightrig.web.serving import Place, bound, configured
from rightrig.web.site import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI


COLD: Final = Settings(workers_count=1, warms=False)
"""Getting ready for the usual questions takes ten seconds, which no test has to spare."""


@contextmanager
def serving(settings: Settings = COLD, app: FastAPI | None = None) -> Iterator[str]:
    """Yield the address of a server, without a slash at its end."""
    listening = bound(Place(port=0))
    config = configured(app or created(shipped(), settings))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    ends_s = time.monotonic() + 20.0
    while not server.started and time.monotonic() < ends_s:
        time.sleep(0.005)
    assert server.started
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10.0)
        listening.close()
