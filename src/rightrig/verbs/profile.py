"""``rightrig profile``: where a step's time goes, beside what the roofline allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs import options as o
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.profiling import ProfileAnswerJson


def profile(
    catalog: Catalog,
    file: Annotated[
        str | None,
        typer.Argument(help="Chrome trace, or CSV of nsys stats, ncu, rocprofv3; .gz too."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="The model that ran: compare with the roofline.")
    ] = None,
    on: o.OnOrNone = None,
    batch: Annotated[
        int | None, typer.Option(help="Sequences that decode in a step; default as the file says.")
    ] = None,
    context: Annotated[
        int | None, typer.Option(help="Their mean tokens; default as the file says, or 1000.")
    ] = None,
    prompt_tokens: Annotated[
        int | None, typer.Option(help="Prompt tokens of a step; default as the file says.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Steps that the file holds, where it does not tell.")
    ] = None,
    record: Annotated[
        str | None,
        typer.Option(
            metavar="ENGINE",
            help="How to record vllm, sglang, tensorrt-llm, llama.cpp or transformers.",
        ),
    ] = None,
    runtime: o.Runtime = None,
    weights: o.Weights = None,
    kv: o.Kv = None,
    tp: o.Tp = None,
    pp: o.Pp = None,
    dp: o.AttentionDp = None,
    ep: o.ExpertParallel = None,
    cp: o.ContextParallel = None,
) -> Found[ProfileAnswerJson]:
    """Where a step's time goes, beside the roofline."""
    from rightrig.verbs.profiling import Choices, Words, answer_of

    fixed = Choices(
        runtime, weights, kv, tp, pp, attention_dp=dp, context_parallel=cp, expert_parallel=ep
    )
    words = Words(file, model, on, batch, context, prompt_tokens, steps, record)
    return answer_of(catalog, words, fixed)
