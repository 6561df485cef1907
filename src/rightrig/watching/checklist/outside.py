"""What somebody names as an address, and what it answers (:mod:`rightrig.watching.asking`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.measuring.addresses import address_in
from rightrig.watching import asking

if TYPE_CHECKING:
    from rightrig.measuring.addresses import Address
    from rightrig.watching.asking import Reply

DEADLINE_S: Final = 5.0
MOST_BYTES: Final = 16_000_000


def address_of(option: str, url: str) -> Address:
    """Return an address that may be read.

    Args:
        option: What messages call it.
        url: As it was given.

    Raises:
        InputError: for no address of http or https, or one that holds a password or a query.

    >>> address_of("--prometheus", "http://localhost:9090/prometheus/").path
    '/prometheus'
    """
    example = "https://host/prometheus" if "prom" in option else "http://host"
    address = address_in(url, option=option, example=example)
    if address.query or address.has_fragment:
        raise InputError(f"{option} {address.shown!r} asks for something: give {example} alone")
    return address


def read(address: Address, path: str, deadline_s: float = DEADLINE_S) -> Reply:
    """Return what an address answers at a path below its own; never raises for a server's fault.

    Args:
        address: Whose.
        path: Begins with a slash; may have a query.
        deadline_s: For everything, names and handshakes too.
    """
    return asking.read(address, f"{address.path}{path}", deadline_s, MOST_BYTES)
