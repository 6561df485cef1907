"""Small things to measure: a model of two thin layers, and a plan of a second; also a program.

``python bench_runs.py STORE`` measures again and again, one run after the other, and prints a line
for every share of a run: something to kill.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from rightrig.facts.catalog import shipped
from rightrig.measuring.bench.plan import Plan
from rightrig.measuring.bench.run import Setup, run
from rightrig.measuring.bench.values import BLOCKS, Condition, Figure, Measured, Timing
from rightrig.store.records import NewRun

if TYPE_CHECKING:
    from rightrig.facts.llm import Llm
    from rightrig.measuring.bench.device import Device
    from rightrig.measuring.bench.values import Block, Label, Unit

MIB = 2.0**20


def thin_llm() -> Llm:
    """Return a Llama of two layers, 64 wide."""
    base = shipped().llm("llama-3-8b")
    block = base.blocks[0]
    assert block.attention is not None
    assert block.ffn is not None
    attention = block.attention.model_copy(
        update={"head_count": 4, "kv_head_count": 2, "head_dim": 16}
    )
    ffn = block.ffn.model_copy(update={"inner_size": 128})
    small = block.model_copy(update={"attention": attention, "ffn": ffn})
    return base.model_copy(
        update={"blocks": (small,), "layout": ((0, 2),), "hidden_size": 64, "vocab_size": 256}
    )


def short_plan(*blocks: Block, block_s: float = 5.0) -> Plan:
    """Return a plan of small sizes."""
    return Plan(
        copy_bytes=(MIB, 2.0 * MIB), messages_bytes=(65536.0,), rows_count=(1, 8),
        types=("float32", "bfloat16"), main_types=("float32", "bfloat16"), shapes=(),
        decodes=((2, 32),), prompts_tokens=(16,), steps=((2, 16),), step_prompts_tokens=(8,),
        layers_count=0, models_count=1, stacks_count=1, sample_s=0.001, sustained_s=0.1,
        blocks_s=dict.fromkeys(blocks or BLOCKS, block_s),
    )  # fmt: skip


def small_cache(device: Device) -> Device:
    """Return a device that needs few sets of inputs."""
    return replace(device, cache_bytes=MIB)


def figure(
    block: Block, name: str, unit: Unit, samples_s: tuple[float, ...], **rest: object
) -> Figure:
    """Return a figure; ``rest`` are its other fields."""
    labels: dict[str, Label] = {}
    return Figure(block, name, rest.pop("labels", labels), unit, Timing(samples_s), **rest)  # type: ignore[arg-type]


def measured_on(device: str, *figures: Figure, condition: Condition | None = None) -> Measured:
    """Return a run that found some figures."""
    return Measured(device, device, {}, condition or Condition(), figures, ())


def new_run(machine: str = "here") -> NewRun:
    """Return a run about to start."""
    return NewRun("bench", machine, ("rightrig", "bench"))


def _measure_for_ever(place: str) -> None:
    from rightrig.measuring.bench.device import open_device  # noqa: PLC0415 - in the program
    from rightrig.store import open_store  # noqa: PLC0415

    device, llm = small_cache(open_device("cpu")), thin_llm()
    plan = short_plan("copy", "read", "gemm", "launch", "decode-attention", "stack")
    with open_store(place) as store:
        while True:
            writer = store.begin(new_run())
            run(Setup(device, plan, {"thin": llm}), writer, _say)
            writer.finish()
            _say("kept")


def _say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _measure_for_ever(sys.argv[1])
