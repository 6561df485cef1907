"""A page of metrics in Prometheus' text format, read by the library of its makers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.errors import MissingError
from rightrig.facts.reading import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class UnreadableError(Exception):
    """A page that is none, or that nobody understands."""


def samples_of(text: str) -> Iterator[tuple[str, Mapping[str, str], float]]:
    """Yield name, labels and value of each sample, in the page's order.

    Args:
        text: Of somebody else: whatever it holds, one exception says that it is no page.

    Raises:
        MissingError: where the extra ``watch`` is not installed.
        UnreadableError: where the text is no such page.
    """
    try:
        from prometheus_client.parser import (  # noqa: PLC0415 - of an extra
            text_string_to_metric_families,
        )
    except ImportError as error:
        raise MissingError(
            "reading metrics takes packages that are not here: pip install 'rightrig[watch]'"
        ) from error
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                yield sample.name, sample.labels, float(sample.value)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise UnreadableError(f"its metrics cannot be read: {plain(str(error), 120)}") from error
