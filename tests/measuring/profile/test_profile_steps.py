"""Profiles of hand-made traces: every time is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from profile_traces import (
    ATTENTION,
    GEMM,
    NORM,
    REDUCE,
    SAMPLE,
    SILU,
    decode_layer,
    decode_step,
    in_a_row,
    kernel,
    launch,
    mark,
    write,
)

from rightrig.errors import InputError
from rightrig.measuring.profile.account import Asked, account_of_trace
from rightrig.measuring.profile.busy import union
from rightrig.measuring.profile.reading import read_profile
from rightrig.measuring.profile.steps import Batch, steps_of
from rightrig.measuring.profile.trace import Trace
from rightrig.measuring.profile.verdict import verdict_of

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.measuring.profile.account import Account

MICRO = 1e-6
LAYERS = 4


def trace_of(folder: Path, events: list[Any]) -> Trace:
    found = read_profile(write(folder / "trace.json", events))
    assert isinstance(found, Trace)
    return found


def account(folder: Path, events: list[Any], asked: Asked | None = None) -> Account:
    return account_of_trace(trace_of(folder, events), asked or Asked())


def steps(count: int, *, gap_us: float = 0.0, between_us: float = 0.0, ranks: int = 1) -> list[Any]:
    """Return decode steps one after another, each launched by one graph a little earlier."""
    events: list[Any] = []
    at_us = 1000.0
    for number in range(count):
        rows = in_a_row(decode_step(LAYERS, ranks=ranks), at_us, gap_us, correlation=number + 1)
        events += [launch(number + 1, at_us - 80.0, "cudaGraphLaunch"), *rows]
        at_us = rows[-1]["ts"] + rows[-1]["dur"] + between_us
    return events


def test_idle_time_within_and_between_steps_is_exact(tmp_path: Path) -> None:
    found = account(tmp_path, steps(3, gap_us=1.0, between_us=50.0))
    kernels = decode_step(LAYERS)
    busy_us = sum(span for _, span in kernels)
    line = found.timeline
    assert line is not None
    assert (found.how, found.steps_count) == ("graphs", 3)
    assert line.busy_s == pytest.approx(busy_us * MICRO)
    # Of three steps two are followed by another one: the third ends with its last kernel.
    whole_us = busy_us + (len(kernels) - 1) * 1.0
    assert line.longest_s == pytest.approx((whole_us + 50.0) * MICRO)
    assert line.shortest_s == pytest.approx(whole_us * MICRO)
    assert line.idle_s == pytest.approx((whole_us - busy_us + 50.0 * 2 / 3) * MICRO)
    largest = line.gaps[0]
    assert largest.before == "at::native::reduce_kernel"
    assert largest.idle_s == pytest.approx(50.0 * 2 / 3 * MICRO)


def test_products_are_named_by_their_place_in_a_layer(tmp_path: Path) -> None:
    found = account(tmp_path, steps(2))
    times = {spent.name: (spent.time_s / MICRO, spent.calls_count) for spent in found.spent}
    assert times["qkv"] == pytest.approx((10.0 * LAYERS, LAYERS))
    assert times["attention output"] == pytest.approx((7.0 * LAYERS, LAYERS))
    assert times["feed-forward: gate, up"] == pytest.approx((40.0 * LAYERS, LAYERS))
    assert times["feed-forward: down"] == pytest.approx((20.0 * LAYERS, LAYERS))
    assert times["head"] == pytest.approx((90.0, 1))
    assert times["attention decode"] == pytest.approx((12.0 * LAYERS, LAYERS))
    assert times["sampling"] == pytest.approx((5.0, 1))
    assert times["norms and activations"] == pytest.approx((13.0 * LAYERS, 5 * LAYERS))
    assert found.kernels_s == pytest.approx(found.timeline.busy_s if found.timeline else 0.0)


def test_a_split_product_and_its_tail_are_one_operator(tmp_path: Path) -> None:
    tail = "void cublasLt::splitKreduce_kernel<32, 16, int, float>(cublasLt::Params)"
    layer = decode_layer()
    layer.insert(1, (tail, 2.0))
    found = account(tmp_path, in_a_row(layer * LAYERS, 0.0), Asked(layers_count=LAYERS))
    assert found.time_s("qkv") == pytest.approx(12.0 * LAYERS * MICRO)


def test_the_product_before_a_choice_of_experts_is_the_router(tmp_path: Path) -> None:
    layer = [
        (GEMM, 10.0), (ATTENTION, 12.0), (GEMM, 7.0), (NORM, 3.0), (GEMM, 2.0),
        ("void vllm::moe::topkGatingSoftmax<8, 128>(float*)", 4.0), ("fused_moe_kernel", 30.0),
        (SILU, 3.0), ("fused_moe_kernel", 20.0), ("void vllm::moe::moe_sum_kernel<c10::Half>", 1.0),
        (NORM, 3.0),
    ]  # fmt: skip
    found = account(tmp_path, in_a_row(layer * 3, 0.0), Asked(layers_count=3))
    times = {spent.name: spent.time_s / MICRO for spent in found.spent}
    assert times["router"] == pytest.approx(3 * (2.0 + 4.0 + 1.0))
    assert times["experts"] == pytest.approx(3 * 50.0)
    assert times["qkv"] == pytest.approx(30.0)
    assert times["attention output"] == pytest.approx(21.0)
    assert "feed-forward: gate, up" not in times


def test_messages_on_a_stream_of_their_own_are_exposed_where_nothing_runs_beside(
    tmp_path: Path,
) -> None:
    events = [
        kernel(GEMM, 0.0, 100.0),
        kernel(REDUCE, 60.0, 90.0, stream=20),  # 40 beside the product, 50 alone
        kernel(GEMM, 170.0, 30.0),  # 20 idle before it
    ]
    line = account(tmp_path, events).timeline
    assert line is not None
    assert line.step_s == pytest.approx(200.0 * MICRO)
    assert line.busy_s == pytest.approx(180.0 * MICRO)
    assert line.communication_s == pytest.approx(90.0 * MICRO)
    assert line.exposed_s == pytest.approx(50.0 * MICRO)
    assert line.together_s == pytest.approx(40.0 * MICRO)
    assert line.idle_s == pytest.approx(20.0 * MICRO)


def test_messages_in_the_way_make_a_step_bound_by_communication(tmp_path: Path) -> None:
    events = in_a_row([(GEMM, 10.0), (ATTENTION, 5.0), (REDUCE, 60.0)], 0.0)
    found = account(tmp_path, events)
    verdict = verdict_of(found, None)
    assert verdict.bound_by == "communication"
    assert verdict.shares_ratio["communication"] == pytest.approx(60.0 / 75.0)
    assert "80% of a step of 75 µs are messages that nothing hides" in verdict.sentences[0]


def test_gaps_make_a_step_bound_by_its_host(tmp_path: Path) -> None:
    verdict = verdict_of(account(tmp_path, steps(4, gap_us=30.0)), None)
    assert verdict.bound_by == "host"
    assert verdict.sentences[0].startswith("Host-bound: ")
    assert "--enforce-eager" in verdict.changes[0]


def test_kernels_belong_to_the_annotation_in_which_the_host_launched_them(tmp_path: Path) -> None:
    """The device works 400 µs behind: by the clock alone every kernel would be in the next step."""
    events: list[Any] = []
    for number, batch in enumerate((16, 16, 16)):
        at_us = 1000.0 * number
        events.append(mark(f"execute_context_0(0)_generation_{batch}({batch})", at_us, 300.0))
        events.append(launch(number + 1, at_us + 100.0))
        events += in_a_row(
            [(GEMM, 200.0), (ATTENTION, 300.0)], at_us + 400.0, correlation=number + 1
        )
    found = account(tmp_path, events)
    assert found.how == "annotations"
    assert (found.steps_count, found.batch) == (3, Batch(16, 0))
    assert found.kernels_s == pytest.approx(500.0 * MICRO)


def test_steps_of_the_batch_that_is_asked_for_are_taken(tmp_path: Path) -> None:
    events: list[Any] = []
    at_us = 0.0
    for number, name in enumerate(("step[DECODE bs=8]", "step[EXTEND bs=1 toks=512]") * 3):
        span_us = 100.0 + 300.0 * (number % 2)
        events.append(mark(name, at_us, span_us + 51.0))
        events += in_a_row([(GEMM, span_us), (ATTENTION, 50.0)], at_us + 1.0)
        at_us += span_us + 52.0
    usual = account(tmp_path, events)
    assert usual.batch == Batch(0, 512)  # they take most of the time
    assert [(kind.batch, kind.count) for kind in usual.kinds] == [(Batch(0, 512), 3),
                                                                  (Batch(8, 0), 3)]  # fmt: skip
    asked = account(tmp_path, events, Asked(batch=Batch(8, 0)))
    assert asked.kernels_s == pytest.approx(150.0 * MICRO)
    with pytest.raises(InputError, match="steps of 512 prompt tokens; 8 decoding"):
        account(tmp_path, events, Asked(batch=Batch(9, 0)))


def test_contexts_that_grow_do_not_part_the_steps(tmp_path: Path) -> None:
    events: list[Any] = []
    for number in range(4):
        context = 1000 + 4 * number
        name = (
            f"execute_4_context_0(sq0sk0sqsq0sqsk0)_generation_4(sq4sk{context}sqsq4sqsk{context})"
        )
        events.append(mark(name, 1000.0 * number, 900.0))
        events += in_a_row([(GEMM, 100.0), (ATTENTION, 50.0)], 1000.0 * number + 1.0)
    found = account(tmp_path, events)
    assert found.steps_count == 4
    assert found.batch == Batch(4, 0, 1006 / 4)


def test_steps_without_a_word_are_found_by_repetition(tmp_path: Path) -> None:
    spans = decode_step(LAYERS) * 5
    found = account(tmp_path, in_a_row(spans, 0.0, 0.5))
    # From one choice of a token to the next: what is before the first is no whole step.
    assert (found.how, found.steps_count) == ("repetition", 4)
    assert found.time_s("head") == pytest.approx(90.0 * MICRO)
    assert found.time_s("qkv") == pytest.approx(10.0 * LAYERS * MICRO)


def test_layers_of_one_step_are_no_steps(tmp_path: Path) -> None:
    trace = trace_of(tmp_path, in_a_row(decode_step(LAYERS), 0.0, 0.5))
    assert steps_of(trace).how == "none"
    assert steps_of(trace, LAYERS).how == "none"


def test_waiting_for_requests_is_no_part_of_a_step(tmp_path: Path) -> None:
    events = steps(6)
    late = [dict(event, ts=event["ts"] + 1e6) for event in steps(6)]
    for event in late:
        if "args" in event:
            event["args"] = dict(event["args"], correlation=event["args"]["correlation"] + 100)
    found = account(tmp_path, [*events, *late])
    assert (found.steps_count, found.waited_count) == (12, 1)
    assert found.timeline is not None
    assert found.timeline.longest_s < 1e-3


def test_piecewise_graphs_are_no_steps(tmp_path: Path) -> None:
    """Where attention runs between captured pieces, a piece is a part of a layer."""
    events: list[Any] = []
    at_us, number = 0.0, 0
    for _ in range(3):
        for _ in range(LAYERS):
            number += 1
            piece = [(GEMM, 5.0), (NORM, 1.0)] * 5
            events += [launch(number, at_us, "cudaGraphLaunch")]
            events += in_a_row(piece, at_us, correlation=number)
            events.append(kernel(ATTENTION, at_us + 30.0, 9.0, correlation=900 + number))
            at_us += 40.0
        events.append(kernel(SAMPLE, at_us, 5.0, correlation=999))
        at_us += 6.0
    found = account(tmp_path, events)
    assert (found.how, found.steps_count) == ("repetition", 2)


def test_of_several_devices_the_busiest_is_told(tmp_path: Path) -> None:
    events = [kernel(GEMM, 0.0, 5.0, device=1), kernel(ATTENTION, 0.0, 50.0, device=3)]
    found = account(tmp_path, events)
    assert found.devices_count == 2
    assert [spent.name for spent in found.spent] == ["attention decode"]


SPANS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 50)), min_size=1, max_size=30)


@given(SPANS, st.integers(0, 450), st.integers(0, 450))
def test_a_union_is_what_counting_moments_says(
    spans: list[tuple[int, int]], first: int, second: int
) -> None:
    starts = np.array([float(start) for start, _ in spans])
    ends = starts + np.array([float(span) for _, span in spans])
    low, high = sorted((first, second))
    moments = {m for start, span in spans for m in range(start, start + span)}
    busy = union(starts, ends)
    assert busy.total_s == len(moments)
    within = busy.within_s(np.array([float(low)]), np.array([float(high)]))
    assert within[0] == len([m for m in moments if low <= m < high])


@given(st.lists(st.sampled_from([GEMM, ATTENTION, NORM, SILU, REDUCE, SAMPLE, "strange"]),
                min_size=1, max_size=60), st.floats(0.0, 9.0))  # fmt: skip
def test_no_time_is_lost_whatever_the_order(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], gap_us: float
) -> None:
    events = in_a_row([(name, 3.0) for name in names], 0.0, gap_us)
    found = account(tmp_path_factory.mktemp("order"), events)
    line = found.timeline
    assert line is not None
    told_s, whole_s = found.kernels_s * found.steps_count, 3.0 * len(names) * MICRO
    assert told_s == pytest.approx(whole_s) if found.how == "none" else told_s <= whole_s * 1.0001
    assert line.busy_s + line.idle_s == pytest.approx(line.step_s)
    assert sum(verdict_of(found, None).shares_ratio.values()) == pytest.approx(1.0)
