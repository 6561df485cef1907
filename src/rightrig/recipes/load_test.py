"""A load test of a recipe: by ``rightrig load``, and the same by ``vllm bench serve``."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.deployment.limits import LAYERED
from rightrig.deployment.propose import MODELLED
from rightrig.measuring.load.commands import Load, Trial, load_text, vllm_command
from rightrig.measuring.load.levels import PLANNED_RATIOS, USUAL_TOTAL_S, Bounds, open_level
from rightrig.quantities import show_number
from rightrig.recipes.launch import File
from rightrig.recipes.monitoring import planned_rate_requests_per_s
from rightrig.recipes.places.cards import machine_engines
from rightrig.recipes.places.gateways import NGINX_PORT
from rightrig.recipes.templating import render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.recipes.launch import Launch
    from rightrig.recipes.serving import Serving

PATH: Final = "load-test.sh"
_URL: Final = "SERVER_URL"
"""Stands for the server in commands, until the shell puts its variable there."""
_WIDTH: Final = 90
_USERS: Final = (1, 4, 16, 64)
"""Levels where no rate is planned or predicted."""


@dataclass(frozen=True, slots=True)
class Step:
    """One level of the test.

    Attributes:
        is_promised: Whether the objectives must hold there.
    """

    about: str
    load: Load
    is_promised: bool


def load_test(serving: Serving, launch: Launch) -> File:
    """Return a script that loads the server with half of the peak, the peak, and beyond."""
    steps = tuple(_steps(serving))
    peak = planned_rate_requests_per_s(serving)
    test = Trial(
        url=_URL,
        name=serving.name,
        # The name of a GGUF file tells no tokenizer; that of the model does.
        tokenizer="" if serving.runtime.slug in LAYERED else serving.checkpoint,
        api="chat",
        input_tokens=serving.input_tokens,
        output_tokens=serving.output_tokens,
        slo=serving.slo,
    )
    text = render(
        PATH,
        model=serving.name,
        rig=serving.deployment.rig.text,
        peak="" if peak is None else show_number(peak),
        is_planned=serving.peak_requests_per_s is not None,
        url=f"http://127.0.0.1:{_port(serving, launch)}",
        steps=[
            {
                "about": step.about,
                "ours": _ours(serving, step.load),
                "theirs": _folded(vllm_command(test, step.load)),
                "is_promised": step.is_promised,
            }
            for step in steps
        ],
    )
    return File(PATH, text, "load at 0.5 to 3 times the peak", is_executable=True)


def _port(serving: Serving, launch: Launch) -> int:
    """Return where the requests go: of several engines, to the gateway before them."""
    return launch.port if machine_engines(serving) == 1 else NGINX_PORT


def _steps(serving: Serving) -> Iterator[Step]:
    """Yield the levels."""
    peak = planned_rate_requests_per_s(serving)
    if peak is None:
        for users in _USERS:
            load = Load(16 * users, users_count=users)
            yield Step(load_text(load), load, users <= serving.concurrency)
        return
    for ratio in PLANNED_RATIOS:
        level = open_level(ratio * peak, Bounds(), serving.slo, USUAL_TOTAL_S)
        load = Load(level.requests_count, rate_requests_per_s=ratio * peak)
        yield Step(f"{ratio:g}× the peak: {load_text(load)}", load, ratio <= 1.0)


def _ours(serving: Serving, load: Load) -> str:
    """Return one level by ``rightrig load``."""
    words = ["rightrig", "load", _URL, "--name", serving.name, *_amount(load)]
    words += ["--input", str(serving.input_tokens), "--output", str(serving.output_tokens)]
    for metric, percentile, limit_s in serving.slo.objectives():
        words += [f"--{metric}-p{percentile}", f"{limit_s:g}s"]
    words += _beside(serving)
    return _folded(shlex.join(words))


def _folded(command: str) -> str:
    """Return a command over several lines, with the server and more words as variables."""
    lines, line = [], ""
    for part in re.split(r" (?=--)", command.replace(_URL, '"$url"', 1)):
        if line and len(line) + len(part) > _WIDTH:
            lines.append(line)
            line = part
        else:
            line = f"{line} {part}".lstrip()
    return " \\\n      ".join([*lines, f'{line} "$@"'])


def _amount(load: Load) -> list[str]:
    """Return how much comes."""
    if load.rate_requests_per_s is not None:
        return ["--rate", f"{load.rate_requests_per_s:.6g}/s"]
    return ["--concurrency", str(load.users_count)]


def _beside(serving: Serving) -> list[str]:
    """Return what is predicted beside the measurement: the deployment itself.

    Layers that were placed by hand, drafts and adapters have no words there.
    """
    deployment = serving.deployment
    slug, split, limits = deployment.runtime.slug, deployment.parallelism, deployment.limits
    if slug not in MODELLED or (slug in LAYERED and deployment.placement.gpu_layers is not None):
        return []
    words = ["--model", serving.name, "--on", deployment.rig.text, "--runtime", slug]
    words += ["--weights", deployment.precision.weights, "--kv", deployment.precision.kv]
    if slug not in LAYERED:
        words += ["--tp", str(split.tp), "--pp", str(split.pp)]
        words += ["--gpu-memory-utilization", f"{limits.memory_ratio:g}"]
    options = (("--dp", split.attention_dp), ("--ep", split.ep), ("--cp", split.context_parallel))
    for name, count in (*options, ("--replicas", split.replicas)):
        words += [name, str(count)] if count > 1 else []
    words += ["--max-seqs", str(limits.max_seqs)]
    return [*words, "--max-batched-tokens", str(limits.max_batched_tokens)]
