"""What an exporter has: its own page of metrics, read by the library that wrote the format."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rightrig.watching.checklist.evidence import MetricsSeen, Sample
from rightrig.watching.checklist.names import AGE, NAMES
from rightrig.watching.checklist.outside import read
from rightrig.watching.exposition import UnreadableError, samples_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rightrig.measuring.addresses import Address


def read_exporter(address: Address) -> MetricsSeen:
    """Return what an exporter has now.

    Raises:
        MissingError: where the extra ``watch`` is not installed.
    """
    path = "" if address.path.endswith("metrics") else "/metrics"
    reply = read(address, path)
    if reply.trouble:
        return MetricsSeen(address.shown, trouble=reply.trouble)
    return seen_of(address.shown, reply.text)


def seen_of(source: str, text: str) -> MetricsSeen:
    """Return the metrics of a page.

    Raises:
        MissingError: where the extra ``watch`` is not installed.
    """
    try:
        found = list(samples_of(text))
    except UnreadableError as error:
        return MetricsSeen(source, trouble=str(error))
    # What an exporter last read may be older than its page.
    ages = [value for name, _, value in found if name == AGE and math.isfinite(value)]
    return MetricsSeen(source, tuple(_kept(found, max(ages, default=0.0))))


def _kept(found: list[tuple[str, Mapping[str, str], float]], age_s: float) -> Iterator[Sample]:
    """Yield the samples that the checklist is about; NaN is none."""
    for name, labels, value in found:
        if name in NAMES and math.isfinite(value):
            yield Sample(name, labels, value, age_s if name.startswith("rightrig_gpu") else 0.0)
