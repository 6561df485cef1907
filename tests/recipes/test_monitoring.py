"""What Prometheus reads of a recipe, checked by Prometheus itself; and the load test, run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from mock_llm_process import mock_llm
from promtool import needs_promtool
from servings import serving
from shellcheck import assert_sound

from golden import golden
from rightrig.demand.objective import Slo
from rightrig.recipes.engines import llama_cpp, lmdeploy, vllm
from rightrig.recipes.load_test import load_test
from rightrig.recipes.monitoring import files

if TYPE_CHECKING:
    from rightrig.recipes.launch import Launch
    from rightrig.recipes.serving import Serving

PROMISED = {"peak_requests_per_s": 5.0, "slo": Slo(ttft_p99_s=2.0, tpot_p99_s=0.05)}


def made(
    on: str = "1xh100-sxm", use: dict[str, Any] | None = None, **choices: Any
) -> tuple[Serving, Launch]:
    """Return a deployment and how its engine starts."""
    found = serving("llama-3.1-8b", on, use=PROMISED if use is None else use, **choices)
    engine = {"vllm": vllm, "llama.cpp": llama_cpp, "lmdeploy": lmdeploy}[found.runtime.slug]
    return found, engine.launch_of(found)


@needs_promtool
@pytest.mark.parametrize(
    ("rig", "choices"),
    [
        ("1xh100-sxm", {}),
        ("2xrtx-4090", {"replicas": 2}),
        ("2xrtx-4090", {"runtime": "llama.cpp", "weights": "q4_k_m"}),
        ("1xh100-sxm", {"runtime": "lmdeploy"}),
        ("2n:4xh100-sxm", {"tp": 4, "pp": 2}),
    ],
)
@pytest.mark.parametrize("use", [PROMISED, {}], ids=["promised", "bare"])
def test_promtool_takes_both_files(
    rig: str, choices: dict[str, Any], use: dict[str, Any], tmp_path: Path
) -> None:
    program = shutil.which("promtool")
    assert program is not None
    for file in files(*made(rig, use, **choices)):
        (tmp_path / Path(file.path).name).write_text(file.text)
    for words in (("config", "prometheus.yml"), ("rules", "rules.yml")):
        done = subprocess.run(
            [program, "check", *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        # A busy machine that cannot keep the rate says so, and proves nothing.
    assert done.returncode == 0 or "CLIENT-LIMITED" in done.stdout, done.stdout + done.stderr


def test_every_engine_of_the_machine_is_scraped() -> None:
    scrape = yaml.safe_load(files(*made("2xrtx-4090", replicas=2))[0].text)
    jobs = {job["job_name"]: job for job in scrape["scrape_configs"]}
    assert jobs["engine"]["static_configs"][0]["targets"] == ["127.0.0.1:8000", "127.0.0.1:8001"]
    assert jobs["rightrig"]["static_configs"][0]["targets"] == ["127.0.0.1:9401"]


def test_the_rules_hold_what_is_promised() -> None:
    names = {
        rule.get("alert")
        for group in yaml.safe_load(files(*made())[1].text)["groups"]
        for rule in group["rules"]
    }
    assert {"TtftBudgetBurnsFast", "TpotBudgetBurnsFast"} <= names
    bare = yaml.safe_load(files(*made(use={}))[1].text)["groups"]
    assert "TtftBudgetBurnsFast" not in {r.get("alert") for group in bare for r in group["rules"]}


def test_the_scrape_reads_like_this() -> None:
    golden("prometheus-2xrtx-4090.yml", files(*made("2xrtx-4090", replicas=2))[0].text)


def ran(folder: Path, *words: str, runtime: str = "vllm") -> subprocess.CompletedProcess[str]:
    """Return what the script of a load test did; ``rightrig`` is this very one."""
    script = folder / "load-test.sh"
    script.write_text(load_test(*made(runtime=runtime)).text)
    program = folder / "rightrig"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rightrig "$@"\n')
    program.chmod(0o755)
    shell = shutil.which("sh")
    assert shell is not None
    environment = {**os.environ, "PATH": f"{folder}:/usr/bin:/bin"}
    return subprocess.run(
        [shell, str(script), *words], env=environment, capture_output=True, text=True, check=False,
        cwd=folder,
    )  # fmt: skip


def test_the_load_test_loads_a_server_at_each_level(tmp_path: Path) -> None:
    quick = ("--requests", "4", "--seconds", "30s", "--warmup", "0s", "--no-keep")
    with mock_llm() as server:
        # An engine whose speed is not modelled: nothing is simulated beside.
        done = ran(tmp_path, server.url, "rightrig", *quick, runtime="lmdeploy")
        assert len(server.bodies()) >= 4 * 4, done.stderr
    levels = [line for line in done.stdout.splitlines() if "× the peak: " in line]
    assert levels == [
        "0.5× the peak: 2.5 requests/s", "1× the peak: 5 requests/s",
        "2× the peak: 10 requests/s", "3× the peak: 15 requests/s",
    ]  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_server_that_is_not_there_fails_the_test(tmp_path: Path) -> None:
    done = ran(tmp_path, "http://127.0.0.1:9", "rightrig", "--requests", "1")
    assert done.returncode == 1
    assert done.stderr.count("http://127.0.0.1:9") == 4
    assert "option" not in done.stderr


def test_an_unknown_tool_is_refused(tmp_path: Path) -> None:
    done = ran(tmp_path, "http://127.0.0.1:9", "other")
    assert done.returncode == 2
    assert "rightrig or vllm" in done.stderr


def test_without_a_rate_users_wait_for_their_answers() -> None:
    text = load_test(*made(use={}, runtime="lmdeploy")).text
    assert "--concurrency 1 " in text
    assert "--max-concurrency 1 " in text


def test_several_engines_are_loaded_through_their_gateway() -> None:
    assert "url=${1:-http://127.0.0.1:7088}" in load_test(*made("2xrtx-4090", replicas=2)).text


def test_the_script_is_sound_for_shellcheck(tmp_path: Path) -> None:
    assert_sound(load_test(*made()).text, tmp_path)
