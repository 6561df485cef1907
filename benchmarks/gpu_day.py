"""Ten minutes on a machine with one GPU: what it does, written down after every block.

NOT YET RUN ON A GPU: there was none when this was written; a test runs it with --quick on a CPU.

    OUT=results python benchmarks/gpu_day.py [--quick] [--device cpu] [--seconds 560]

It needs this repository (``src`` beside it), PyTorch and, for a served model, transformers; no
network. Blocks are those of ``rightrig bench``; after each one, ``$OUT/gpu_day.json`` holds all
that was found until then, so that a time limit loses nothing. Nothing on the machine is set.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.measuring.bench.device import Device
    from rightrig.measuring.bench.expectation import Subject
    from rightrig.measuring.bench.plan import Plan
    from rightrig.measuring.bench.values import Block, Figure

MODELS: Final = ("llama-3-8b", "llama-3-70b")
SHEET_BYTES_PER_S: Final = 4.8e12
"""Memory bandwidth of an H200 by its datasheet …"""
LEAST_COPY_RATIO: Final = 0.85
"""… and the share of it that a copy should reach, read and written bytes counted."""
SERVED_RATIO: Final = 0.15
"""Share of the time that is kept for the served model."""
PROMPT_TOKENS: Final = 128
ANSWER_TOKENS: Final = 64


def main(words: Sequence[str] | None = None) -> int:
    """Measure block after block; 1 where a copy stays below its share on an H200."""
    wanted = _wanted(words)
    out = Path(os.environ.get("OUT", ".")) / "gpu_day.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    begun_s = time.perf_counter()
    subject, device = _subject(wanted.device)
    written: dict[str, Any] = {
        "host": platform.node(),
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "device": device.name,
        "title": device.title,
        "quick": wanted.quick,
        "blocks": {},
    }
    plan = _plan(device, wanted)
    for block, own_s in plan.blocks_s.items():
        left_s = wanted.seconds - (time.perf_counter() - begun_s)
        if left_s < own_s:
            written["blocks"][block] = {"left_out": f"{left_s:.0f} s were left"}
        else:
            written["blocks"][block] = _block(device, plan, block, subject)
        _write(out, written, begun_s)
    written["copy"] = copy_check(written["blocks"].get("copy", {}).get("figures", []), device.title)
    left_s = wanted.seconds - (time.perf_counter() - begun_s)
    try:
        written["served"] = served(device, wanted.quick, left_s)
    except RuntimeError as error:  # of a card that is too small, or an engine that changed
        written["served"] = {"left_out": str(error)[:500]}
    _write(out, written, begun_s)
    print(json.dumps({"copy": written["copy"], "served": written["served"]}, indent=1))
    return 1 if written["copy"]["is_below"] else 0


def _wanted(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a minute in place of ten")
    parser.add_argument("--device", help="cuda:0 or cpu")
    parser.add_argument("--seconds", type=float, default=560.0, help="all of it, at most")
    parser.add_argument("--blocks", default="", help="of rightrig bench; default: all")
    return parser.parse_args(words)


def _subject(name: str | None) -> tuple[Subject, Device]:
    """Return the device, and what the catalogue knows of it."""
    from rightrig.facts.catalog import shipped  # noqa: PLC0415 - after the path is set
    from rightrig.measuring.bench.device import open_device  # noqa: PLC0415
    from rightrig.verbs.benching import subject_of  # noqa: PLC0415

    catalog = shipped()
    device = open_device(name)
    return subject_of(catalog, device, {model: catalog.llm(model) for model in MODELS}), device


def _plan(device: Device, wanted: argparse.Namespace) -> Plan:
    """Return the plan of ``rightrig bench``, in the time that the served model leaves."""
    from rightrig.measuring.bench.plan import QUICK_S, Asked, plan_for  # noqa: PLC0415

    sustained_s = 2.0 if wanted.quick else 15.0
    total_s = wanted.seconds * (1.0 - SERVED_RATIO) - sustained_s
    only: tuple[Block, ...] = tuple(wanted.blocks.split(",")) if wanted.blocks else ()
    asked = Asked(
        quick=wanted.quick,
        only=only,
        sustained_s=sustained_s,
        total_s=min(total_s, QUICK_S) if wanted.quick else total_s,
    )
    return plan_for(device, asked)


def _block(device: Device, plan: Plan, block: Block, subject: Subject) -> dict[str, Any]:
    """Measure one block; return its figures beside what they should be."""
    from rightrig.measuring.bench.judging import judged  # noqa: PLC0415
    from rightrig.measuring.bench.run import Setup, run  # noqa: PLC0415
    from rightrig.report.bench import bench_json  # noqa: PLC0415

    one = replace(plan, blocks_s={block: plan.blocks_s[block]})
    measured = run(Setup(device, one, subject.llms), None, lambda _: None)
    found: dict[str, Any] = {**bench_json(0, measured, judged(measured, subject, {}))}
    found["samples"] = {figure.key: _samples(figure) for figure in measured.figures}
    found["sights"] = [asdict(sight) for sight in measured.sights]
    print(f"{block}: figures {len(measured.figures)}, left out {len(measured.gaps)}")
    if measured.interrupted:
        raise KeyboardInterrupt
    return found


def _samples(figure: Figure) -> dict[str, Any]:
    """Return every sample of a figure, and the clocks beside them."""
    return {"time_s": figure.timing.samples_s, "clock_hz": figure.timing.clocks_hz}


def copy_check(figures: Sequence[dict[str, Any]], title: str) -> dict[str, Any]:
    """Return the best copy beside 85 % of an H200's datasheet; it binds on an H200 alone."""
    best = max((figure["rate_per_s"] for figure in figures), default=0.0)
    ratio = best / SHEET_BYTES_PER_S
    is_h200 = "H200" in title
    return {
        "best_bytes_per_s": best,
        "h200_ratio": ratio,
        "least_ratio": LEAST_COPY_RATIO,
        "is_h200": is_h200,
        "is_below": is_h200 and ratio < LEAST_COPY_RATIO,
    }


def served(device: Device, is_quick: bool, left_s: float) -> dict[str, Any]:  # noqa: FBT001 - a script
    """Return tokens a second of transformers' continuous batching over concurrency.

    A random Llama, of 8B on a card and a tiny one on a CPU: a true saturation curve of a real
    engine, and no proxy for vLLM, whose kernels transformers has not.
    """
    try:
        from transformers import (  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
            ContinuousBatchingConfig,
            GenerationConfig,
            LlamaConfig,
            LlamaForCausalLM,
        )
    except ImportError:
        return {"left_out": "transformers is not importable"}
    sizes = _sizes(is_small=is_quick or not device.is_card)
    with device.torch.device(device.name):
        model = LlamaForCausalLM(LlamaConfig(**sizes)).to(device.torch.bfloat16).eval()
    model.set_attn_implementation("paged|sdpa")
    generation = GenerationConfig(
        max_new_tokens=ANSWER_TOKENS, do_sample=False, eos_token_id=-1, pad_token_id=0
    )
    blocks = 8 if sizes["hidden_size"] < 1024 else 512  # noqa: PLR2004 - the small one
    engine = {
        "generation_config": generation,
        # Pages of 256 tokens: more than all users need, and no search for the memory's limit.
        "continuous_batching_config": ContinuousBatchingConfig(num_blocks=blocks),
        "persistent_manager": True,
    }
    many = (1, 4) if is_quick else (1, 8, 32, 64)
    # The engine is sized by the first requests that it sees, and warm after them.
    model.generate_batch(inputs=_prompts(device, model, many[-1]), **engine)
    points: list[dict[str, Any]] = []
    until_s = time.perf_counter() + left_s
    for users in many:
        if points and time.perf_counter() + 4.0 * points[-1]["taken_s"] > until_s:
            break
        points.append(_point(device, model, engine, users))
    model.destroy_cached_continuous_batching_manager()
    return {"model": sizes, "points": points}


def _sizes(*, is_small: bool) -> dict[str, int]:
    """Return the sizes of the served model: a small one, or Llama-3-8B."""
    if is_small:
        return {
            "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 512,
            "max_position_embeddings": 512,
        }  # fmt: skip
    return {
        "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
        "max_position_embeddings": 8192,
    }  # fmt: skip


def _prompts(device: Device, model: Any, users: int) -> list[list[int]]:  # noqa: ANN401
    """Return a random prompt for each user."""
    top = model.config.vocab_size
    return [device.torch.randint(1, top, (PROMPT_TOKENS,)).tolist() for _ in range(users)]


def _point(device: Device, model: Any, engine: dict[str, Any], users: int) -> dict[str, Any]:  # noqa: ANN401
    """Return what so many equal requests at once take."""
    prompts = _prompts(device, model, users)
    device.wait()
    begun_s = time.perf_counter()
    answers = model.generate_batch(inputs=prompts, **engine)
    device.wait()
    taken_s = time.perf_counter() - begun_s
    tokens = sum(len(answer.generated_tokens) for answer in answers.values())
    return {
        "users": users, "answers": len(answers), "output_tokens": tokens, "taken_s": taken_s,
        "output_tokens_per_s": tokens / taken_s,
    }  # fmt: skip


def _write(path: Path, content: dict[str, Any], begun_s: float) -> None:
    """Write all that was found; what was there stays whole until the new file is."""
    from rightrig.facts.writing import write_whole  # noqa: PLC0415 - after the path is set

    content["taken_s"] = time.perf_counter() - begun_s
    write_whole(path, (json.dumps(content, indent=1) + "\n").encode())


if __name__ == "__main__":
    sys.exit(main())
