"""The matrix of what fits says, cell by cell, what ``fit`` says."""

from __future__ import annotations

import functools
import random

import numpy as np
import pytest

import rightrig
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError, UnknownNameError
from rightrig.planning.matrix import (
    MATRIX_FORMATS,
    NOT_LOADED,
    VERDICTS,
    Matrix,
    fit_matrix,
    fitting_counts,
    is_offered,
    largest_fitting,
)
from rightrig.prediction.memory_fit import Fit, fit
from rightrig.work.weights import total_params_count

CATALOG = rightrig.shipped()
LLMS = tuple(CATALOG.llm(slug) for slug in CATALOG.slugs("llms"))
GPUS = CATALOG.gpus()
TOKENS = 8192
SAMPLE = 200


@functools.cache
def whole(cards: int) -> Matrix:
    return fit_matrix(CATALOG, LLMS, GPUS, MATRIX_FORMATS, TOKENS, cards)


def fitted(model: str, rig: str, weights: str, tokens: int = TOKENS, seqs: int = 1) -> Fit | None:
    """What ``fit`` says of the first runtime that loads the format, as the matrix chooses."""
    llm = CATALOG.llm(model)
    for runtime in ("vllm", "llama.cpp"):
        try:
            choices = Choices(runtime=runtime, weights=weights)
            asked = propose(CATALOG, llm, parse_rig(rig, CATALOG), choices)
        except InputError:
            continue
        return fit(asked, min(tokens, llm.max_context_tokens), seqs)
    return None


@pytest.mark.parametrize("cards", [1, 2, 8])
def test_every_cell_is_the_verdict_of_fit(cards: int) -> None:
    matrix = whole(cards)
    places = list(np.ndindex(matrix.codes.shape))
    compared = 0
    for row, column, form in random.Random(cards).sample(places, SAMPLE):  # noqa: S311 - a sample
        llm, gpu, name = LLMS[row], GPUS[column], MATRIX_FORMATS[form]
        if not is_offered(llm, name):
            assert matrix.verdict(row, column, form) == "–"
            continue
        found = fitted(llm.name, f"{cards}x{gpu.slug}", name)
        expected = "–" if found is None else found.verdict
        assert matrix.verdict(row, column, form) == expected, (llm.slug, gpu.slug, name)
        compared += found is not None
    assert compared > SAMPLE / 4


def test_the_matrix_counts_the_buffers_of_cards_on_a_switch() -> None:
    llm, slugs = CATALOG.llm("llama-3.3-70b"), ("h100-sxm", "h100-pcie")
    gpus = [CATALOG.gpu(slug) for slug in slugs]
    matrix = fit_matrix(CATALOG, [llm], gpus, ["bf16"], TOKENS, 8)
    for column, slug in enumerate(slugs):
        found = fitted(llm.name, f"8x{slug}", "bf16", TOKENS)
        assert found is not None
        low, high = matrix.least_seqs[0, column, 0], matrix.most_seqs[0, column, 0]
        assert low <= found.max_concurrency <= high
    assert matrix.most_seqs[0, 0, 0] < matrix.most_seqs[0, 1, 0]


@pytest.mark.parametrize(
    ("model", "gpu", "weights"),
    [
        ("llama-3.1-8b", "rtx-4090", "checkpoint"), ("llama-3.3-70b", "h200-sxm", "fp8"),
        ("gpt-oss-20b", "l40s", "checkpoint"), ("qwen3-8b", "m4-max", "q4_k_m"),
        ("gemma-3-27b-it", "mi300x", "bf16"),
    ],
)  # fmt: skip
def test_the_concurrencies_hold_what_fit_holds(model: str, gpu: str, weights: str) -> None:
    matrix = fit_matrix(CATALOG, [CATALOG.llm(model)], [CATALOG.gpu(gpu)], [weights], 2048)
    found = fitted(model, f"1x{gpu}", weights, 2048)
    assert found is not None
    assert matrix.verdict(0, 0, 0) == found.verdict
    assert matrix.least_seqs[0, 0, 0] <= found.max_concurrency <= matrix.most_seqs[0, 0, 0]


def test_a_longer_context_never_lets_a_model_in() -> None:
    longer = fit_matrix(CATALOG, LLMS, GPUS, MATRIX_FORMATS, 4 * TOKENS)
    assert (longer.codes >= whole(1).codes).all()
    assert (longer.most_seqs <= whole(1).most_seqs).all()


def test_pessimists_never_count_more_sequences_than_optimists() -> None:
    for cards in (1, 2, 8):
        matrix = whole(cards)
        assert (matrix.least_seqs <= matrix.most_seqs).all()
        assert (matrix.most_seqs[matrix.codes == VERDICTS.index("fits")] >= 1).all()
        assert (matrix.most_seqs[matrix.codes == NOT_LOADED] == 0).all()


def test_fewer_bits_never_keep_a_model_out_where_both_are_loaded() -> None:
    both = fit_matrix(CATALOG, LLMS, GPUS, ("bf16", "fp8"), TOKENS).codes
    loaded = (both != NOT_LOADED).all(axis=2)
    assert loaded.sum() > 1000
    assert (both[loaded][:, 1] <= both[loaded][:, 0]).all()


def test_a_quantised_checkpoint_keeps_its_format_or_becomes_a_gguf() -> None:
    native = CATALOG.llm("deepseek-v3")
    assert native.checkpoint.format == "fp8-block"
    offered = {name for name in MATRIX_FORMATS if is_offered(native, name)}
    assert offered == {"checkpoint", "fp8", "q4_k_m"}
    assert all(is_offered(CATALOG.llm("llama-3.1-8b"), name) for name in MATRIX_FORMATS)


def test_counts_and_the_largest_are_those_of_the_cells() -> None:
    matrix = whole(1)
    counts = fitting_counts(matrix)
    place = next(n for n, gpu in enumerate(GPUS) if gpu.slug == "rtx-4090")
    held = [llm for n, llm in enumerate(LLMS) if matrix.codes[n, place, 0] <= 1]
    assert counts[place, 0] == len(held)
    largest = largest_fitting(matrix, place, 0)
    assert largest is not None
    assert total_params_count(largest) == max(total_params_count(llm) for llm in held)
    # Nothing loads on a card that neither runtime knows.
    none = next(n for n, gpu in enumerate(GPUS) if gpu.slug == "tpu-v5e")
    assert largest_fitting(matrix, none, 0) is None


def test_a_format_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="no weight format is called 'q99'"):
        fit_matrix(CATALOG, LLMS[:1], GPUS[:1], ("q99",), TOKENS)
