"""The program that asks gpuhunt: ``python -m rightrig.fetching.gpuhunt_child``.

It runs in a process of its own, because gpuhunt waits on each server for as long as the server
likes and reads whole answers: :mod:`rightrig.fetching.gpuhunt_offers` ends it after its time. It
reads its order from standard input and prints what it found, both as JSON.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import socket
import sys
from typing import TYPE_CHECKING, Any, Final, TypedDict

if TYPE_CHECKING:
    import gpuhunt

LIVE: Final = {
    "crusoe": ("gpuhunt.providers.crusoe", "CrusoeProvider"),
    "digitalocean": ("gpuhunt.providers.digitalocean", "DigitalOceanProvider"),
    "hotaisle": ("gpuhunt.providers.hotaisle", "HotAisleProvider"),
    "jarvislabs": ("gpuhunt.providers.jarvislabs", "JarvisLabsProvider"),
    "lium": ("gpuhunt.providers.lium", "LiumProvider"),
    "seeweb": ("gpuhunt.providers.seeweb", "SeewebProvider"),
    "vastai": ("gpuhunt.providers.vastai", "VastAIProvider"),
    "vultr": ("gpuhunt.providers.vultr", "VultrProvider"),
}
"""Providers that gpuhunt asks itself: where its class for each is."""
_MOST_MEMORY_BYTES: Final = 4 << 30
_SKIPPED: Final = "Skipping malformed row"


class FoundList(TypedDict):
    """One provider's offers: rows of instance, place, price, cards, card, GiB, spot and flags."""

    version: str
    unread: int
    rows: list[list[Any]]


class Found(TypedDict):
    """What the program prints: lists and errors, each by provider."""

    lists: dict[str, FoundList]
    errors: dict[str, str]


class _Told(logging.Handler):
    """Keeps what gpuhunt says about each provider instead of printing it."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: dict[str, str] = {}
        self.unread: dict[str, int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Count a row that could not be read; keep the error of a list that could not."""
        name = str(record.args[0]) if isinstance(record.args, tuple) and record.args else ""
        if record.msg.startswith(_SKIPPED):
            self.unread[name] = self.unread.get(name, 0) + 1
        elif record.exc_info and record.exc_info[1] is not None:
            self.errors[name] = _words(record.exc_info[1])


def _words(error: BaseException) -> str:
    """Return an error on one line; some say nothing but their name."""
    return f"{type(error).__name__}: {error}".split("\n", 1)[0][:200]


def _limited() -> None:
    """Keep a hostile archive from taking the machine's memory, where the system can."""
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return
    with contextlib.suppress(ValueError, OSError):
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY_BYTES, most))


def _loaded(providers: list[str], told: _Told) -> gpuhunt.Catalog:
    """Return gpuhunt's catalogue with the lists of these providers that could be had."""
    import gpuhunt  # noqa: PLC0415 - an extra

    catalog = gpuhunt.Catalog(auto_reload=False)
    if "GPUHUNT_CATALOG_DIR" not in os.environ and set(providers) - set(LIVE):
        try:
            catalog.load()
        except gpuhunt.GPUHuntError as error:
            missing = _words(error)
            told.errors.update(
                dict.fromkeys(set(providers) - set(LIVE) - set(told.errors), missing)
            )
    for name in set(providers) & set(LIVE):
        module, cls = LIVE[name]
        try:
            catalog.add_provider(getattr(importlib.import_module(module), cls).from_env())
        except (ImportError, gpuhunt.MissingCredsError) as error:
            told.errors[name] = str(error)
    return catalog


def _rows(catalog: gpuhunt.Catalog, name: str) -> list[list[Any]]:
    """Return the offers of one provider as rows of plain values."""
    return [
        [
            item.instance_name, item.location, item.price, item.gpu_count, item.gpu_name or "",
            item.gpu_memory, item.spot, item.flags,
        ]
        for item in catalog.query(provider=name)
    ]  # fmt: skip


def main() -> None:
    """Answer one order."""
    _limited()
    order = json.load(sys.stdin)
    socket.setdefaulttimeout(order["patience_s"])
    told = _Told()
    logger = logging.getLogger("gpuhunt")
    logger.addHandler(told)
    logger.propagate = False
    catalog = _loaded(order["providers"], told)
    lists: dict[str, FoundList] = {}
    for name in order["providers"]:
        if name in told.errors:
            continue
        try:
            rows = _rows(catalog, name)
        except Exception as error:  # noqa: BLE001 - whatever a provider's code or answer does
            told.errors[name] = _words(error)
            continue
        known = catalog.catalog.get(name)
        lists[name] = {
            "version": known.version if known else "",
            "unread": told.unread.get(name, 0),
            "rows": rows,
        }
    wanted = {name: why for name, why in told.errors.items() if name in order["providers"]}
    json.dump(Found(lists=lists, errors=wanted), sys.stdout)


if __name__ == "__main__":
    main()
