"""The loop of an experiment, on a bench whose figures are given."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from rightrig.demand.objective import Slo
from rightrig.errors import InputError
from rightrig.measuring.tune.engine import EngineFailedError
from rightrig.measuring.tune.figures import Figures, Ran, judged_by
from rightrig.measuring.tune.foreseeing import by_effect
from rightrig.measuring.tune.matrix import steps_of
from rightrig.measuring.tune.settings import baseline_of, knobs_of
from rightrig.measuring.tune.tuned import Foreseen
from rightrig.measuring.tune.tuning import Order, tune

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from rightrig.measuring.tune.settings import Setting
    from rightrig.measuring.tune.tuned import Tuned

PLAIN = Figures(100, 0.0, 10.0, 100.0, 0.1, 0.2, 0.01, 0.02, 1.0, 2.0)
TOKENS = judged_by(None, Slo())
GOODPUT = judged_by(None, Slo(ttft_p99_s=0.5))


@dataclass
class Given:
    """A bench whose figures a function gives; it notes what was run."""

    figures: Callable[[Setting], Figures]
    noise_ratio: float = 0.02
    tried: list[tuple[str, int]] = field(default_factory=list)
    dice: random.Random = field(default_factory=lambda: random.Random(3))  # noqa: S311 - no secret

    def reused_count(self, setting: Setting, numbers: Sequence[int]) -> int:
        """Return 0."""
        del setting, numbers
        return 0

    def runs(self, setting: Setting, numbers: Sequence[int]) -> Generator[Ran, None, None]:
        """Yield the figures with noise."""
        for number in numbers:
            self.tried.append((setting.text, number))
            found = self.figures(setting)
            noise = 1.0 + self.dice.uniform(-self.noise_ratio, self.noise_ratio)
            yield Ran(replace(found, output_tokens_per_s=found.output_tokens_per_s * noise))


def tuned(
    figures: Callable[[Setting], Figures],
    knobs: Sequence[str],
    baseline: str = "seqs=8",
    order: Order | None = None,
) -> tuple[Tuned, Given]:
    """Return an experiment on a bench."""
    bench = Given(figures)
    start = baseline_of(baseline)
    steps = steps_of(start, knobs_of(knobs, start))
    return tune(bench, start, steps, TOKENS, order or Order()), bench


def rising(setting: Setting) -> Figures:
    """Return more tokens for more sequences, up to 32."""
    return replace(PLAIN, output_tokens_per_s=10.0 * min(int(setting["seqs"]), 32))


def fates(found: Tuned) -> dict[str, str]:
    """Return what became of each change."""
    return {f"{c.step.knob}={c.step.value}": c.fate for c in found.changes}


def test_the_best_value_that_beats_the_spread_is_kept() -> None:
    found, bench = tuned(rising, ["seqs=4,16,32"])
    assert fates(found) == {"seqs=16": "better", "seqs=32": "better", "seqs=4": "worse"}
    assert found.kept == {"seqs": "32"}
    assert found.changes[1].effect is not None
    assert found.changes[1].effect.change_ratio.mid == pytest.approx(4.0, rel=0.05)
    assert found.last is not None  # something looked better: the baseline was run again
    assert bench.tried[-1] == ("seqs=8", 3)


def test_the_baseline_runs_first_and_as_often_as_was_asked() -> None:
    _, bench = tuned(rising, ["seqs=4"], order=Order(repeats_count=5))
    assert bench.tried[:5] == [("seqs=8", number) for number in range(5)]
    assert bench.tried[5:] == [("seqs=4", number) for number in range(5)]


def test_without_a_gain_the_baseline_is_kept_and_not_run_again() -> None:
    found, bench = tuned(lambda _: PLAIN, ["seqs=4,16"])
    assert found.kept == {}
    assert set(fates(found).values()) == {"same"}
    assert found.last is None
    assert len(bench.tried) == 9


def test_a_direction_ends_with_a_value_that_is_surely_worse() -> None:
    found, bench = tuned(rising, ["seqs=4,2,1"])
    assert fates(found) == {"seqs=4": "worse", "seqs=2": "not tried", "seqs=1": "not tried"}
    assert "seqs=4 is surely worse than the baseline" in found.changes[1].reason
    assert {text for text, _ in bench.tried} == {"seqs=8", "seqs=4"}


def test_a_direction_ends_behind_its_best_value() -> None:
    def peak(setting: Setting) -> Figures:
        tokens = {"8": 100.0, "16": 200.0, "32": 150.0, "64": 140.0}[setting["seqs"]]
        return replace(PLAIN, output_tokens_per_s=tokens)

    found, _ = tuned(peak, ["seqs=16,32,64"])
    assert fates(found) == {"seqs=16": "better", "seqs=32": "better", "seqs=64": "not tried"}
    assert found.kept == {"seqs": "16"}
    assert "surely worse than 16" in found.changes[2].reason


def test_an_engine_that_does_not_run_is_a_result_and_ends_its_direction() -> None:
    def failing(setting: Setting) -> Figures:
        if int(setting["seqs"]) > 8:
            raise EngineFailedError("out of memory", ("the last line",))
        return PLAIN

    found, _ = tuned(failing, ["seqs=4,16,32"])
    assert fates(found) == {"seqs=16": "failed", "seqs=32": "not tried", "seqs=4": "same"}
    assert found.changes[0].reason == "out of memory"
    assert found.changes[0].measured is not None
    assert found.changes[0].measured.log == ("the last line",)


def test_a_baseline_that_does_not_run_ends_everything() -> None:
    def failing(setting: Setting) -> Figures:
        raise EngineFailedError(f"{setting.text} fails")

    found, _ = tuned(failing, ["seqs=4,16"])
    assert not found.is_judged
    assert found.first.failure == "seqs=8 fails"
    assert set(fates(found).values()) == {"not tried"}


def test_a_gain_that_breaks_an_objective_is_not_kept() -> None:
    def breaking(setting: Setting) -> Figures:
        more = int(setting["seqs"])
        return replace(rising(setting), keeps_slo=more <= 16)

    found, _ = tuned(breaking, ["seqs=16,32,64"])
    assert fates(found) == {"seqs=16": "better", "seqs=32": "misses", "seqs=64": "not tried"}
    assert found.kept == {"seqs": "16"}


@pytest.mark.parametrize(("seqs", "fate"), [("16", "better"), ("8.1", "limited"), ("4", "limited")])
def test_what_this_client_limited_is_better_or_not_known(seqs: str, fate: str) -> None:
    def limited(setting: Setting) -> Figures:
        tokens = 10.0 * float(setting["seqs"])
        reason = "" if setting["seqs"] == "8" else "it was slow"
        return replace(PLAIN, output_tokens_per_s=tokens, limited=reason)

    found, _ = tuned(limited, [f"seqs={seqs}"])
    assert fates(found) == {f"seqs={seqs}": fate}
    assert "it was slow" in found.changes[0].reason
    assert found.kept == ({"seqs": "16"} if fate == "better" else {})


def test_a_baseline_that_this_client_limited_ends_everything() -> None:
    found, bench = tuned(lambda _: replace(PLAIN, limited="it was slow"), ["seqs=16"])
    assert fates(found) == {"seqs=16": "not tried"}
    assert len(bench.tried) == 3


def test_all_ends_where_every_request_is_in_time() -> None:
    def good(setting: Setting) -> Figures:
        share = min(int(setting["seqs"]) / 16.0, 1.0)
        return replace(
            PLAIN, goodput_requests_per_s=10.0 * share, good_ratio=share, keeps_slo=share > 0.9
        )

    bench, start = Given(good), baseline_of("seqs=8,batch=1")
    steps = steps_of(start, knobs_of(["seqs=16,32", "batch=2"], start))
    found = tune(bench, start, steps, GOODPUT, Order(is_open=True))
    assert fates(found) == {"seqs=16": "better", "seqs=32": "not tried", "batch=2": "not tried"}
    assert found.kept == {"seqs": "16"}
    assert "seqs=16 answers every request in time" in found.stopped
    closed = tune(Given(good), start, steps, GOODPUT, Order(is_open=False))
    assert "not tried" not in fates(closed).values()


def test_ctrl_c_leaves_what_was_measured() -> None:
    def stopped(setting: Setting) -> Figures:
        if setting["seqs"] == "32":
            raise KeyboardInterrupt
        return rising(setting)

    found, _ = tuned(stopped, ["seqs=16,32,64"])
    assert found.interrupted
    assert fates(found) == {"seqs=16": "better", "seqs=32": "unfinished", "seqs=64": "not tried"}
    assert found.kept == {"seqs": "16"}


def test_ctrl_c_in_the_baseline_leaves_nothing_to_judge() -> None:
    def stopped(setting: Setting) -> Figures:
        del setting
        raise KeyboardInterrupt

    found, _ = tuned(stopped, ["seqs=16"])
    assert found.interrupted
    assert not found.is_judged


def test_nothing_served_at_all_is_worse_not_an_error() -> None:
    def broken(setting: Setting) -> Figures:
        return replace(PLAIN, output_tokens_per_s=100.0 if setting["seqs"] == "8" else 0.0)

    found, _ = tuned(broken, ["seqs=16"])
    assert fates(found) == {"seqs=16": "worse"}


def test_the_knob_of_the_largest_predicted_effect_comes_first() -> None:
    start = baseline_of("a=1,b=1,c=1")
    steps = steps_of(start, knobs_of(["a=2", "b=2,3", "c=2"], start))
    known = {
        step.setting: Foreseen({"a": 1.1, "b": 0.5}.get(step.knob), "") for step in steps
    }  # fmt: skip
    assert [step.knob for step in by_effect(steps, known)] == ["b", "b", "a", "c"]


def test_a_metric_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InputError, match="it is one of output-tokens"):
        judged_by("speed", Slo())
    with pytest.raises(InputError, match="needs an objective"):
        judged_by("goodput", Slo())
    assert judged_by("TTFT-p99", Slo()).is_more_better is False
