"""A profile beside the model: a step that is as expected has no gap, one that is not names it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from profile_traces import ATTENTION, GEMM, NORM, REDUCE, SILU, in_a_row, mark, write

from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.measuring.profile.comparing import HOST
from rightrig.measuring.profile.profile import Profile, Question, profile_of
from rightrig.prediction.step_time import account
from rightrig.prediction.timers import timer_of
from rightrig.work.operators import Step

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.prediction.step_time import StepTimer

SEQS, CONTEXT = 16, 2000
STEP: Final = Step(float(SEQS), float(CONTEXT), 0.0, 0.0, float(SEQS))
NAMES: Final = {
    "qkv": GEMM, "attention decode": ATTENTION, "attention output": GEMM, "all-reduce": REDUCE,
    "norms and activations": NORM, "feed-forward: gate, up": GEMM, "feed-forward: down": GEMM,
}  # fmt: skip


def timer(model: str = "llama-3.1-8b", rig: str = "1xh100-sxm", **choices: Any) -> StepTimer:
    catalog = shipped()
    llm = catalog.llm(model)
    return timer_of(propose(catalog, llm, parse_rig(rig, catalog), Choices(**choices)))


def expected_us(own: StepTimer, step: Step = STEP) -> dict[str, float]:
    return {part.name: part.time_s * 1e6 for part in account(own, step)}


def step_like(times_us: dict[str, float], layers: int) -> list[tuple[str, float]]:
    """Return kernels that take the model's times, layer by layer; the head last."""
    each = {name: span / layers for name, span in times_us.items()}
    reduce = [(REDUCE, each["all-reduce"] / 2)] if "all-reduce" in each else []
    layer = [
        (GEMM, each["qkv"]), (ATTENTION, each["attention decode"]),
        (GEMM, each["attention output"]), *reduce, (NORM, each["norms and activations"] / 2),
        (GEMM, each["feed-forward: gate, up"]), (SILU, 0.0),
        (GEMM, each["feed-forward: down"]), *reduce, (NORM, each["norms and activations"] / 2),
    ]  # fmt: skip
    return [*(layer * layers), (GEMM, times_us["head"])]


def profiled(folder: Path, own: StepTimer, times_us: dict[str, float], **asked: Any) -> Profile:
    """Return the profile of four such steps, the host's time between them."""
    host_us = times_us["scheduler and sampling"]
    spans = step_like(times_us, own.llm.layer_count)
    events: list[Any] = []
    at_us = 100.0
    for _ in range(4):
        rows = in_a_row(spans, at_us)
        events.append(mark(f"step[DECODE bs={SEQS}]", at_us, rows[-1]["ts"] - at_us + 1.0))
        events += rows
        at_us = rows[-1]["ts"] + rows[-1]["dur"] + host_us
    # A last step begins, so that the fourth ends where it does.
    events += [mark("step[DECODE bs=1]", at_us, 5.0), *in_a_row([(GEMM, 3.0)], at_us)]
    path = write(folder / "step.json", events)
    question = Question(path, own, batch=SEQS, context_tokens=CONTEXT)
    return profile_of(replace(question, **asked))


@pytest.mark.parametrize("rig", ["1xh100-sxm", "2xl40s"])
def test_a_step_that_takes_what_is_expected_has_no_gap(rig: str, tmp_path: Path) -> None:
    own = timer(rig=rig)
    found = profiled(tmp_path, own, expected_us(own))
    assert found.beside is not None
    for line in found.beside.lines:
        assert line.ratio == pytest.approx(1.0, rel=1e-6), line.name
        assert line.bound_s is not None
        assert line.bound_s <= line.measured_s
    assert found.account is not None
    assert found.account.step_s == pytest.approx(found.beside.expected_s, rel=1e-6)
    assert found.beside.bound_s < found.beside.expected_s
    assert found.verdict.sentences[0].endswith("no gap to explain.")
    assert found.assumed == ()


@pytest.mark.parametrize(
    ("part", "line", "change"),
    [
        ("feed-forward: gate, up", "feed-forward: gate, up", "another kernel"),
        ("attention decode", "attention decode", "another attention backend"),
        ("norms and activations", "norms and activations", "fused kernels"),
        ("scheduler and sampling", HOST, "replay captured graphs"),
        ("all-reduce", "all-reduce", "fewer ranks"),
    ],
)
def test_the_part_that_takes_longer_is_named_with_what_to_change(
    part: str, line: str, change: str, tmp_path: Path
) -> None:
    own = timer(rig="2xl40s")
    times_us = expected_us(own)
    more_us = 0.5 * sum(times_us.values())
    found = profiled(tmp_path, own, times_us | {part: times_us[part] + more_us})
    assert found.beside is not None
    worst = max(found.beside.lines, key=lambda one: one.excess_s)
    assert worst.name == line
    assert worst.excess_s == pytest.approx(more_us * 1e-6, rel=1e-6)
    assert f" are {line} (" in found.verdict.sentences[0]
    assert found.verdict.changes[0].startswith(change)


def test_a_step_that_no_card_could_make_is_told(tmp_path: Path) -> None:
    own = timer()
    found = profiled(tmp_path, own, {name: t / 3.0 for name, t in expected_us(own).items()})
    assert "another model, batch, format or card" in found.verdict.sentences[0]


def test_resources_of_a_step_follow_its_batch(tmp_path: Path) -> None:
    """One sequence reads weights; a prompt of 8192 tokens computes."""
    own = timer()
    found = profiled(tmp_path, own, expected_us(own))
    assert found.verdict.bound_by == "memory bandwidth"
    events = [
        mark("step[EXTEND bs=1 toks=8192]", 0.0, 1e6),
        *in_a_row([(GEMM, 100.0), (ATTENTION, 50.0), (GEMM, 90.0)], 1.0),
    ]
    prompt = profile_of(Question(write(tmp_path / "p.json", events), own))
    assert prompt.step is not None
    assert (prompt.step.prefill_tokens, prompt.step.decode_seqs) == (8192.0, 0.0)
    assert prompt.verdict.bound_by == "compute"


def test_a_pipeline_stage_is_compared_with_its_share_of_the_layers(tmp_path: Path) -> None:
    whole, half = timer(rig="2xl40s", tp=1, pp=1), timer(rig="2xl40s", pp=2)
    events = [mark("step[DECODE bs=16]", 0.0, 1e6), *in_a_row([(GEMM, 9.0), (ATTENTION, 9.0)], 1.0)]
    path = write(tmp_path / "t.json", events)
    one, two = (profile_of(Question(path, own, context_tokens=500)) for own in (whole, half))
    assert one.beside is not None
    assert two.beside is not None
    attention = [next(line for line in found.beside.lines if line.name == "attention decode")
                 for found in (one, two) if found.beside]  # fmt: skip
    assert attention[1].bound_s == pytest.approx((attention[0].bound_s or 0.0) / 2.0)


def test_a_file_that_does_not_say_its_batch_asks_for_it(tmp_path: Path) -> None:
    path = write(tmp_path / "t.json", in_a_row([(GEMM, 9.0), (ATTENTION, 9.0)], 0.0))
    with pytest.raises(InputError, match="add --batch SEQUENCES"):
        profile_of(Question(path, timer()))
    found = profile_of(Question(path, timer(), batch=4))
    assert len(found.assumed) == 2
    assert "1,000 tokens are assumed" in found.assumed[1]
    assert "--steps" in found.assumed[0]


def test_products_without_a_place_are_one_line(tmp_path: Path) -> None:
    """Sums by name have no order: products are compared as a whole."""
    own = timer()
    rows = [(GEMM, 6400, 224), (ATTENTION, 640, 64)]
    text = "name,duration_us,count\n" + "".join(f'"{n}",{t},{c}\n' for n, t, c in rows)
    path = tmp_path / "sums.csv"
    path.write_text(text, encoding="utf-8")
    found = profile_of(Question(path, own, batch=SEQS, context_tokens=CONTEXT))
    assert found.account is not None
    assert found.account.steps_count == 2
    assert found.beside is not None
    lines = {line.name: line for line in found.beside.lines}
    parts = expected_us(own)
    products = sum(
        parts[name]
        for name in ("qkv", "attention output", "feed-forward: gate, up", "feed-forward: down",
                     "head")
    )  # fmt: skip
    assert lines["matrix products"].measured_s == pytest.approx(3200e-6)
    assert lines["matrix products"].expected_s == pytest.approx(products * 1e-6)
    assert "qkv" not in lines
