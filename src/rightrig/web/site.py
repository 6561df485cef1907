"""What all requests of a server share: its catalogue, what it allows, its workers, what is kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import rightrig
from rightrig.web.shelf import Kept
from rightrig.web.workers import Workers

if TYPE_CHECKING:
    from fastapi import Request

    from rightrig.facts.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Settings:
    """What whoever starts a server decides.

    Attributes:
        token: What a request must carry to write; ``None``: nothing is written.
        measured: A folder of tables of measured runs that pages show and a token lets add to.
        allowed_hosts: Names by which the server may be asked, beside those of this machine alone.
        most_body_bytes: Of a request.
        most_time_s: That an answer may take, and that a request may take to arrive.
        workers_count: Processes that answer the verbs; each answers one at a time.
        most_waiting_count: Requests that may wait for a worker.
        most_memory_bytes: Of one worker.
        caches: Whether pages and answers are kept and sent again.
        warms: Whether it gets ready for the usual questions before anybody asks one: workers
            start, and usual rigs are worked out. Without it the first questions wait longer.
    """

    token: str | None = None
    measured: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
    most_body_bytes: int = 1_000_000
    most_time_s: float = 60.0
    workers_count: int = 2
    most_waiting_count: int = 32
    most_memory_bytes: int = 4 * 2**30
    caches: bool = True
    warms: bool = True


@dataclass(frozen=True, slots=True)
class Site:
    """A running server.

    Attributes:
        catalog: Whose records answer; read when the server starts.
        settings: What is allowed.
        workers: The processes that answer verbs.
        kept: Answers that are sent again.
        fingerprint: Of the program, its records and the prices: what answers depend on beside
            the question and the day.
    """

    catalog: Catalog
    settings: Settings
    workers: Workers
    kept: Kept
    fingerprint: str


def opened(catalog: Catalog, settings: Settings) -> Site:
    """Return the site of a catalogue; its workers start when the first question comes."""
    workers = Workers(
        catalog, workers_count=settings.workers_count, most_time_s=settings.most_time_s,
        most_waiting_count=settings.most_waiting_count,
        most_memory_bytes=settings.most_memory_bytes,
    )  # fmt: skip
    return Site(catalog, settings, workers, Kept(), fingerprint_of(catalog))


def fingerprint_of(catalog: Catalog) -> str:
    """Return a digest of what answers depend on: every file of the package, records, prices."""
    home = Path(rightrig.__file__).parent
    digest = hashlib.sha256(rightrig.__version__.encode())
    for path in sorted(home.rglob("*.*")):
        if path.suffix != ".pyc":
            state = path.stat()
            digest.update(f"{path}:{state.st_mtime_ns}:{state.st_size}\n".encode())
    digest.update(repr((catalog.layers, catalog.prices())).encode())
    return digest.hexdigest()


_NAME: Final = "site"


def keep(app_state: object, site: Site) -> None:
    """Keep the site where requests find it."""
    setattr(app_state, _NAME, site)


def site_of(request: Request) -> Site:
    """Return the site that a request came to (a dependency of routes)."""
    found: Site = getattr(request.app.state, _NAME)
    return found
