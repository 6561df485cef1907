"""Where an alert's page is: what to do when it fires, one page a kind of trouble.

A page is Markdown, shipped with the package: symptom, confirm, act, escalate, prevent, sources. Its
line ``Alerts:`` names the alerts that link to it; ``docs/refresh_runbooks.py`` writes that line.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.watching.xids import xids

if TYPE_CHECKING:
    from rightrig.watching.xids import Xid

RUNBOOKS: Final = (
    "driver-crash", "gpu-lost", "out-of-memory", "nccl-hang", "xid", "thermal", "ecc",
    "link-degraded", "slow-node", "tensor-parallel-stall", "mig-misconfigured",
    "version-mismatch", "power", "latency", "cost", "telemetry",
)  # fmt: skip
"""Slugs of the pages."""
SECTIONS: Final = ("Symptom", "Confirm", "Act", "Escalate", "Prevent", "Sources")
"""Headings of every page, in order."""
_NO_ALERT: Final = "none"
_ALERTS: Final = re.compile(r"^Alerts: (.+)$", re.MULTILINE)
_XID: Final = re.compile(r"(?:xid)?[\s:#-]*([0-9]{1,4})")
_NEAR_COUNT: Final = 3
_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        alerts: Names of those that link to it.
        text: Markdown; other pages are linked as ``SLUG.md``.
    """

    slug: str
    title: str
    alerts: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Sought:
    """What somebody asked for.

    Attributes:
        xid_number: Where an XID was asked for.
        xid: What it is; ``None`` where no table of ours has it.
    """

    page: Page
    xid_number: int | None = None
    xid: Xid | None = None


@functools.cache
def page(slug: str) -> Page:
    """Return a page.

    Raises:
        InputError: where there is none of that name.
    """
    if slug not in RUNBOOKS:
        raise _unknown(slug)
    path = files("rightrig.watching").joinpath(f"data/runbooks/{slug}.md")
    text = path.read_text(encoding="utf-8")
    named = _ALERTS.search(text)
    alerts = named[1].replace("`", "").split(", ") if named else []
    title = text.partition("\n")[0].removeprefix("# ")
    return Page(slug, title, tuple(name for name in alerts if name != _NO_ALERT), text)


def runbook(slug: str) -> str:
    """Return a page's Markdown.

    Raises:
        InputError: where there is none of that name.
    """
    return page(slug).text


def sought(name: str) -> Sought:
    """Return the page for a slug, an alert or an XID (``xid 79``, ``79``).

    Raises:
        InputError: where nothing is called so; names the nearest.
    """
    wanted = name.strip().casefold()
    number = _XID.fullmatch(wanted)
    if number is not None:
        return _of_xid(int(number[1]))
    slug = re.sub(r"[\s_]+", "-", wanted)
    for each in map(page, RUNBOOKS):
        if slug == each.slug or wanted in {alert.casefold() for alert in each.alerts}:
            return Sought(each)
    raise _unknown(name)


def _of_xid(number: int) -> Sought:
    """Return the page for an XID: its own, or the table of all."""
    row = xids().get(number)
    return Sought(page("xid" if row is None else row.runbook), number, row)


def _unknown(name: str) -> InputError:
    """Say that nothing is called so, and what is near."""
    import difflib  # noqa: PLC0415 - needed for a wrong name only

    wanted = name.strip().casefold()
    known = {each: each for each in RUNBOOKS}
    if wanted not in known:
        alerts = (alert for slug in RUNBOOKS for alert in page(slug).alerts)
        known |= {alert.casefold(): alert for alert in alerts}
    near = difflib.get_close_matches(wanted[:_SHOWN], known, n=_NEAR_COUNT, cutoff=0.5)
    told = f"; did you mean {' or '.join(known[each] for each in near)}?" if near else ""
    shown = name if len(name) <= _SHOWN else f"{name[: _SHOWN - 3]}..."
    return InputError(
        f"no runbook, alert or XID is called {shown!r}{told} ('rightrig watch runbook' lists all)"
    )
