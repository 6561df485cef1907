"""Options of ``load``; some are those of ``tune`` too."""

from __future__ import annotations

from typing import Annotated

import typer

Url = Annotated[str | None, typer.Argument(help="http://host:8000; nothing else is ever asked.")]
ServedModel = Annotated[
    str | None, typer.Option("--model", help="With --on: what it serves, to predict beside it.")
]
ServedOn = Annotated[
    str | None, typer.Option("--on", help="With --model: on which rig, 8xh100-sxm …, or this.")
]
Name = Annotated[
    str | None, typer.Option("--name", help="The server's name of it; default its only model.")
]
Chat = Annotated[bool, typer.Option("--chat/--completions", help="Which API is asked.")]
UsersLevels = Annotated[
    str | None,
    typer.Option("--concurrency", metavar="N[,N…]", help="Users who each wait: 8, or 1,4,16."),
]
RequestsOfLevel = Annotated[
    int | None, typer.Option("--requests", help="Of each level; default what makes it long enough.")
]
Seconds = Annotated[
    str | None, typer.Option("--seconds", metavar="TIME", help="Most for all of it; default 10min.")
]
Ramp = Annotated[
    bool, typer.Option("--ramp", help="Up to 3 times --rate, or until it breaks; find the point.")
]
PlanFile = Annotated[
    str | None,
    typer.Option("--plan", metavar="FILE[#N]", help="JSON of plan, predict or simulate: its test."),
]
ReadFile = Annotated[
    str | None,
    typer.Option("--read", metavar="FILE", help="Results of vllm bench serve, GuideLLM, AIPerf."),
]
Warmup = Annotated[
    str | None, typer.Option(metavar="TIME", help="Of each level, not counted; default found.")
]
AnswerTimeout = Annotated[
    str | None, typer.Option("--timeout", metavar="TIME", help="Most for one answer; default 600s.")
]
IgnoreEos = Annotated[
    bool, typer.Option("--ignore-eos/--no-ignore-eos", help="Ask for answers of exact length.")
]
TokenizerFile = Annotated[
    str | None, typer.Option("--tokenizer", metavar="PATH", help="tokenizer.json that counts.")
]
ApiKeyEnv = Annotated[
    str | None, typer.Option("--api-key-env", metavar="NAME", help="Variable that holds the key.")
]
CsvFile = Annotated[str | None, typer.Option("--csv", metavar="FILE", help="Write every request.")]
Keep = Annotated[bool, typer.Option("--keep/--no-keep", help="Keep the run ('runs list').")]
