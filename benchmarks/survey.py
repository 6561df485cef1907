"""Time the configurator's table: every model of the catalogue on a rig never seen before.

    python benchmarks/survey.py

CPU seconds of this process, best of five rigs that differ in their power cap; the tables of the
models are warm, as after the start of a server.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import numpy as np
from figure import Figure

from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.planning.survey.fits import Book, survey_fits
from rightrig.planning.survey.speeds import flows_of_many, speeds_of_many, warm
from rightrig.prediction.regimes import Lengths

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm

CAPS_W = (250, 275, 300, 325, 350)
CAPACITY_SEQS = 64.0
WARM_RIGS = ("1xrtx-3090", "4xrtx-3090", "8xh100-sxm", "1xp40", "1xm2-max")
PAGED_RIGS = ("1xrtx-a6000", "4xrtx-a5000", "4xrtx-a6000", "8xh800-sxm", "1xrtx-3060-12gb")
GGUF_RIGS = ("1xgtx-1080-ti", "1xm2-pro", "1xp40@200w", "1xm2-ultra", "1xm2")
KNOWN_TOKENS = (4096, 8192, 16_384, 32_768, 65_536, 131_072)
ASKED_TOKENS = (5000, 9999, 12_000, 31_000, 70_000)


def _proposed(catalog: Catalog, llms: list[Llm], cap_w: int) -> list[Deployment]:
    """Return the usual deployment of every model that has one."""
    rig = parse_rig(f"4xrtx-4090@{cap_w}w", catalog)
    found = []
    for llm in llms:
        try:
            found.append(propose(catalog, llm, rig))
        except InputError:
            continue
    return found


def _cpu_s(tables: list[list[Deployment]], ask: Callable[[list[Deployment]], object]) -> float:
    """Return the best CPU seconds of one question to each of some rigs."""
    times = []
    for deployments in tables:
        start = time.process_time()
        ask(deployments)
        times.append(time.process_time() - start)
    return min(times)


def fits_figures(catalog: Catalog, llms: list[Llm]) -> list[Figure]:
    """Return what the verdicts of all models on one rig take.

    Of rigs of a kind that is known, at contexts never asked for; llama.cpp's buffers are known at
    ``KNOWN_TOKENS`` and worked out where a context lies between two of them that differ in kind.
    """
    book = Book(catalog, llms)
    start = time.process_time()
    book.warm([parse_rig(text, catalog) for text in WARM_RIGS], KNOWN_TOKENS)
    warm_s = time.process_time() - start

    def asked_s(rigs: tuple[str, ...], contexts_tokens: tuple[int, ...]) -> float:
        times = []
        for text, tokens in zip(rigs, contexts_tokens, strict=True):
            rig = parse_rig(text, catalog)
            start = time.process_time()
            survey_fits(book, rig, Choices(), tokens, 16)
            times.append(time.process_time() - start)
        return float(np.median(times))

    return [
        Figure("survey_fits_warm_cpu", warm_s, "s", 15.0),
        Figure("survey_fits_cpu", asked_s(PAGED_RIGS, ASKED_TOKENS), "s", 0.006),
        Figure("survey_fits_llama_cpp_known_cpu", asked_s(GGUF_RIGS, KNOWN_TOKENS[:5]), "s", 0.006),
        Figure("survey_fits_llama_cpp_cpu", asked_s(GGUF_RIGS, ASKED_TOKENS), "s"),
    ]


def figures(catalog: Catalog) -> list[Figure]:
    """Return what the speeds of all models on one rig take."""
    llms = [catalog.llm(slug) for slug in catalog.slugs("llms")]
    start = time.process_time()
    warm(llms)
    warm_s = time.process_time() - start
    tables = [_proposed(catalog, llms, cap_w) for cap_w in CAPS_W]

    def speeds(deployments: list[Deployment]) -> None:
        lengths = [
            Lengths(float(min(1000, d.llm.max_context_tokens // 2)), 300.0) for d in deployments
        ]
        speeds_of_many(deployments, lengths, 16.0, np.full(len(deployments), CAPACITY_SEQS))

    def flows(deployments: list[Deployment]) -> None:
        lengths = [Lengths(1000.0, 300.0)] * len(deployments)
        flows_of_many(deployments, lengths, 1.0, np.full(len(deployments), CAPACITY_SEQS))

    return [
        *fits_figures(catalog, llms),
        Figure("survey_warm_cpu", warm_s, "s", 3.0),
        Figure("survey_models", float(len(tables[0])), "count"),
        Figure("survey_speeds_cpu", _cpu_s(tables, speeds), "s", 0.006),
        Figure("survey_flows_cpu", _cpu_s(tables, flows), "s", 0.03),
    ]


if __name__ == "__main__":
    measured = figures(shipped())
    for one in measured:
        print(f"{one.name:28}{one.value:8.3g} {one.unit}  {one.budget}")
    sys.exit(0 if all(one.is_kept for one in measured) else 1)
