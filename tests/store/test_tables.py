"""Kept runs as rows of the tables that ``accuracy`` reads."""

from __future__ import annotations

from kept_runs import SERVED, closed_level, load_run

from rightrig.facts.catalog import shipped
from rightrig.facts.measurement import TABLES, Measurement
from rightrig.prediction.reading_runs import read_run
from rightrig.store.records import NewRun, Run, Status, Value
from rightrig.store.tables import METRICS, inference_rows, inference_table
from rightrig.store.targets import WORKLOADS, measured

FIGURES = {
    "ttft_s": 0.05, "tpot_s": 0.0125, "output_tokens_per_s": 310.5, "total_tokens_per_s": 1345.5,
    "requests_per_s": 1.035, "decode_tokens_per_s_per_seq": 80.0,
}  # fmt: skip


def kept(values: list[Value], status: Status = "finished", new: NewRun | None = None) -> Run:
    return Run(7, new or load_run(), status, "2026-11-21T10:00:00.000+00:00", "", tuple(values))


def test_a_closed_level_makes_a_row_a_figure_in_the_units_of_the_table() -> None:
    rows = inference_rows([kept(closed_level(4, **FIGURES))])
    assert all(tuple(row) == TABLES["inference"] for row in rows)
    assert {row["metric"]: row["value"] for row in rows} == {
        "ttft_ms": "50", "tpot_ms": "12.5", "output_tok_s_total": "310.5",
        "total_tok_s": "1345.5", "req_s": "1.035", "decode_tok_s_per_seq": "80",
    }  # fmt: skip
    assert {tuple(row[c] for c in ("source", "date", "isl", "osl", "concurrency_or_batch", "gpu",
            "gpu_count", "tp", "pp", "model", "weight_dtype", "kv_dtype", "runtime", "version"))
            for row in rows} == {
        ("mine/bench-1", "2026-11-21", "1000", "300", "4", "rtx-4090", "1", "1", "1",
         "meta-llama/Llama-3.1-8B", "fp8", "bf16", "vllm", "0.19.0"),
    }  # fmt: skip


def test_every_row_is_a_run_that_can_be_predicted() -> None:
    (*rows,) = inference_rows([kept(closed_level(1, **FIGURES))])
    assert len(rows) == len(METRICS)
    for number, row in enumerate(rows, 1):
        read = read_run(Measurement(number, row), shipped())
        assert read.llm.name == SERVED.model
        assert read.input_tokens == 1000.0
        if row["metric"] == "ttft_ms":
            assert (read.regime, read.seqs, read.measured) == ("closed_loop", 1.0, 0.05)


def test_only_means_of_sound_closed_levels_of_finished_runs_make_rows() -> None:
    (mean,) = closed_level(4, ttft_s=0.05)
    changes: dict[str, dict[str, str | float]] = {
        "p99": {"statistic": "p99"},
        "open": {"rate_requests_per_s": 5.0},
        "limited": {"verdict": "CLIENT-LIMITED"},
        "few": {"verdict": "TOO-FEW"},
        "sound": {"verdict": "VALID"},
    }
    labels = {name: {**mean.labels, **change} for name, change in changes.items()}
    del labels["open"]["concurrency"]
    values = [mean, *(Value("ttft_s", 1.0, of) for of in labels.values()), Value("ttft_s", 1.0)]
    table = inference_table([kept(values)])
    assert [row["value"] for row in table.rows] == ["50", "1000"]
    assert table.left_out == {
        "an open-loop level has no concurrency": 2,
        "their level is CLIENT-LIMITED": 1,
        "their level is TOO-FEW": 1,
    }
    for status in ("running", "interrupted", "failed", "died"):
        table = inference_table([kept([mean], status)])
        assert table.rows == ()
        assert table.left_out == {f"their run is {status}, not finished": 1}
    assert inference_rows([kept([mean], new=load_run(kind="bench"))]) == ()
    assert inference_rows([kept([mean], new=load_run(served=None))]) == ()
    assert inference_rows([kept([Value("ttft_s", 0.0, mean.labels)])]) == ()


def test_a_workload_was_measured_when_a_level_of_a_run_is_it() -> None:
    one, chat, _ = WORKLOADS
    run = kept(closed_level(1, ttft_s=0.05, tpot_s=0.01))
    found = measured([run], one, lambda served: served == SERVED)
    assert found is not None
    assert (found.run, found.ttft_s, found.tpot_s, found.output_tokens_per_s) == (
        run, 0.05, 0.01, None,
    )  # fmt: skip
    assert measured([run], chat, lambda _: True) is None
    assert measured([run], one, lambda _: False) is None
    assert measured([kept(list(run.values), "interrupted")], one, lambda _: True) is None
    longer = [Value(v.name, v.value, {**v.labels, "input_tokens": 1200}) for v in run.values]
    assert measured([kept(longer)], one, lambda _: True) is None
    near = [Value(v.name, v.value, {**v.labels, "input_tokens": 1050.5}) for v in run.values]
    assert measured([kept(near)], one, lambda _: True) is not None
