"""Which server is asked, and how a request to it reads."""

from __future__ import annotations

import json
import math
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from rightrig.errors import InputError, MissingError
from rightrig.measuring.addresses import PORTS, address_in
from rightrig.quantities import check_positive

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Api = Literal["chat", "completions"]
PATHS: Final[dict[Api, str]] = {"chat": "/chat/completions", "completions": "/completions"}
_KEY_REMEDY: Final = "leave it out and name the variable of the environment that holds the key"
_LONGEST_TIMEOUT_S: Final = 86_400.0
_OURS: Final = frozenset(
    ("host", "content-length", "content-type", "transfer-encoding", "accept-encoding", "connection")
)


@dataclass(frozen=True, slots=True)
class Target:
    """An OpenAI-compatible server.

    Attributes:
        url: As it was given: ``http://host:port``, with ``/v1`` or another path where the API
            lies elsewhere, or the whole address of the endpoint.
        name: The model's name there.
        api: ``chat`` or ``completions``.
        headers: Further headers, such as ``Authorization``; never shown.
        extra_body: Further members of each request's JSON.
        timeout_s: From dispatch to the end of the answer.
        connect_timeout_s: For making a connection.
        fixes_length: Asks for answers of exactly the wanted length (``ignore_eos`` and
            ``min_tokens``, which vLLM, SGLang and others know and OpenAI does not).
        asks_usage: Asks for the server's own counts (``stream_options``); a server that refuses
            is asked again without.
        ca_file: Certificates to trust instead of the system's.
    """

    url: str
    name: str
    api: Api = "chat"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    extra_body: Mapping[str, object] = field(default_factory=dict)
    timeout_s: float = 600.0
    connect_timeout_s: float = 10.0
    fixes_length: bool = True
    asks_usage: bool = True
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        """Refuse an address or header that cannot be sent."""
        endpoint_of(self.url, self.api)
        check_positive(self.timeout_s, name="the time-out", limit=_LONGEST_TIMEOUT_S)
        check_positive(self.connect_timeout_s, name="the time to connect", limit=_LONGEST_TIMEOUT_S)
        for name, value in self.headers.items():
            _check_header(name, value)
        try:
            json.dumps(dict(self.extra_body), allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError(f"the further members of a request are no JSON: {error}") from error


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go.

    Attributes:
        path: With the query, if any; as it stands in the first line of a request.
        base_path: Of the API, such as ``/v1``; its models lie below it.
    """

    host: str
    port: int
    path: str
    base_path: str
    is_tls: bool

    @property
    def host_header(self) -> str:
        """The host as HTTP names it: without the usual port, and IPv6 in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = PORTS["https" if self.is_tls else "http"]
        return host if self.port == usual else f"{host}:{self.port}"


def endpoint_of(url: str, api: Api) -> Endpoint:
    """Return where requests to an address go.

    Raises:
        InputError: for an address that is none, of another scheme, or with a password in it.

    >>> endpoint_of("http://localhost:8000", "chat").path
    '/v1/chat/completions'
    >>> endpoint_of("https://host/openai/v1/", "completions").path
    '/openai/v1/completions'
    """
    address = address_in(url, password_remedy=_KEY_REMEDY)
    base = _base_path(address.path)
    query = f"?{address.query}" if address.query else ""
    return Endpoint(
        host=address.host,
        port=address.port,
        path=f"{base}{PATHS[api]}{query}",
        base_path=base,
        is_tls=address.is_tls,
    )


def _base_path(path: str) -> str:
    """Return the path of the API below which its endpoints lie."""
    base = path.rstrip("/")
    for ending in PATHS.values():
        if base.endswith(ending):
            return base.removesuffix(ending)
    return base or "/v1"


def _check_header(name: str, value: str) -> None:
    is_word = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    if not is_word or not value.isascii() or not value.isprintable():
        raise InputError(f"the header {name!r} is none: use letters, and a value on one line")
    if name.lower() in _OURS:
        raise InputError(f"the header {name!r} is set by rightrig: leave it out")


def head_of(target: Target) -> bytes:
    """Return the head of every request up to its length, which the caller appends."""
    endpoint = endpoint_of(target.url, target.api)
    lines = _head_lines(target, f"POST {endpoint.path}", "text/event-stream")
    lines += ["Content-Type: application/json", "Content-Length: "]
    return "\r\n".join(lines).encode("ascii")


def request_for_models(target: Target) -> bytes:
    """Return the request for the names of the models that a server has."""
    endpoint = endpoint_of(target.url, target.api)
    lines = _head_lines(target, f"GET {endpoint.base_path}/models", "application/json")
    return "\r\n".join([*lines, "\r\n"]).encode("ascii")


def _head_lines(target: Target, what: str, accepts: str) -> list[str]:
    """Return the lines with which every head begins."""
    return [
        f"{what} HTTP/1.1",
        f"Host: {endpoint_of(target.url, target.api).host_header}",
        "User-Agent: rightrig",
        f"Accept: {accepts}",
        # Unpacking would cost time that looks like the server's, and memory without bound.
        "Accept-Encoding: identity",
        *(f"{name}: {value}" for name, value in target.headers.items()),
    ]


def body_of(target: Target, asked: Mapping[str, object], output_tokens: int) -> dict[str, object]:
    """Return the JSON of one request.

    Args:
        target: The server.
        asked: ``messages`` or ``prompt``.
        output_tokens: The length wanted; the answer's end may come before it where the target
            does not fix lengths.
    """
    body: dict[str, object] = {"model": target.name, **asked, "stream": True}
    body["max_tokens"] = output_tokens
    if target.fixes_length:
        body |= {"ignore_eos": True, "min_tokens": output_tokens}
    if target.asks_usage:
        body["stream_options"] = {"include_usage": True}
    return body | dict(target.extra_body)


def trust_of(target: Target) -> ssl.SSLContext | None:
    """Return what to trust; ``None`` without encryption."""
    if not endpoint_of(target.url, target.api).is_tls:
        return None
    try:
        return ssl.create_default_context(cafile=target.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise MissingError(
            f"{target.ca_file or 'the system'} holds no certificates that can be read ({error}); "
            "name a file of them in PEM"
        ) from error


def retry_after_s(text: str, most_s: float) -> float:
    """Return the seconds of a Retry-After header, at most ``most_s``; 0 for a date or nonsense.

    >>> retry_after_s("2", 60.0), retry_after_s("9999", 60.0), retry_after_s("soon", 60.0)
    (2.0, 60.0, 0.0)
    """
    try:
        wait_s = float(text)
    except ValueError:
        return 0.0
    return min(wait_s, most_s) if math.isfinite(wait_s) and wait_s > 0.0 else 0.0
