"""``rightrig finetune``: full, LoRA, QLoRA: memory first, then speed, hours, dollars, energy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs import options as o
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.finetune import (
        TrainingAnswerJson,
    )


def finetune(
    catalog: Catalog,
    model: o.Model,
    on: o.OnOrNone = None,
    find: Annotated[bool, typer.Option("--find", help="The cheapest rig that does it.")] = False,
    deadline: Annotated[str | None, typer.Option(help="With --find: done within, 24h.")] = None,
    budget: Annotated[str | None, typer.Option(help="With --find: at most, $500.")] = None,
    own: Annotated[
        list[str] | None, typer.Option(help="With --find: a rig that you have; only power costs.")
    ] = None,
    gpu: Annotated[str | None, typer.Option(help="With --find: only this card.")] = None,
    confidence: Annotated[
        str, typer.Option(help="With --find: surely or likely in memory and time.")
    ] = "likely",
    top: Annotated[int, typer.Option(help="With --find: rigs to show.")] = 10,
    method: Annotated[
        str | None, typer.Option(help="full, lora or qlora; default: a table of all.")
    ] = None,
    tokens: Annotated[
        str | None, typer.Option(help="To train on, padding not among: 100M.")
    ] = None,
    examples: Annotated[str | None, typer.Option(help="Examples, with --length: 50k.")] = None,
    length: Annotated[int | None, typer.Option(help="Mean tokens of an example.")] = None,
    epochs_count: Annotated[
        float, typer.Option("--epochs", help="Times that all of them are read.")
    ] = 1.0,
    sequence: Annotated[int, typer.Option(help="Tokens that sequences are cut to.")] = 2048,
    packing: Annotated[
        bool, typer.Option("--packing/--no-packing", help="Short examples share a sequence.")
    ] = True,
    mean_length: Annotated[
        int | None,
        typer.Option(help="With --no-packing: tokens of an example; the rest is padding."),
    ] = None,
    batch: Annotated[str | None, typer.Option(help="Of a step: 64, or 131072tokens.")] = None,
    micro_batch: Annotated[int | None, typer.Option(help="Sequences of a card at once.")] = None,
    accumulate: Annotated[int | None, typer.Option(help="Micro-batches of a step.")] = None,
    optimizer: Annotated[
        str, typer.Option(help="adamw, adamw-8bit, adafactor or sgd-momentum.")
    ] = "adamw",
    master_weights: Annotated[
        bool, typer.Option("--master-weights/--no-master-weights", help="A 32-bit copy of weights.")
    ] = True,
    compute: Annotated[str | None, typer.Option(help="bf16, fp16, fp8 or fp32.")] = None,
    zero: Annotated[int | None, typer.Option(help="ZeRO stage 0 to 3 of sharing states.")] = None,
    fsdp: Annotated[bool, typer.Option("--fsdp", help="Share all states, as --zero 3.")] = False,
    tp: o.Tp = None,
    pp: o.Pp = None,
    cp: Annotated[int | None, typer.Option(help="Ranks that share one sequence.")] = None,
    checkpointing: Annotated[
        str | None, typer.Option(help="none, selective, alternate or full.")
    ] = None,
    offload: Annotated[str, typer.Option(help="To host memory: none, optimizer, all.")] = "none",
    rank: Annotated[int, typer.Option(help="Of LoRA's matrices.")] = 16,
    targets: Annotated[
        str, typer.Option(help="Of LoRA: query-value, attention or all-linear.")
    ] = "all-linear",
    framework: Annotated[
        str, typer.Option(help="pytorch, torchtune, trl, axolotl, megatron, llm-foundry …")
    ] = "pytorch",
    failures: Annotated[
        str, typer.Option(help="Rate of failures, as 'risk presets' lists, or none.")
    ] = "llama-3",
    save_time: Annotated[str | None, typer.Option(help="Of one save: 60s.")] = None,
    preempted_every: Annotated[
        str | None, typer.Option(help="Mean time until a spot rig is withdrawn: 12h.")
    ] = None,
    measured: Annotated[
        str | None, typer.Option(help="Tokens/s of all cards, as measured: why is it slower?")
    ] = None,
    measured_one: Annotated[
        str | None, typer.Option(help="With --measured: tokens/s of one card alone.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="Print files for torchtune, trl, axolotl or accelerate.")
    ] = None,
    save: Annotated[str | None, typer.Option(help="Folder of charts.")] = None,
) -> Found[TrainingAnswerJson]:
    """Fine-tune there: memory, tokens/s, hours, dollars; or where."""
    given = dict(locals())
    from rightrig.verbs.finetuning import answer_given

    return answer_given(catalog, given)
