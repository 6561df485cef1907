"""Whether a kernel computes what it should: its result against float64, on random data."""

from __future__ import annotations

from typing import Any, Final

TOLERATED_RATIO: Final = {
    "float32": 1e-4, "bfloat16": 1e-2, "float16": 3e-3, "float8_e4m3fn": 1e-2, "int8": 0.0,
}  # fmt: skip
"""The largest relative error that rounding explains: of the result, where inputs are exact.

A bfloat16 has 8 bits, so that rounding the result alone costs up to 2⁻⁹ = 0.2 %; partial sums and
the weights of a softmax are rounded too. Integers are exact."""
TF32_RATIO: Final = 2e-3
"""The same of products whose inputs are rounded to TF32 (10 bits)."""


def error_ratio(result: Any, reference: Any) -> float:  # noqa: ANN401 - tensors
    """Return ``‖y − y₀‖ / ‖y₀‖`` in float64; NaN where the result holds one."""
    wanted = reference.double()
    return float((result.double() - wanted).norm() / wanted.norm())


def product_error_ratio(inputs: Any, weights: Any, result: Any) -> float:  # noqa: ANN401
    """Return the error of ``x · Wᵀ`` on a corner of it: at most 8 rows and 64 columns.

    All of k is in each of its numbers, so that a kernel that skips a part is found.
    """
    rows, columns = min(8, inputs.shape[0]), min(64, weights.shape[0])
    reference = inputs[:rows].double() @ weights[:columns].double().T
    return error_ratio(result[:rows, :columns], reference)


def attention_error_ratio(queries: Any, keys: Any, values: Any, result: Any) -> float:  # noqa: ANN401
    """Return the error of plain attention of the first sequence's first head."""
    query, key, value = (tensor[0, 0].double() for tensor in (queries, keys, values))
    scores = (query @ key.T / query.shape[-1] ** 0.5).softmax(-1)
    return error_ratio(result[0, 0], scores @ value)


def causal_error_ratio(queries: Any, keys: Any, values: Any, result: Any) -> float:  # noqa: ANN401
    """Return the error of causal attention, of the first head's last query, which sees all."""
    query, key, value = (tensor[0, 0].double() for tensor in (queries, keys, values))
    scores = (query[-1:] @ key.T / query.shape[-1] ** 0.5).softmax(-1)
    return error_ratio(result[0, 0, -1:], scores @ value)
