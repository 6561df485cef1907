"""From a command's words to latency objectives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.demand import objective

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.demand.objective import Slo


def slo_of(texts: Sequence[str | None]) -> Slo:
    """Return the objectives of options in their order: by metric, then by percentile.

    Args:
        texts: What stands behind ``--ttft-p50`` to ``--itl-p99``; ``None`` where it was left out.
    """
    named = dict(zip(objective.OBJECTIVES, texts, strict=True))
    return objective.slo_of(named, lambda name: f"--{name.replace('_', '-')}")
