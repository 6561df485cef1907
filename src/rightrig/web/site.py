"""What all requests of a server share: its catalogue, and what it allows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi import Request

    from rightrig.facts.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Settings:
    """What whoever starts a server decides.

    Attributes:
        token: What a request must carry to write; ``None``: nothing is written.
        measured: A folder of tables of measured runs that pages show and a token lets add to.
        most_body_bytes: Of a request.
        most_time_s: That an answer may take.
        workers_count: Processes that answer the verbs; each answers one at a time.
        most_waiting_count: Requests that may wait for a worker.
        caches: Whether pages and answers are kept and sent again.
    """

    token: str | None = None
    measured: Path | None = None
    most_body_bytes: int = 1_000_000
    most_time_s: float = 60.0
    workers_count: int = 2
    most_waiting_count: int = 32
    caches: bool = True


@dataclass(frozen=True, slots=True)
class Site:
    """A running server.

    Attributes:
        catalog: Whose records answer; read when the server starts.
    """

    catalog: Catalog
    settings: Settings = field(default_factory=Settings)


_NAME: Final = "site"


def keep(app_state: object, site: Site) -> None:
    """Keep the site where requests find it."""
    setattr(app_state, _NAME, site)


def site_of(request: Request) -> Site:
    """Return the site that a request came to (a dependency of routes)."""
    found: Site = getattr(request.app.state, _NAME)
    return found
