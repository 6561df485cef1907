"""Times of steps from the tables of a kind of engine (``prediction.step_table``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rightrig.simulation._jit import kernel

if TYPE_CHECKING:
    from rightrig.simulation._rows import Row, Rows


@kernel
def _knot(tables: Rows, first: int, count: int, value_tokens: float) -> int:
    """Return the knot at or below a value, never the last."""
    low, high = 0, count - 1
    while high - low > 1:
        middle = (low + high) >> 1
        if tables[first + middle] <= value_tokens:
            low = middle
        else:
            high = middle
    return low


@kernel
def decode_piece(
    tables: Rows, kind: Row, seqs: int, context_tokens: float
) -> tuple[float, float, float]:
    """Return a decode step's time, its slope in the mean context, and how far the slope holds."""
    knots, count = kind.knots, kind.knots_count
    at = _knot(tables, knots, count, context_tokens)
    low, high = tables[knots + at], tables[knots + at + 1]
    row = kind.decode + seqs * count + at
    slope = (tables[row + 1] - tables[row]) / (high - low)
    room = high - context_tokens if at + 2 < count else np.inf
    return tables[row] + slope * (context_tokens - low), slope, room


@kernel
def _device_s(
    tables: Rows, kind: Row, seqs: int, context_tokens: float
) -> float:  # fmt: skip
    """Return what a decode step takes on the device alone."""
    knots, count = kind.knots, kind.knots_count
    at = _knot(tables, knots, count, context_tokens)
    low, high = tables[knots + at], tables[knots + at + 1]
    row = kind.device + seqs * count + at
    share = (context_tokens - low) / (high - low)
    found: float = tables[row] + share * (tables[row + 1] - tables[row])
    return found


@kernel
def _bilinear_s(
    tables: Rows, corner: int, width: int, down_ratio: float, right_ratio: float
) -> float:
    """Return the value between four neighbours of a table."""
    top = tables[corner] + right_ratio * (tables[corner + 1] - tables[corner])
    below = corner + width
    bottom = tables[below] + right_ratio * (tables[below + 1] - tables[below])
    found: float = top + down_ratio * (bottom - top)
    return found


@kernel
def _prompt_s(
    tables: Rows, kind: Row, seqs: int, prompt_tokens: float, attended_tokens: float
) -> float:
    """Return what prompt tokens add to the device's time."""
    knots, width = kind.prompts, kind.prompts_count
    at = int(tables[kind.prompt_of + int(prompt_tokens)])
    low, high = tables[knots + at], tables[knots + at + 1]
    right = (prompt_tokens - low) / (high - low)
    place = tables[kind.seqs_of + seqs]
    group = min(int(place), kind.groups - 2)
    rows_s = _bilinear_s(tables, kind.rows + group * width + at, width, place - group, right)
    count = kind.knots_count
    along = _knot(tables, kind.knots, count, attended_tokens)
    first, last = tables[kind.knots + along], tables[kind.knots + along + 1]
    share = (attended_tokens - first) / (last - first)
    return rows_s + _bilinear_s(tables, kind.prefill + at * count + along, count, right, share)


@kernel
def _smooth_max_s(left_s: float, right_s: float) -> float:
    """Return ``(x³ + y³)^(1/3)``, as prediction's roofline has it."""
    if right_s <= 0.0:
        return left_s
    return float(np.cbrt(left_s * left_s * left_s + right_s * right_s * right_s))


@kernel
def step_s(tables: Rows, kind: Row, load: tuple[int, float, int, float, int]) -> float:
    """Return the time of a step with prompt tokens in it.

    Args:
        tables: All tables.
        kind: The kind of engine.
        load: Decoding sequences, their mean context, prompt tokens, mean tokens that those
            attend to, and the longest piece of one prompt: pipeline stages and groups of ranks
            share the tokens of a step, but no one piece.
    """
    seqs, context_tokens, prompt_tokens, attended, longest = load
    each = float(prompt_tokens)
    waited = 1.0
    if kind.lanes > 1:
        each = max(each / kind.lanes, float(min(longest, kind.budget // kind.lanes)))
        # Stages: a micro-batch without a prompt waits for its share of those that have one.
        with_prompt = min(prompt_tokens / (each * kind.stages), 1.0)
        waited = with_prompt * (2.0 - with_prompt) if kind.stages > 1 else 1.0
    plain_s = _device_s(tables, kind, seqs, context_tokens) if seqs > 0 else 0.0
    device_s = plain_s + _prompt_s(tables, kind, seqs, each, attended)
    launched_s = plain_s + waited * (_smooth_max_s(device_s, kind.eager_s) - plain_s)
    sequences_s = kind.sequence_s * seqs
    if kind.overlapped:
        return float(kind.step_s + _smooth_max_s(launched_s, sequences_s))
    return float(kind.step_s + launched_s + sequences_s)
