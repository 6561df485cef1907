"""Lines of Prometheus' text format, and pages of them.

Rendering 1,400 samples through prometheus-client's own objects takes 10 ms, which is all that this
exporter may take of a second; joining texts whose beginnings were made before takes a tenth of it.
That library's parser reads every page of the tests, and its negotiation chooses the format.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from rightrig.watching.metrics import ALL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rightrig.watching.metrics import Metric

Sheet = dict[str, str]
"""Name of a metric → its lines."""
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def labels_text(labels: Mapping[str, str]) -> str:
    r"""Return labels as they stand between braces.

    >>> labels_text({"gpu": "0", "reason": 'a "b"'})
    'gpu="0",reason="a \\"b\\""'
    """
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items())


def number_text(value: float) -> str:
    """Return a number as the format has it.

    >>> number_text(True), number_text(0.25), number_text(math.inf)
    ('1', '0.25', '+Inf')
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    return str(int(value) if isinstance(value, bool) else value)


class Writer:
    """Writes lines of one subject: a card, an engine, a plan."""

    def __init__(self, prefix: str, labels: Mapping[str, str]) -> None:
        """Keep what every line has.

        Args:
            prefix: Of the names, such as ``rightrig_gpu_``.
            labels: That every line has.
        """
        self._prefix = prefix
        self._labels = labels_text(labels)
        self.sheet: Sheet = {}

    def start(self, name: str) -> str:
        """Return the beginning of the line of a metric without labels of its own."""
        return f"{self._prefix}{name}{{{self._labels}}} "

    def add(self, name: str, value: float | None, **own: str) -> None:
        """Add a line; none where there is no value.

        Args:
            name: Of the metric, without the prefix.
            value: In the metric's unit.
            own: Labels of this line.
        """
        if value is None:
            return
        labels = f"{self._labels},{labels_text(own)}" if own else self._labels
        whole = self._prefix + name
        line = f"{whole}{{{labels}}} {number_text(value)}\n"
        self.sheet[whole] = self.sheet.get(whole, "") + line


def _head(metric: Metric, *, is_open: bool) -> str:
    """Return the two lines before the lines of a metric."""
    family = metric.name.removesuffix("_total") if is_open else metric.name
    help_text = metric.help.replace("\\", "\\\\").replace("\n", "\\n")
    return f"# HELP {family} {help_text}\n# TYPE {family} {metric.kind}\n"


_HEADS: Final = {
    is_open: tuple((metric.name, _head(metric, is_open=is_open)) for metric in ALL)
    for is_open in (False, True)
}


def page(sheets: Iterable[Sheet], *, is_open: bool) -> str:
    """Return the text of all sheets, by metric as the format asks for.

    Args:
        sheets: Of one subject each.
        is_open: Whether as OpenMetrics, whose families of counters have no ``_total``; without
            the line that ends the text.
    """
    every = list(sheets)
    parts: list[str] = []
    for name, head in _HEADS[is_open]:
        texts = [sheet[name] for sheet in every if name in sheet]
        if texts:
            parts.append(head)
            parts += texts
    return "".join(parts)
