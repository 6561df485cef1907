"""What somebody names as an address, and what it answers (:mod:`rightrig.watching.asking`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from rightrig.errors import InputError
from rightrig.facts.reading import plain
from rightrig.watching import asking

if TYPE_CHECKING:
    from rightrig.watching.asking import Reply

DEADLINE_S: Final = 5.0
MOST_BYTES: Final = 16_000_000
_LONGEST_URL: Final = 2000
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """A checked address.

    Attributes:
        base: Path without a slash at its end; empty for the root.
    """

    shown: str
    host: str
    port: int
    is_tls: bool
    base: str


def address_of(option: str, url: str) -> Address:
    """Return an address that may be read.

    Args:
        option: What messages call it.
        url: As it was given.

    Raises:
        InputError: for no address of http or https, or one that holds a password or a query.

    >>> address_of("--prometheus", "http://localhost:9090/prometheus/").base
    '/prometheus'
    """
    shown = plain(url, 100)
    example = f"give one such as {'https://host/prometheus' if 'prom' in option else 'http://host'}"
    if len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise InputError(f"{option} is {shown!r}, which is no address: {example}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InputError(f"{option} is {shown!r}, which is no address ({error})") from error
    if parts.username is not None or parts.password is not None:
        raise InputError(f"{option} holds a name or password: leave it out")
    if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment:
        raise InputError(f"{option} is {shown!r}, which is no address of http: {example}")
    base = parts.path.rstrip("/")
    return Address(
        shown, parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "https", base
    )


def read(address: Address, path: str, deadline_s: float = DEADLINE_S) -> Reply:
    """Return what an address answers at a path below its own; never raises for a server's fault.

    Args:
        address: Whose.
        path: Begins with a slash; may have a query.
        deadline_s: For everything, names and handshakes too.
    """
    server = asking.Server(address.host, address.port, address.is_tls)
    return asking.read(server, f"{address.base}{path}", deadline_s, MOST_BYTES)
