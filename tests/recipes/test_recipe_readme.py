"""README.md of a recipe: every figure is the fit's or the prediction's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from servings import serving

from golden import golden
from rightrig.demand.objective import Slo
from rightrig.prediction.cache_room import printed_tokens
from rightrig.recipes.engines import llama_cpp, lmdeploy, ollama, sglang, tensorrt_llm, vllm
from rightrig.recipes.first_start import log_lines, remedies
from rightrig.recipes.launch import File
from rightrig.recipes.load_test import load_test
from rightrig.recipes.places import shell
from rightrig.recipes.proving.proof import Proof
from rightrig.recipes.proving.room import room_proofs
from rightrig.recipes.proving.topology import topology_script
from rightrig.recipes.readme import readme
from rightrig.recipes.versions import lock_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from program import Program

    from rightrig.recipes.launch import Launch
    from rightrig.recipes.serving import Serving

ENGINES = {
    "vllm": vllm, "sglang": sglang, "tensorrt-llm": tensorrt_llm, "llama.cpp": llama_cpp,
    "ollama": ollama, "lmdeploy": lmdeploy,
}  # fmt: skip
PROMISED = {"peak_requests_per_s": 5.0, "slo": Slo(ttft_p99_s=2.0), "asked": "rightrig recipe …"}


def made(model: str, on: str, **words: Any) -> tuple[Serving, Launch]:
    """Return a deployment and how its engine starts."""
    found = serving(model, on, **words)
    return found, ENGINES[found.runtime.slug].launch_of(found)


def text_of(found: Serving, launch: Launch, proofs: tuple[Proof, ...] = ()) -> str:
    """Return the text beside the usual files."""
    files = [
        *shell.files(found, launch), load_test(found, launch), topology_script(found),
        lock_file(found),
    ]  # fmt: skip
    return readme(found, launch, files, proofs).text


def cases() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield deployments of each engine."""
    for slug in ENGINES:
        weights = {"weights": "q4_k_m"} if slug in {"llama.cpp", "ollama"} else {}
        yield "llama-3.1-8b", "1xh100-sxm", {"runtime": slug, **weights}
    yield "llama-3.1-8b", "2xrtx-4090", {"tp": 2}
    yield "llama-3.1-70b", "2n:4xh100-sxm", {"tp": 4, "pp": 2}
    yield "llama-3.1-8b", "1xmi300x", {}


@pytest.mark.parametrize(("model", "rig", "words"), list(cases()))
def test_every_table_is_whole(model: str, rig: str, words: dict[str, Any]) -> None:
    found, launch = made(model, rig, **words)
    text = text_of(found, launch, room_proofs(found))
    widths = [
        {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        for block in text.split("\n\n") if block.startswith("|")
    ]  # fmt: skip
    assert widths
    assert all(len(width) == 1 for width in widths)
    assert "\n\n\n" not in text
    assert "None" not in text


def test_every_flag_stands_with_its_reason() -> None:
    found, launch = made("llama-3.1-8b", "1xh100-sxm")
    text = text_of(found, launch)
    assert all(f"| `{' '.join(flag.words)}` | {flag.why} |" in text for flag in launch.flags)


def test_the_log_to_compare_is_the_fit_s_own() -> None:
    found, _ = made("llama-3.1-8b", "1xh100-sxm")
    lines = {line.text: line.expected for line in log_lines(found)}
    tokens = printed_tokens(found.deployment, 8192)
    assert lines["GPU KV cache size: … tokens"].startswith(f"{tokens.mid:,.0f} ")
    most = lines["Maximum concurrency for 8,192 tokens per request: …x"]
    assert float(most.partition("x")[0]) == pytest.approx(found.fit.max_concurrency, abs=1.0)


def test_sglang_and_llama_cpp_say_other_lines() -> None:
    found, _ = made("llama-3.1-8b", "1xh100-sxm", runtime="sglang")
    assert [line.text for line in log_lines(found)] == ["max_total_num_tokens=…"]
    found, _ = made(
        "llama-3.1-8b", "1xh100-sxm", runtime="llama.cpp", weights="q4_k_m", context=8000
    )
    assert [line.expected for line in log_lines(found)] == ["8,192 or more"]


def test_a_remedy_says_what_it_frees() -> None:
    found, launch = made("llama-3.1-70b", "4xh100-sxm", tp=4)
    changes = {one.change.split()[0]: one.effect for one in remedies(found, launch)}
    total_gib = found.fit.binding.total_bytes.mid / 2**30
    assert f"{0.02 * total_gib:.2f} GiB" in changes["--gpu-memory-utilization"]
    assert "no promise is touched" in changes["--max-num-seqs"]


def test_hangs_are_spoken_of_only_where_cards_talk() -> None:
    alone, launch = made("llama-3.1-8b", "1xrtx-4090")
    assert "NCCL" not in " ".join(one.change for one in remedies(alone, launch))
    pair, launch = made("llama-3.1-8b", "2xrtx-4090", tp=2)
    changes = [one.change for one in remedies(pair, launch)]
    assert "NCCL_CUMEM_HOST_ENABLE=0" in changes


def test_what_failed_stands_at_the_top() -> None:
    found, launch = made("llama-3.1-8b", "1xh100-sxm")
    proof = Proof("PROVE-FLAGS", "fail", "vllm 0.33.0", "--bogus is unknown", "drop it")
    head = text_of(found, launch, (proof,)).partition("## ")[0]
    assert "vllm 0.33.0: --bogus is unknown. drop it" in head


def test_a_peak_above_the_promised_users_is_said() -> None:
    found, launch = made("llama-3.1-8b", "1xh100-sxm", concurrency=1, use=PROMISED)
    assert "is above what 1 user bring" in text_of(found, launch)
    found, launch = made("llama-3.1-8b", "1xh100-sxm", concurrency=128, use=PROMISED)
    assert "is above what" not in text_of(found, launch)


def test_each_place_has_one_line_that_starts_it() -> None:
    found, launch = made("llama-3.1-8b", "2xrtx-4090", replicas=2)
    paths = ("serve.sh", "compose.yaml", "kubernetes/engine.yaml", "ray/serve.yaml")
    files = [File(path, "", "") for path in paths]
    text = readme(found, launch, files, ()).text
    start = text.partition("## Start")[2].partition("##")[0]
    lines = (
        "`sh serve.sh 0` to `sh serve.sh 1`", "`docker compose up --detach`",
        "`kubectl apply --filename kubernetes/`", "`serve run ray/serve.yaml`",
    )  # fmt: skip
    assert [start.count(line) for line in lines] == [1] * len(lines)


def test_it_reads_like_this() -> None:
    """Figures are those of the speed model, which learns: only the words are held."""
    found, launch = made("llama-3.1-8b", "1xh100-sxm", use=PROMISED)
    text = text_of(found, launch, room_proofs(found)).partition("## The command")[0]
    worded = re.sub(r"\d[\d,.]*( ms| s\b)?", "N", text)
    golden("README-words.md", re.sub(r"rent of one rig, [^|]*", "rent of one rig, … ", worded))


def test_a_fraction_of_free_memory_frees_less_than_one_of_the_card() -> None:
    whole, free = (
        remedies(*made("llama-3.1-8b", "1xh100-sxm", runtime=name))[0]
        for name in ("vllm", "tensorrt-llm")
    )
    assert "leaves 1.58 GiB more" in whole.effect
    # Of the 61 GiB that weights and activations leave.
    assert "leaves 1.22 GiB more" in free.effect


@pytest.mark.parametrize("rig", ["1xh100-sxm", "2n:8xh100-sxm", "1xh100-sxm@mig=3g.40gb"])
def test_what_stands_beside_it_are_commands_that_answer(rig: str, program: Program) -> None:
    found = serving("llama-3.1-8b", rig, runtime="vllm")
    text = readme(found, vllm.launch_of(found), (), ()).text
    commands = re.findall(r"`rightrig ([^`]+)`", text.partition("## Beside it")[2])
    assert commands
    for command in commands:
        code, out, _ = program.run(command)
        assert code in {0, 1}, command
        assert out
