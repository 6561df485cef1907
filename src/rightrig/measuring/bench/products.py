"""Block ``gemm``: matrix products of layers of real models, over rows, in every type."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from rightrig.measuring.bench.checking import TF32_RATIO, TOLERATED_RATIO, product_error_ratio
from rightrig.measuring.bench.kernels import kernel_of
from rightrig.measuring.bench.shapes import shapes_of
from rightrig.measuring.bench.timing import timed
from rightrig.measuring.bench.values import Figure
from rightrig.work.operators import gemm_flop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rightrig.measuring.bench.bench import Bench
    from rightrig.measuring.bench.shapes import Shape
    from rightrig.measuring.bench.values import Gap

ELEMENT_BYTES: Final = {
    "float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "float8_e4m3fn": 1.0, "int8": 1.0,
}  # fmt: skip
RESULT_BYTES: Final = {
    "float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "float8_e4m3fn": 2.0, "int8": 4.0,
}  # fmt: skip
_LEAST_INT8_ROWS: Final = 17
"""``torch._int_mm`` refuses fewer on cards."""


@dataclass(frozen=True, slots=True)
class Product:
    """One way to multiply: what prepares a matrix, and what multiplies.

    Attributes:
        stored: Makes inputs or weights of a given size.
        multiply: Takes inputs ``[m, k]`` and weights ``[n, k]``.
        plain: Turns either into numbers for the reference.
    """

    stored: Callable[[int, int], Any]
    multiply: Callable[[Any, Any], Any]
    plain: Callable[[Any], Any]


def products(bench: Bench) -> Iterator[Figure | Gap]:
    """Yield every product of the plan, in an order that no drift is a trend in."""
    plan = bench.plan
    cases = [
        (shape, dtype)
        for shape in distinct_shapes(bench)
        for dtype in plan.types
        if plan.tries(shape.name, dtype)
    ]
    for shape, dtype in bench.shuffle.sample(cases, len(cases)):
        what = f"{shape.model} {shape.name} {dtype}"
        yield from bench.attempt(what, partial(_rows, bench, shape, dtype))


def distinct_shapes(bench: Bench) -> tuple[Shape, ...]:
    """Return the shapes of all models; equal ones of several once."""
    found: dict[tuple[int, int], Shape] = {}
    for model, llm in bench.models():
        for shape in shapes_of(llm, model):
            found.setdefault((shape.inputs_count, shape.outputs_count), shape)
    return tuple(found.values())


def _rows(bench: Bench, shape: Shape, dtype: str) -> Iterator[Figure | Gap]:
    """Yield one shape in one type over all m; its weights are made once."""
    weight_bytes = shape.params_count * ELEMENT_BYTES[dtype]
    if not bench.device.holds(2.0 * weight_bytes):
        yield bench.gap(f"{shape.model} {shape.name} {dtype}", "memory is too small for it")
        return
    product = product_of(bench, dtype)
    sets = bench.device.rotations_count(weight_bytes)
    weights = [product.stored(shape.outputs_count, shape.inputs_count) for _ in range(sets)]
    rows = tuple(dict.fromkeys(bench.plan.rows_of(dtype)))
    for m in bench.shuffle.sample(rows, len(rows)):
        what = f"{shape.model} {shape.name} {dtype} m={m}"
        yield from bench.attempt(
            what, partial(_product, bench, shape, dtype, product, (m, weights))
        )


def _product(
    bench: Bench, shape: Shape, dtype: str, product: Product, data: tuple[int, list[Any]]
) -> Iterator[Figure | Gap]:
    """Yield one product."""
    m, weights = data
    if dtype == "int8" and bench.device.is_card and m < _LEAST_INT8_ROWS:
        yield bench.gap(
            f"{shape.model} {shape.name} int8 m={m}", "PyTorch multiplies int8 from 17 rows on"
        )
        return
    inputs = product.stored(m, shape.inputs_count)

    def call(place: int) -> object:
        return product.multiply(inputs, weights[place % len(weights)])

    found = timed(bench.device, call, bench.method(as_graph=True, sets_count=len(weights)))
    params, element = shape.params_count, ELEMENT_BYTES[dtype]
    moved = params * element + m * (
        shape.inputs_count * element + shape.outputs_count * RESULT_BYTES[dtype]
    )
    plain = (product.plain(inputs[:8]), product.plain(weights[0][:64]))
    yield Figure(
        "gemm", "gemm",
        {"type": dtype, "model": shape.model, "shape": shape.name, "m": m,
         "n": shape.outputs_count, "k": shape.inputs_count},
        "flop", found.timing, flop=float(gemm_flop(m, params)), moved_bytes=moved,
        kernel=kernel_of(bench.device, call), graphed=found.graphed,
        error_ratio=product_error_ratio(*plain, product.multiply(inputs, weights[0])),
        tolerated_ratio=_tolerated_ratio(bench, dtype),
        in_cache=len(weights) * params * element <= bench.device.cache_bytes,
    )  # fmt: skip


def _tolerated_ratio(bench: Bench, dtype: str) -> float:
    """Return the largest error that a type explains."""
    tf32 = bench.device.is_card and bool(bench.torch.backends.cuda.matmul.allow_tf32)
    return TF32_RATIO if tf32 and dtype == "float32" else TOLERATED_RATIO[dtype]


def product_of(bench: Bench, dtype: str) -> Product:
    """Return how a type is multiplied."""
    if dtype == "int8":
        return _int8(bench)
    if dtype == "float8_e4m3fn":
        return _fp8(bench)
    linear = bench.torch.nn.functional.linear
    return Product(
        lambda rows, columns: bench.device.random(rows, columns, dtype=dtype),
        linear,
        lambda tensor: tensor,
    )


def _int8(bench: Bench) -> Product:
    """Return products of integers, with sums in 32 bits."""
    torch = bench.torch

    def stored(rows: int, columns: int) -> Any:  # noqa: ANN401 - a tensor
        return torch.randint(-127, 128, (rows, columns), dtype=torch.int8, device=bench.device.name)

    # Column-major, as engines keep their weights: the transpose of what is stored.
    return Product(stored, lambda x, w: torch._int_mm(x, w.t()), lambda t: t)  # noqa: SLF001


def _fp8(bench: Bench) -> Product:
    """Return products of 8-bit floats, with one scale a tensor and a 16-bit result."""
    torch, device = bench.torch, bench.device
    one = torch.ones((), dtype=torch.float32, device=device.name)

    def stored(rows: int, columns: int) -> Any:  # noqa: ANN401 - a tensor
        # Spread over the type's range, as scaled weights are.
        return device.random(rows, columns, spread_ratio=16.0).to(torch.float8_e4m3fn)

    def multiply(inputs: Any, weights: Any) -> Any:  # noqa: ANN401 - tensors
        return torch._scaled_mm(  # noqa: SLF001 - PyTorch has no public name for it yet
            inputs, weights.t(), scale_a=one, scale_b=one, out_dtype=torch.bfloat16
        )

    return Product(stored, multiply, lambda tensor: tensor.float())
