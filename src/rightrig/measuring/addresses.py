"""What somebody names as an address of HTTP: checked once, wherever it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from rightrig.errors import InputError

PORTS: Final = {"http": 80, "https": 443}
_LONGEST_URL: Final = 2048
_MOST_SHOWN: Final = 100
LEAVE_IT_OUT: Final = "leave it out, for it is asked without one"


@dataclass(frozen=True, slots=True)
class Address:
    """A checked address.

    Attributes:
        shown: As it was given, cut where it is long.
        path: Without a slash at its end; empty for the root.
        query: As it was given, without its mark.
        has_fragment: Whether something stands behind ``#``, which no server sees.
    """

    shown: str
    host: str
    port: int
    is_tls: bool
    path: str = ""
    query: str = ""
    has_fragment: bool = False


def address_in(
    url: str, *, option: str = "", example: str = "http://localhost:8000",
    password_remedy: str = LEAVE_IT_OUT,
) -> Address:  # fmt: skip
    """Return the parts of an address.

    Args:
        url: As it was given.
        option: Where it was given; told in messages.
        example: Of an address that would do.
        password_remedy: What to do about one that holds a name or password.

    Raises:
        InputError: for an address that is none, of another scheme, or with a password in it.

    >>> address_in("https://host/prometheus/").path
    '/prometheus'
    """
    shown = f"{url[: _MOST_SHOWN - 3]}..." if len(url) > _MOST_SHOWN else url
    what = f"{option} {shown!r}".lstrip()
    remedy = f"give one such as {example}"
    if len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise InputError(f"{what} is no address: {remedy}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InputError(f"{what} is no address ({error}): {remedy}") from error
    if parts.username is not None or parts.password is not None:
        # Not shown: it would stand in a log.
        where = option or "the address"
        raise InputError(f"{where} holds a name or password: {password_remedy}")
    if parts.scheme not in PORTS or not parts.hostname:
        raise InputError(f"{what} is no address of http or https: {remedy}")
    return Address(
        shown=shown,
        host=parts.hostname,
        port=PORTS[parts.scheme] if port is None else port,
        is_tls=parts.scheme == "https",
        path=parts.path.rstrip("/"),
        query=parts.query,
        has_fragment=bool(parts.fragment),
    )
