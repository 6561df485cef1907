"""Options of ``tune`` alone."""

from __future__ import annotations

from typing import Annotated

import typer

Knobs = Annotated[
    list[str] | None,
    typer.Option("--knob", metavar="NAME=V[,V…]", help="A knob and its values; may be repeated."),
]
Baseline = Annotated[
    str | None,
    typer.Option(metavar="NAME=V[,…]", help="Every knob as it is now; nothing runs without it."),
]
EngineCommand = Annotated[
    str | None,
    typer.Option(
        "--engine", metavar="COMMAND", help="What starts it, with places: {port}, {max_num_seqs} …"
    ),
]
EngineUrl = Annotated[
    str | None,
    typer.Option("--url", help="Where it answers; default http://127.0.0.1:{port}."),
]
Simulate = Annotated[
    bool, typer.Option("--simulate", help="On the simulator in place of an engine.")
]
MetricName = Annotated[
    str | None,
    typer.Option(
        "--metric",
        help="output-tokens, requests, goodput (default with objectives), ttft-p99 …",
    ),
]
Repeats = Annotated[int, typer.Option(help="Runs of each setting; 3 or more.")]
OneStart = Annotated[
    bool, typer.Option("--one-start", help="One start a setting: quicker, but starts differ.")
]
StartTimeout = Annotated[
    str, typer.Option(metavar="TIME", help="Most for the engine to start.")
]  # fmt: skip
RunRequests = Annotated[
    int | None, typer.Option("--requests", help="Of each run; default 200, simulated 1,000.")
]
RunSeconds = Annotated[
    str, typer.Option("--seconds", metavar="TIME", help="Most for sending in a run.")
]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Measure again what this experiment has measured.")
]
Keep = Annotated[
    bool, typer.Option("--keep/--no-keep", help="Keep runs ('runs list'), to go on from them.")
]
AcceptanceOfDrafts = Annotated[
    float | None,
    typer.Option("--acceptance", help="With spec_tokens: share of drafts that are accepted."),
]
