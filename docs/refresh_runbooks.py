#!/usr/bin/env python3
"""Write into the runbooks what is known elsewhere: each page's alerts, and the table of XIDs.

    .venv/bin/python docs/refresh_runbooks.py

A page's line ``Alerts:`` names the alerts whose annotation links to it; the table of the page about
XIDs has a row for each. ``tests/watching/runbooks`` fails when one of them drifts. The pages are
part of the package; ``docs/runbooks`` includes them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

from rightrig.report.watch_runbook import nvidia_text
from rightrig.watching.rules.alerts import ALERTS
from rightrig.watching.runbooks import RUNBOOKS
from rightrig.watching.xids import xids

ROOT: Final = Path(__file__).resolve().parents[1]
PAGES: Final = ROOT / "src" / "rightrig" / "watching" / "data" / "runbooks"
_ALERTS: Final = re.compile(r"^Alerts: .*$", re.MULTILINE)
_TABLE: Final = re.compile(r"(^\| XID \| .*\n\|---.*\n)(?:\|.*\n)*", re.MULTILINE)


def refreshed(slug: str, text: str) -> str:
    """Return a page with its alerts, and with the table of XIDs where it has one."""
    names = [f"`{alert.name}`" for alert in ALERTS if alert.runbook == slug]
    named = _ALERTS.sub(f"Alerts: {', '.join(names) or 'none'}", text, count=1)
    return _TABLE.sub(lambda table: table[1] + xid_rows(), named)


def xid_rows() -> str:
    """Return the rows of the table of XIDs, ascending."""
    return "".join(
        f"| {row.number} | {row.severity} | {row.meaning} | {row.action} "
        f"| {nvidia_text(row.nvidia_now, row.nvidia_then)} | [{row.runbook}]({row.runbook}.md) |\n"
        for row in xids().values()
    )


def main() -> None:
    """Rewrite the pages that drifted, and name them."""
    for slug in RUNBOOKS:
        path = PAGES / f"{slug}.md"
        text = path.read_text(encoding="utf-8")
        new = refreshed(slug, text)
        if new != text:
            path.write_text(new, encoding="utf-8")
            sys.stdout.write(f"rewrote {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
