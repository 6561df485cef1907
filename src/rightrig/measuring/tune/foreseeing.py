"""What the prediction says of every change, before any is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.errors import InputError
from rightrig.measuring.tune.deployments import unknown_of
from rightrig.measuring.tune.engine import EngineFailedError
from rightrig.measuring.tune.figures import Figures
from rightrig.measuring.tune.tuned import Foreseen
from rightrig.prediction.predict import predict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rightrig.deployment.deployment import Deployment
    from rightrig.measuring.tune.figures import Judged
    from rightrig.measuring.tune.matrix import Step
    from rightrig.measuring.tune.settings import Setting
    from rightrig.measuring.tune.simulated import Simulator
    from rightrig.prediction.regimes import Lengths

    Says = Callable[[Setting], Figures]


def foreseen_by(
    says: Says, baseline: Setting, steps: Sequence[Step], judged: Judged
) -> dict[Setting, Foreseen]:
    """Return the predicted effect of each change on the judged figure.

    Both settings are predicted by one model, whose errors they share, so that their ratio is
    surer than either; no interval is known for it.

    Args:
        says: Predicts a setting.
        baseline: Where all changes begin.
        steps: The changes.
        judged: The figure.
    """
    before, why = _figures(says, baseline)
    return {step.setting: _foreseen(says, step, before, why, judged) for step in steps}


def _foreseen(says: Says, step: Step, before: Figures | None, why: str, judged: Judged) -> Foreseen:
    """Return what is predicted of one change."""
    if step.knob in unknown_of(step.setting):
        return Foreseen(None, f"the prediction does not know {step.knob}")
    if before is None:
        return Foreseen(None, f"of the baseline: {why}")
    after, why = _figures(says, step.setting)
    if after is None:
        return Foreseen(None, why)
    change = judged.change_ratio(after, before)
    return Foreseen(change, "" if change is not None else "it says nothing of this figure")


def _figures(says: Says, setting: Setting) -> tuple[Figures | None, str]:
    """Return what is predicted of a setting, or why nothing is."""
    try:
        return says(setting), ""
    except (InputError, EngineFailedError) as error:
        return None, str(error)


def by_simulation(simulator: Simulator) -> Says:
    """Return what predicts by one simulation of the same traffic."""
    return lambda setting: next(simulator.runs(setting, (0,))).figures


def by_formula(
    deploy: Callable[[Setting], Deployment],
    lengths_of: Callable[[Setting], Lengths],
    users_count: int,
) -> Says:
    """Return what predicts the means of a closed loop, without a simulation.

    Latencies are means, which stand for every percentile of them: their ratios are compared.
    """

    def says(setting: Setting) -> Figures:
        found = predict(deploy(setting), lengths_of(setting), users_count)
        ttft_s, tpot_s, e2e_s = found.ttft_s.mid, found.tpot_s.mid, found.e2e_s.mid
        return Figures(
            requests_count=1,
            error_ratio=0.0,
            requests_per_s=found.requests_per_s.mid,
            output_tokens_per_s=found.output_tokens_per_s.mid,
            ttft_p50_s=ttft_s,
            ttft_p99_s=ttft_s,
            tpot_p50_s=tpot_s,
            tpot_p99_s=tpot_s,
            e2e_p50_s=e2e_s,
            e2e_p99_s=e2e_s,
        )

    return says


def by_effect(steps: Sequence[Step], foreseen: dict[Setting, Foreseen]) -> tuple[Step, ...]:
    """Return the changes with the knob first of which the most is expected.

    The order within a knob stays; knobs of which nothing is known keep theirs, after the others.
    """
    names = list(dict.fromkeys(step.knob for step in steps))

    def size(name: str) -> tuple[float, int]:
        changes = [
            known.change_ratio
            for step in steps
            if step.knob == name and (known := foreseen.get(step.setting))
        ]
        sizes = [max(change, 1.0 / change) for change in changes if change]
        return (-max(sizes, default=1.0), names.index(name))

    order = {name: place for place, name in enumerate(sorted(names, key=size))}
    return tuple(sorted(steps, key=lambda step: order[step.knob]))
