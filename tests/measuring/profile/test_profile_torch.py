"""Traces that PyTorch's profiler writes here, of a small stack of layers on the processor."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from rightrig.measuring.profile.account import Asked, account_of_trace
from rightrig.measuring.profile.reading import read_profile
from rightrig.measuring.profile.recording import SNIPPET
from rightrig.measuring.profile.trace import Trace
from rightrig.report.profile import unassigned_ratio

LAYERS: Final = 3
ENGINE: Final = Path(__file__).parents[3] / ".cache" / "engines" / "bin" / "python"
TINY: Final = Path(__file__).parents[2] / "support" / "tiny_llama.py"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, float], int]:
    """A trace of three steps, and the profiler's own table: name → time of its own, in seconds."""
    torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed (make engines)")
    from torch.profiler import ProfilerActivity, profile, schedule  # noqa: PLC0415 - is optional

    torch.manual_seed(0)
    step = step_of(torch)
    plan = schedule(wait=0, warmup=1, active=3, repeat=1)
    with (
        torch.inference_mode(),
        profile(activities=[ProfilerActivity.CPU], schedule=plan, record_shapes=True) as profiler,
    ):
        for _ in range(4):
            step()
            profiler.step()
    path = tmp_path_factory.mktemp("torch") / "step.json.gz"
    profiler.export_chrome_trace(str(path))
    averages = profiler.key_averages()
    table = {row.key: row.self_cpu_time_total * 1e-6 for row in averages if "::" in row.key}
    return path, table, sum(row.count for row in averages if "::" in row.key)


def step_of(torch: Any) -> Any:
    """Return a decode step of a dense stack: 8 sequences with a context of 64 tokens."""
    inner, hidden, heads, rows = 512, 256, 4, 8
    weights = [
        [torch.randn(n, k) * 0.02 for n, k in ((3 * hidden, hidden), (hidden, hidden),
                                               (2 * inner, hidden), (hidden, inner))]
        for _ in range(LAYERS)
    ]  # fmt: skip
    head = torch.randn(1000, hidden) * 0.02
    functional = torch.nn.functional
    keys = torch.randn(rows, heads, 64, hidden // heads)
    values = torch.randn_like(keys)

    def step() -> Any:
        x = torch.randn(rows, hidden)
        for qkv, out, into, back in weights:
            queries, _, _ = functional.linear(functional.rms_norm(x, (hidden,)), qkv).chunk(3, -1)
            shaped = queries.reshape(rows, heads, 1, hidden // heads)
            mixed = functional.scaled_dot_product_attention(shaped, keys, values)
            x = x + functional.linear(mixed.reshape(rows, hidden), out)
            both = functional.linear(functional.rms_norm(x, (hidden,)), into)
            gate, up = both.chunk(2, -1)
            x = x + functional.linear(functional.silu(gate) * up, back)
        return functional.linear(functional.rms_norm(x, (hidden,)), head).argmax(-1)

    return step


def test_sums_agree_with_the_profilers_own_table(
    recorded: tuple[Path, dict[str, float], int],
) -> None:
    path, table, calls = recorded
    found = read_profile(path)
    assert isinstance(found, Trace)
    assert found.device == "processor"
    times: dict[str, float] = {}
    for number, span_s in zip(found.name_index.tolist(), found.durations_s.tolist(), strict=True):
        name = found.names[number]
        times[name] = times.get(name, 0.0) + span_s
    assert set(times) == set(table)
    # The table joins an operator and a lone inner one of the same name.
    assert found.kernels_count >= calls
    for name, own_s in table.items():
        # The file has nanoseconds, the table sums of them.
        assert times[name] == pytest.approx(own_s, rel=0.01, abs=5e-6), name
    assert sum(times.values()) == pytest.approx(sum(table.values()), rel=1e-3)


def test_steps_and_operators_of_a_real_trace_are_found(
    recorded: tuple[Path, dict[str, float], int],
) -> None:
    found = read_profile(recorded[0])
    assert isinstance(found, Trace)
    account = account_of_trace(found, Asked(layers_count=LAYERS))
    assert (account.how, account.steps_count) == ("annotations", 3)
    calls = {spent.name: spent.calls_count for spent in account.spent}
    per_product = calls["head"]  # aten::linear and what it calls
    for name in ("qkv", "attention output", "feed-forward: gate, up", "feed-forward: down"):
        assert calls[name] == per_product * LAYERS, name
    assert calls["attention"] >= LAYERS
    assert calls["sampling"] == 1
    assert unassigned_ratio(account) < 0.02
    line = account.timeline
    assert line is not None
    assert line.busy_s == pytest.approx(account.kernels_s, rel=1e-6)
    assert 0.0 < line.idle_s < line.step_s


def test_the_snippet_for_transformers_compiles() -> None:
    compile(SNIPPET, "record.py", "exec")


def test_the_snippet_records_five_decode_steps_of_a_real_model(tmp_path: Path) -> None:
    if not ENGINE.exists():
        pytest.skip("no engine here: make engines")
    model = tmp_path / "model"
    quiet = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "2"}
    subprocess.run(
        [str(ENGINE), str(TINY), str(model), "tiny"], check=True, env=quiet, capture_output=True
    )
    text = SNIPPET.replace('"MODEL"', repr(str(model))).replace("(16, 1000)", "(4, 64)")
    assert text != SNIPPET
    done = subprocess.run(
        [str(ENGINE), "-c", text], cwd=tmp_path, env=quiet, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = read_profile(tmp_path / "step.json.gz")
    assert isinstance(found, Trace)
    account = account_of_trace(found, Asked(layers_count=2))
    assert (account.how, account.steps_count) == ("annotations", 5)
    calls = {spent.name: spent.calls_count for spent in account.spent}
    assert calls["attention"] >= 2
    assert {"qkv", "attention output", "feed-forward: gate, up", "feed-forward: down", "head",
            "norms and activations"} <= set(calls)  # fmt: skip
    assert unassigned_ratio(account) < 0.05, account.unassigned
