"""``ask go-no-go``, ``criteria``, ``lock-in``, ``ecosystem``: decisions, and what ties them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs import options as o
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.ask_decisions import (
        CriteriaJson,
        EcosystemJson,
        GoNoGoJson,
        LockInJson,
        TemplateJson,
    )


def go_no_go(
    catalog: Catalog,
    file: Annotated[str | None, typer.Argument(help="Answers in TOML; see --template.")] = None,
    answers: Annotated[
        str | None, typer.Option(help="Instead: yes, no or unknown eight times, by comma.")
    ] = None,
    template: Annotated[bool, typer.Option("--template", help="Print a file to fill in.")] = False,
) -> Found[GoNoGoJson | TemplateJson]:
    """Is a technique worth it: eight scored criteria."""
    del catalog  # the answers are the user's own
    from rightrig.report.questions_decisions import go_no_go_document, go_no_go_json
    from rightrig.verbs.deciding import decided, template_text

    if template:
        text = template_text(file, answers)
        return Found(data=lambda: {"template": text}, document=tuple, text=lambda: text)
    found = decided(file, answers)
    return Found(data=lambda: go_no_go_json(found),
        document=lambda: go_no_go_document(found), yes=found.is_go,
    )  # fmt: skip


def criteria(
    catalog: Catalog,
    file: Annotated[str, typer.Argument(help="Criteria, options and weights in TOML.")],
) -> Found[CriteriaJson]:
    """Options by weighted criteria, and what flips it."""
    from rightrig.report.questions_decisions import criteria_document, criteria_json
    from rightrig.verbs.deciding import ranking

    found = ranking(catalog, file)
    return Found(data=lambda: criteria_json(found), document=lambda: criteria_document(found)
    )  # fmt: skip


def lock_in(
    catalog: Catalog,
    on: o.On,
    runtime: Annotated[str, typer.Option(help="vllm, sglang, tensorrt-llm, llama.cpp …")] = "vllm",
    provider: Annotated[str | None, typer.Option(help="Who rents out the cards.")] = None,
    model: Annotated[str, typer.Option(help="For what leaving costs.")] = "llama-3.3-70b",
    rate: Annotated[str, typer.Option(help="Requests: 5/s, 300/min.")] = "1/s",
    input: Annotated[int, typer.Option("--input", help="Tokens of the prompt.")] = 1000,  # noqa: A002
    output: Annotated[int, typer.Option("--output", help="Tokens of the answer.")] = 300,
) -> Found[LockInJson]:
    """What ties you to maker, runtime and provider."""
    from rightrig.report.questions_decisions import lock_in_document, lock_in_json
    from rightrig.verbs.deciding import Move, locked

    found = locked(catalog, Move(on, runtime, provider, model, rate, input, output))
    return Found(data=lambda: lock_in_json(found), document=lambda: lock_in_document(found),
        records=(found.rig.gpu, found.runtime, found.llm),
    )  # fmt: skip


def ecosystem(
    catalog: Catalog,
    gpus: Annotated[list[str], typer.Argument(help="Cards: rtx-4090 mi300x …")],
    debugging: Annotated[
        str | None, typer.Option(help="Work on a card for which nothing is ready: 400h.")
    ] = None,
    wage: Annotated[str | None, typer.Option(help="With --debugging: $100 an hour.")] = None,
) -> Found[EcosystemJson]:
    """The software around cards, counted."""
    from rightrig.planning.questions.ecosystem import ecosystems
    from rightrig.report.questions_decisions import ecosystem_document, ecosystem_json
    from rightrig.verbs.amounts import Purse, labour_of

    cards = tuple({gpu.slug: gpu for gpu in map(catalog.gpu, gpus)}.values())
    found = ecosystems(catalog, cards, labour_of(debugging, wage, Purse()))
    return Found(data=lambda: ecosystem_json(found),
        document=lambda: ecosystem_document(found), records=cards,
    )  # fmt: skip
