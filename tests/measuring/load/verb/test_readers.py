"""Results of other load generators become levels of our own: the same requests, the same figures.

The files are written here as the tools' sources and documentation say that they write them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rightrig.demand.objective import Slo
from rightrig.errors import InputError
from rightrig.measuring.load.readers import read_results
from rightrig.measuring.load.readers_outcome import recorded_outcome

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.measuring.load.outcome import LevelOutcome

COUNT = 200
FIRST_S, GAP_S, TOKENS = 0.1, 0.02, 10
E2E_S = FIRST_S + GAP_S * (TOKENS - 1)
STARTS_S = np.sort(np.random.default_rng(1).uniform(0.0, 40.0, COUNT)).tolist()
SLO = Slo(ttft_p99_s=0.2, tpot_p90_s=0.03)


def vllm(**changes: Any) -> dict[str, Any]:
    """Return what ``vllm bench serve`` saves; the first request failed."""
    return {
        "date": "20261101-120000", "backend": "openai-chat", "model_id": "llama",
        "num_prompts": COUNT, "request_rate": 5.0, "burstiness": 1.0, "max_concurrency": None,
        "duration": 41.0, "completed": COUNT - 1, "failed": 1,
        "input_lens": [100] * COUNT, "output_lens": [0] + [TOKENS] * (COUNT - 1),
        "ttfts": [0.0] + [FIRST_S] * (COUNT - 1),
        "itls": [[]] + [[GAP_S] * (TOKENS - 1)] * (COUNT - 1),
        "start_times": [700.0 + start for start in STARTS_S],
        "errors": ["Too Many Requests"] + [""] * (COUNT - 1),
    } | changes  # fmt: skip


def guidellm_request(start_s: float, late_s: float = 0.0) -> dict[str, Any]:
    sent_s = 1e9 + start_s + late_s
    return {
        "request_start_time": sent_s, "request_end_time": sent_s + E2E_S,
        "prompt_tokens": 100, "output_tokens": TOKENS,
        "info": {"timings": {
            "targeted_start": 1e9 + start_s, "request_start": sent_s,
            "first_token_iteration": sent_s + FIRST_S, "last_token_iteration": sent_s + E2E_S,
        }},
    }  # fmt: skip


def guidellm(*strategies: dict[str, Any], late_s: float = 0.0) -> dict[str, Any]:
    """Return GuideLLM's ``benchmarks.json``; one request of each benchmark failed."""
    failed = {"request_start_time": 1e9, "prompt_tokens": 100, "info": {"error": "timed out"}}
    requests = {
        "successful": [guidellm_request(start, late_s) for start in STARTS_S[1:]],
        "errored": [failed], "incomplete": [{"info": {"timings": {}}}],
    }  # fmt: skip
    benchmarks = [{"config": {"strategy": one}, "requests": requests} for one in strategies]
    return {"metadata": {"version": 2, "guidellm_version": "0.8.1"}, "benchmarks": benchmarks}


def aiperf() -> list[dict[str, Any]]:
    """Return AIPerf's records: one failed, one is of the warm-up."""
    found = []
    for index, start_s in enumerate(STARTS_S):
        start_ns = 1_759_813_200_000_000_000 + int(start_s * 1e9)
        metadata = {
            "session_num": index, "request_start_ns": start_ns, "benchmark_phase": "profiling",
            "request_end_ns": start_ns + int(E2E_S * 1e9), "was_cancelled": False,
        }  # fmt: skip
        metrics = {
            "input_sequence_length": {"value": 100, "unit": "tokens"},
            "output_sequence_length": {"value": TOKENS, "unit": "tokens"},
            "time_to_first_token": {"value": FIRST_S * 1e3, "unit": "ms"},
            "request_latency": {"value": E2E_S * 1e3, "unit": "ms"},
            "inter_chunk_latency": {"value": [GAP_S * 1e3] * (TOKENS - 1), "unit": "ms"},
        }
        error = {"code": 429, "type": "HTTPError", "message": "busy"} if index == 0 else None
        found.append({"metadata": metadata, "metrics": metrics, "error": error})
    warm = json.loads(json.dumps(found[5]))
    warm["metadata"]["benchmark_phase"] = "warmup"
    return [warm, *found]


def outcomes(folder: Path, *documents: dict[str, Any]) -> list[LevelOutcome]:
    path = folder / "result.json"
    path.write_text("\n".join(json.dumps(document) for document in documents))
    return [recorded_outcome(one, SLO) for one in read_results(path)]


def test_three_tools_that_saw_the_same_give_the_same_figures(tmp_path: Path) -> None:
    found = [
        *outcomes(tmp_path, vllm()),
        *outcomes(tmp_path, guidellm({"type_": "poisson", "rate": 5.0})),
        *outcomes(tmp_path, *aiperf()),
    ]
    for outcome in found:
        assert (outcome.requests_count, outcome.ok_count) == (COUNT, COUNT - 1)
        mean = {m: one.statistics["mean"].value_s.mid for m, one in outcome.latencies.items()}
        assert mean["ttft"] == pytest.approx(FIRST_S, abs=1e-5)
        assert mean["tpot"] == pytest.approx(GAP_S, abs=1e-5)
        assert mean["e2e"] == pytest.approx(E2E_S, abs=1e-5)
        assert outcome.good_ratio == pytest.approx((COUNT - 1) / COUNT)
        assert outcome.error_ratio == pytest.approx(1 / COUNT)
        assert outcome.validity.verdict == "VALID"
        assert outcome.output_tokens_per_s == pytest.approx(
            TOKENS * (COUNT - 1) / (STARTS_S[-1] - STARTS_S[0]), rel=0.02
        )


def test_gaps_are_kept_where_a_tool_saves_them(tmp_path: Path) -> None:
    of_vllm, of_aiperf = outcomes(tmp_path, vllm())[0], outcomes(tmp_path, *aiperf())[0]
    for outcome in (of_vllm, of_aiperf):
        assert outcome.latencies["itl"].count == (COUNT - 1) * (TOKENS - 1)
    (of_guidellm,) = outcomes(tmp_path, guidellm({"type_": "constant", "rate": 5.0}))
    assert "itl" not in of_guidellm.latencies


def test_failures_are_counted_by_kind(tmp_path: Path) -> None:
    assert outcomes(tmp_path, vllm())[0].faults == {"rate-limited": 1}
    (of_guidellm,) = outcomes(tmp_path, guidellm({"type_": "poisson", "rate": 5.0}))
    assert of_guidellm.faults == {"timeout": 1}
    assert outcomes(tmp_path, *aiperf())[0].faults == {"rate-limited": 1}
    assert outcomes(tmp_path, *aiperf())[0].statuses[429] == 1


def test_waiting_in_the_client_counts_where_the_file_says_it(tmp_path: Path) -> None:
    queued = vllm(queue_times=[0.5] * COUNT, latencies=[0.0] + [E2E_S] * (COUNT - 1))
    (outcome,) = outcomes(tmp_path, queued)
    assert outcome.latencies["ttft"].statistics["p50"].value_s.mid == pytest.approx(0.6, abs=1e-5)
    assert outcome.latencies["ttft_sent"].statistics["p50"].value_s.mid == pytest.approx(0.1)
    assert outcome.validity.verdict == "CLIENT-LIMITED"
    (late,) = outcomes(tmp_path, guidellm({"type_": "poisson", "rate": 5.0}, late_s=0.5))
    assert late.latencies["ttft"].statistics["p50"].value_s.mid == pytest.approx(0.6, abs=1e-4)
    assert late.validity.verdict == "CLIENT-LIMITED"


def test_in_a_closed_loop_a_request_is_due_when_it_is_sent(tmp_path: Path) -> None:
    capped = vllm(request_rate="inf", max_concurrency=8, queue_times=[0.5] * COUNT)
    (outcome,) = outcomes(tmp_path, capped)
    assert (outcome.level.kind, outcome.level.concurrency) == ("closed", 8)
    assert outcome.latencies["ttft"].statistics["p50"].value_s.mid == pytest.approx(0.1)


def test_each_benchmark_of_guidellm_is_a_level(tmp_path: Path) -> None:
    strategies = (
        {"type_": "synchronous"}, {"type_": "concurrent", "streams": 4},
        {"type_": "constant", "rate": 3.0}, {"type_": "throughput"},
    )  # fmt: skip
    found = [one.level for one in outcomes(tmp_path, guidellm(*strategies))]
    assert [(one.kind, one.concurrency) for one in found[:2]] == [("closed", 1), ("closed", 4)]
    assert [one.rate_requests_per_s for one in found[2:]] == [3.0, None]


def test_each_tool_says_how_its_words_were_mapped(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    for document, words in (
        (vllm(), "TPOT and ITL are defined as here"),
        (guidellm({"type_": "poisson", "rate": 5.0}), "is TPOT here"),
        (aiperf()[1], "inter_chunk_latency is ITL"),
    ):
        path.write_text(json.dumps(document))
        assert any(words in note for note in read_results(path)[0].notes)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"hello": 1}, "is no result of vllm bench serve"),
        ({"duration": 1.0, "completed": 3}, "save it with --save-detailed"),
        (vllm(ttfts=None), "has no list ttfts"),
        (vllm(itls=[[]]), "differ in length"),
        (vllm(ttfts=["x"] * COUNT), "request 1: ttfts is 'x', no number"),
        (vllm(start_times=[float("nan")] * COUNT), "request 0: start_times is 'nan'"),
        (vllm(input_lens=[-1] * COUNT), "input_lens is '-1'"),
        (vllm(itls=[1] * COUNT), "itls is no list"),
        ({"benchmarks": []}, "benchmarks is no list of runs"),
        ({"benchmarks": [{"requests": {}}]}, "has no requests.successful"),
        ({"benchmarks": [{"requests": {"successful": [3]}}]}, "is no record"),
        ({"benchmarks": [{"requests": {"successful": [{}]}}]}, "request_start_time is 'None'"),
        ({"benchmarks": [{"requests": {"successful": []}}]}, "holds no request"),
        ({"metadata": {"request_start_ns": 1}, "metrics": {}}, "time_to_first_token is 'None'"),
        ({"metadata": {"request_start_ns": "x"}, "metrics": {}}, "request_start_ns is 'x'"),
        ({"metadata": {"request_start_ns": 1}, "metrics": [3]}, "has no metadata and metrics"),
    ],
)
def test_a_wrong_file_is_one_sentence(
    tmp_path: Path, document: dict[str, Any], message: str
) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"wrong\.json") as told:
        read_results(path)
    assert message in str(told.value)


@pytest.mark.parametrize("content", ["[1, 2]", "{", "\x00", "[" * 100_000])
def test_no_object_is_one_sentence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"wrong\.json"):
        read_results(path)
