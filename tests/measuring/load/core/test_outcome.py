"""From a few records to figures that can be worked out by hand."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rightrig.demand.objective import Objective, Slo
from rightrig.measuring.load.faults import KINDS, MEANINGS
from rightrig.measuring.load.level_outcome import (
    are_good,
    kept_by,
    latencies_of,
    request_metrics_s,
)
from rightrig.measuring.load.outcome_samples import Record, samples_of, usage_check

if TYPE_CHECKING:
    from rightrig.measuring.load.faults import Kind


def record(due_s: float, *stamps_s: float, kind: Kind = "ok", **more: Any) -> Record:
    """Return a request that was sent 0.1 s late, and has a chunk a token unless it is said."""
    given: dict[str, Any] = {
        "sent_s": due_s + 0.1,
        "first_byte_s": due_s + 0.2,
        "done_s": stamps_s[-1] + 0.01 if stamps_s else due_s + 0.3,
        "usage_input_tokens": 10,
        "usage_output_tokens": len(stamps_s),
        "status": 200,
    }
    row = int(due_s * 10)
    return Record(row, due_s, 10, 8, stamps_s=array("d", stamps_s), kind=kind, **(given | more))


GOOD = record(0.0, 1.0, 1.5, 2.0)
MERGED = record(1.0, 1.5, 2.5, usage_output_tokens=5)
SINGLE = record(2.0, 2.5)
BROKEN = record(3.0, 3.2, 3.3, kind="reset")
SAMPLES = samples_of([BROKEN, GOOD, SINGLE, MERGED], None)
ALL = np.ones(4, np.bool_)


def test_rows_are_in_the_order_of_dispatch() -> None:
    assert list(SAMPLES.row) == [0, 10, 20, 30]
    assert list(SAMPLES.is_ok) == [True, True, True, False]
    assert list(SAMPLES.output_tokens) == [3, 5, 1, 0]
    assert list(SAMPLES.chunks_count) == [3, 2, 1, 2]


def test_metrics_are_those_of_their_definitions() -> None:
    metrics = request_metrics_s(SAMPLES)
    assert metrics["ttft"][:3] == pytest.approx([1.0, 0.5, 0.5])
    assert metrics["ttft_sent"][:3] == pytest.approx([0.9, 0.4, 0.4])
    # (last − first) / (tokens − 1): by the server's count where chunks hold several tokens.
    assert metrics["tpot"][:2] == pytest.approx([0.5, 0.25])
    assert np.isnan(metrics["tpot"][2])
    assert metrics["e2e"][:3] == pytest.approx([2.0, 1.5, 0.5])
    assert metrics["lag"] == pytest.approx([0.1] * 4)


def test_failures_have_no_latency_but_their_dispatch() -> None:
    found = latencies_of(SAMPLES, ALL)
    assert {metric: latency.count for metric, latency in found.items()} == {
        "ttft": 3, "ttft_sent": 3, "tpot": 2, "e2e": 3, "lag": 4, "itl": 3,
    }  # fmt: skip
    assert found["itl"].statistics["mean"].value_s.mid == pytest.approx(2.0 / 3.0)
    assert found["itl"].max_s == pytest.approx(1.0)


def test_goodput_counts_failures() -> None:
    assert list(are_good(SAMPLES, Slo(ttft_p99_s=0.6))) == [False, True, True, False]
    assert list(are_good(SAMPLES, Slo(tpot_p50_s=0.3))) == [False, True, True, False]
    assert list(are_good(SAMPLES, Slo(e2e_p99_s=9.0))) == [True, True, True, False]
    assert list(are_good(SAMPLES, Slo(itl_p99_s=0.1))) == [True, True, True, False]


def test_an_objective_sees_failures_as_infinitely_late() -> None:
    half = kept_by(SAMPLES, ALL, Objective("ttft", 50, 0.7))
    most = kept_by(SAMPLES, ALL, Objective("ttft", 99, 5.0))
    assert (half.is_kept, half.value_s.mid) == (True, 0.5)
    assert (most.is_kept, most.value_s.mid) == (False, np.inf)
    nothing = kept_by(SAMPLES, ~ALL, Objective("ttft", 50, 0.7))
    assert not nothing.is_kept


def test_gaps_name_the_request_that_they_are_of() -> None:
    columns = SAMPLES.gap_columns()
    assert list(columns["sample"]) == [0, 0, 1, 3]
    assert set(SAMPLES.request_columns()) >= {"due_s", "sent_s", "first_token_s", "kind_index"}
    assert all(len(column) == 4 for column in SAMPLES.request_columns().values())


class Words:
    def count(self, text: str) -> int:
        return len(text.split())


def test_tokens_are_counted_by_the_best_that_there_is() -> None:
    texts = [record(0.0, 1.0, 1.5, text="a b c d", usage_output_tokens=n) for n in (4, -1)]
    with_words = samples_of(texts, Words())
    assert list(with_words.output_tokens) == [4, 4]
    assert usage_check(texts, with_words, Words()).source == "mixed"
    without = samples_of(texts, None)
    assert list(without.output_tokens) == [4, 2]


def test_a_tokenizer_finds_a_server_that_counts_wrong() -> None:
    records = [record(0.0, 1.0, 1.5, text="a b", usage_output_tokens=n) for n in (2, 8)]
    found = usage_check(records, samples_of(records, Words()), Words())
    assert (found.checked_count, found.wrong_count) == (2, 1)
    assert "tokenizer" in found.notes[0]


def test_every_kind_has_a_meaning() -> None:
    assert set(MEANINGS) == set(KINDS)
    assert KINDS[0] == "ok"
