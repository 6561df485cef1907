"""A client with types: the verbs themselves, answered here or by a server.

>>> import rightrig
>>> from rightrig.verbs.risk_fleet import spares
>>> found = rightrig.ask(spares, gpus=1000, lead_time="30d", target="99.9%", afr="9%")
>>> found["spares_count"]
17

Where the variable ``RIGHTRIG_URL`` names a server (``http://localhost:8000``), it is asked;
otherwise this machine computes, with the user's own records and prices. What comes back is the
same, and a type checker knows its names from the verb.
"""

from __future__ import annotations

import functools
import http.client
import inspect
import json
import os
import re
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar, cast
from urllib.parse import urlsplit

from rightrig.errors import InputError, MissingError, RightrigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rightrig.facts.catalog import Catalog
    from rightrig.verbs.found import Found

P = ParamSpec("P")
T = TypeVar("T", bound="Mapping[str, object]")
URL: Final = "RIGHTRIG_URL"
MOST_BYTES: Final = 64 * 2**20
"""Of an answer; a server sends no larger ones."""
LONGEST_WAIT_S: Final = 120.0
_MOST_FILE_BYTES: Final = 1_000_000
_LONGEST_NAME: Final = 80
_WRONG_INPUT: Final = frozenset({400, 404, 408, 413, 422})


def ask(verb: Callable[Concatenate[Catalog, P], Found[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return the JSON of a verb's answer.

    Args:
        verb: One of ``rightrig.verbs``, such as ``rightrig.verbs.fit.fit``.
        args: Its words.
        kwargs: The same by name.

    Raises:
        InputError: for wrong input.
        MissingError: when this machine or the server lacks something, or does not answer.
    """
    url = os.environ.get(URL, "").strip()
    if url:
        return cast("T", _asked(url, verb, args, kwargs))
    from rightrig.verbs.told import whole_json  # noqa: PLC0415 - importing rightrig costs nothing

    return cast("T", whole_json(verb(_catalog(), *args, **kwargs)))


@functools.cache
def _catalog() -> Catalog:
    """Return the catalogue of this machine, read once."""
    from rightrig.verbs.catalogs import own_catalog  # noqa: PLC0415 - the same

    return own_catalog()


def _asked(
    url: str, verb: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> object:
    """Ask a server."""
    from rightrig.verbs.table import VERBS  # noqa: PLC0415 - the same

    words = next((one.words for one in VERBS if one.answer is verb), None)
    if words is None:
        raise InputError(f"{verb!r} is no verb of rightrig.verbs that a server answers")
    given = inspect.signature(verb).bind(None, *args, **kwargs).arguments
    body = json.dumps(_sendable(dict(list(given.items())[1:]))).encode()
    target = f"{_checked(url)}/api/v1/{'/'.join(words)}"
    request = urllib.request.Request(  # noqa: S310 - the scheme is checked
        target, body, {"Content-Type": "application/json", "Accept": "application/json"}
    )
    try:
        return _answer(request, target)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, socket.timeout):
            reason = f"no answer within {LONGEST_WAIT_S:g} s"
        raise MissingError(
            f"{URL} names {url[:80]}, which does not answer ({reason}): start one with "
            "'rightrig serve', or unset it"
        ) from None


def _answer(request: urllib.request.Request, target: str) -> object:
    """Return what a server answers.

    Raises:
        RightrigError: which the server's problem stands for.
        OSError, http.client.HTTPException, ValueError: where no answer comes that HTTP allows.
    """
    try:
        with urllib.request.urlopen(request, timeout=LONGEST_WAIT_S) as answer:  # noqa: S310
            return _json(answer.read(MOST_BYTES + 1), target)
    except urllib.error.HTTPError as error:
        with error:
            raise _refused(error.code, error.read(MOST_BYTES), target) from None


def _checked(url: str) -> str:
    """Return the address of a server without a slash at its end."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in {"http", "https"} and bool(parts.netloc)
    except ValueError:  # half an address of IPv6
        is_address = False
    if not is_address:
        raise InputError(f"{URL} is {url[:80]!r}: give an address such as http://localhost:8000")
    return url.rstrip("/")


def _sendable(given: Mapping[str, object]) -> dict[str, Any]:
    """Return words as a server takes them: files by their content, nothing that writes here."""
    from rightrig.verbs.table import FILES, LOCAL  # noqa: PLC0415 - the same

    local = next((name for name in given if name in LOCAL and given[name]), None)
    if local is not None:
        raise InputError(f"{local} is of the machine that computes: unset {URL} to ask here")
    sent: dict[str, Any] = {}
    for name, value in given.items():
        if name in FILES and isinstance(value, str):
            sent[name] = {"name": _file_name(value), "text": _text(value)}
        elif isinstance(value, str) and name in {"model", "name"} and value.endswith(".json"):
            sent[name] = {"config": _json(_text(value).encode(), value)}
        elif name not in LOCAL:
            sent[name] = list(value) if isinstance(value, tuple) else value
    return sent


def _file_name(path: str) -> str:
    """Return the name of a file as a server takes it; its ending may say what the file is."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", Path(path).name)[-_LONGEST_NAME:].lstrip(".") or "file"


def _text(path: str) -> str:
    """Return the content of a file to send."""
    from rightrig.facts.reading import read_bounded  # noqa: PLC0415 - the same

    own = Path(os.path.expanduser(path))  # noqa: PTH111 - never raises for a user who is not here
    content = read_bounded(own, "file to send", _MOST_FILE_BYTES)
    return content.decode("utf-8", "replace")


def _json(content: bytes, what: str) -> object:
    """Return the JSON of a text that is not too large."""
    if len(content) > MOST_BYTES:
        raise InputError(f"{what[:120]}: more than {MOST_BYTES // 2**20} MiB")
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise InputError(f"{what[:120]}: is no JSON; does {URL} name a rightrig server?") from None


def _refused(status: int, content: bytes, target: str) -> RightrigError:
    """Return the error that a server's problem stands for."""
    try:
        told = json.loads(content)["detail"]
    except (ValueError, KeyError, TypeError, RecursionError):
        told = f"{target[:120]} answers with status {status} and no reason"
    kind = InputError if status in _WRONG_INPUT else MissingError
    return kind(str(told)[:1000])
