"""From a command's words to latency objectives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.demand.objective import METRICS, PERCENTILES, Slo
from rightrig.quantities import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST_S: Final = {"ttft": 3600.0, "tpot": 10.0, "e2e": 86_400.0, "itl": 60.0}
"""A longer one is a forgotten ``ms``."""


def slo_of(texts: Sequence[str | None]) -> Slo:
    """Return the objectives of options in their order: by metric, then by percentile.

    Args:
        texts: What stands behind ``--ttft-p50`` to ``--itl-p99``; ``None`` where it was left out.
    """
    names = [(metric, percentile) for metric in METRICS for percentile in PERCENTILES]
    limits_s = {
        f"{metric}_p{percentile}_s": parse(
            text, "time", name=f"--{metric}-p{percentile}", limit=_LONGEST_S[metric]
        )
        for (metric, percentile), text in zip(names, texts, strict=True)
        if text is not None
    }
    return Slo.model_validate(limits_s)
