"""``ask go-no-go``, ``criteria``, ``lock-in``, ``ecosystem``: decisions, and what ties them."""

from __future__ import annotations

from typing import Annotated

import typer

from rightrig.cli import options as o
from rightrig.cli.answer import answer


def go_no_go(
    file: Annotated[str | None, typer.Argument(help="Answers in TOML; see --template.")] = None,
    answers: Annotated[
        str | None, typer.Option(help="Instead: yes, no or unknown eight times, by comma.")
    ] = None,
    template: Annotated[bool, typer.Option("--template", help="Print a file to fill in.")] = False,
    json: o.Json = False,
) -> None:
    """Is a technique worth it: eight scored criteria."""
    from rightrig.cli.deciding import decided, template_text
    from rightrig.report.questions_decisions import go_no_go_document, go_no_go_json

    if template:
        typer.echo(template_text(file, answers, as_json=json), nl=False)
        return
    found = decided(file, answers)
    answer(
        as_json=json, data=lambda: go_no_go_json(found),
        document=lambda: go_no_go_document(found), yes=found.is_go,
    )  # fmt: skip


def criteria(
    file: Annotated[str, typer.Argument(help="Criteria, options and weights in TOML.")],
    catalog: o.CatalogFolders = None,
    json: o.Json = False,
) -> None:
    """Options by weighted criteria, and what flips it."""
    from rightrig.cli.deciding import ranking
    from rightrig.report.questions_decisions import criteria_document, criteria_json

    found = ranking(o.chosen(catalog), file)
    answer(
        as_json=json, data=lambda: criteria_json(found), document=lambda: criteria_document(found)
    )  # fmt: skip


def lock_in(
    on: o.On,
    runtime: Annotated[str, typer.Option(help="vllm, sglang, tensorrt-llm, llama.cpp …")] = "vllm",
    provider: Annotated[str | None, typer.Option(help="Who rents out the cards.")] = None,
    model: Annotated[str, typer.Option(help="For what leaving costs.")] = "llama-3.3-70b",
    rate: Annotated[str, typer.Option(help="Requests: 5/s, 300/min.")] = "1/s",
    input: Annotated[int, typer.Option("--input", help="Tokens of the prompt.")] = 1000,  # noqa: A002
    output: Annotated[int, typer.Option("--output", help="Tokens of the answer.")] = 300,
    catalog: o.CatalogFolders = None,
    json: o.Json = False,
) -> None:
    """What ties you to maker, runtime and provider."""
    from rightrig.cli.deciding import Move, locked
    from rightrig.report.questions_decisions import lock_in_document, lock_in_json

    known = o.chosen(catalog)
    found = locked(known, Move(on, runtime, provider, model, rate, input, output))
    answer(
        as_json=json, data=lambda: lock_in_json(found), document=lambda: lock_in_document(found),
        records=(found.rig.gpu, found.runtime, found.llm),
    )  # fmt: skip


def ecosystem(
    gpus: Annotated[list[str], typer.Argument(help="Cards: rtx-4090 mi300x …")],
    debugging: Annotated[
        str | None, typer.Option(help="Work on a card for which nothing is ready: 400h.")
    ] = None,
    wage: Annotated[str | None, typer.Option(help="With --debugging: $100 an hour.")] = None,
    catalog: o.CatalogFolders = None,
    json: o.Json = False,
) -> None:
    """The software around cards, counted."""
    from rightrig.cli.amounts import Purse, labour_of
    from rightrig.planning.questions.ecosystem import ecosystems
    from rightrig.report.questions_decisions import ecosystem_document, ecosystem_json

    known = o.chosen(catalog)
    cards = list({gpu.slug: gpu for gpu in map(known.gpu, gpus)}.values())
    found = ecosystems(known, cards, labour_of(debugging, wage, Purse()))
    answer(
        as_json=json, data=lambda: ecosystem_json(found),
        document=lambda: ecosystem_document(found), records=cards,
    )  # fmt: skip
