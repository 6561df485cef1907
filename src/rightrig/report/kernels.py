"""Single kernels: matrix products on cards, all-reduces on rigs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.quantities import GB, GIB, MIB, TERA, show_seconds
from rightrig.report.document import Chart, Document, Grid, Length, Paragraph
from rightrig.report.values import interval_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rightrig.interval import Interval
    from rightrig.prediction.kernels import AllReduce, Gemm
    from rightrig.report.schema.predicting import AllReducesJson, GemmsJson


def gemms_document(found: Sequence[Gemm]) -> Document:
    """Return matrix products as a table and a chart, each beside the first of its shape."""
    headers = (
        "M × N × K", "card", "time", "80 % between", "TFLOP/s", "roofline", "of it", "bound by",
        "to the first",
    )  # fmt: skip
    bars = tuple(
        Length(
            f"{_shape(one)} {one.card}",
            one.rate_flop_per_s.mid / _most_flop_per_s(one, found),
            f"{_tera(one.rate_flop_per_s.mid)} TFLOP/s",
        )
        for one in found
    )
    rows = tuple(_gemm_row(one, _first_alike(one, found)) for one in found)
    return (
        Grid(headers, rows, (2, 3, 4, 5, 6, 8), spare=(8, 3)),
        Chart(bars, "TFLOP/s, each shape beside its quickest card"),
        *(Paragraph(sentence) for sentence in dict.fromkeys(_gemm_notes(found))),
        Paragraph(
            "C[M×N] = A[M×K] · B[K×N] with weights B; dense rates, sums in FP32. One kernel alone, "
            "without an engine around it.",
            "dim",
        ),
    )


def _first_alike(gemm: Gemm, found: Sequence[Gemm]) -> Gemm:
    """Return the first product of the same shape."""
    return next(other for other in found if _shape(other) == _shape(gemm))


def _most_flop_per_s(gemm: Gemm, found: Sequence[Gemm]) -> float:
    """Return the highest rate of the same shape."""
    return max(other.rate_flop_per_s.mid for other in found if _shape(other) == _shape(gemm))


def _shape(gemm: Gemm) -> str:
    """Return the sides of a product."""
    return f"{gemm.rows} × {gemm.columns} × {gemm.inner}"


def _tera(rate_flop_per_s: float) -> str:
    """Return a rate in TFLOP/s with three figures."""
    return f"{float(f'{rate_flop_per_s / TERA:.3g}'):,.10g}"


def _between(value: Interval) -> str:
    """Return the ends of an interval of seconds."""
    return f"{show_seconds(value.low)} … {show_seconds(value.high)}"


def _gemm_row(gemm: Gemm, first: Gemm) -> tuple[str, ...]:
    """Return one product as a row."""
    return (
        _shape(gemm),
        gemm.card,
        show_seconds(gemm.time_s.mid),
        _between(gemm.time_s),
        _tera(gemm.rate_flop_per_s.mid),
        _tera(gemm.roofline_flop_per_s),
        f"{gemm.roofline_ratio:.0%}",
        gemm.bound,
        f"{gemm.rate_flop_per_s.mid / first.rate_flop_per_s.mid:.2f}×",
    )


def _gemm_notes(found: Sequence[Gemm]) -> Iterator[str]:
    """Yield what a reader of a benchmark should know of these products."""
    for gemm in found:
        if gemm.fits_l2 and gemm.gpu.l2_bytes:
            yield (
                f"{_shape(gemm)} takes {gemm.working_set_bytes / MIB:.1f} MiB and fits the "
                f"{gemm.gpu.l2_bytes / MIB:.0f} MiB of L2 of {gemm.card}: a benchmark that "
                "repeats it reads L2, and prints more than this roofline of memory."
            )
        if gemm.unpacked:
            yield (
                f"{gemm.card} does not multiply {gemm.format_name}: weights are unpacked to "
                "16 bits."
            )
        yield f"{gemm.card}: from {gemm.evidence}."


def gemms_json(found: Sequence[Gemm]) -> GemmsJson:
    """Return matrix products as JSON."""
    return {
        "products": [
            {
                "gpu": one.card,
                "m": one.rows,
                "n": one.columns,
                "k": one.inner,
                "weights": one.format_name,
                "computed_in": one.computed_in,
                "is_unpacked": one.unpacked,
                "flop": one.flop,
                "working_set_bytes": one.working_set_bytes,
                "fits_l2": one.fits_l2,
                "time_s": interval_json(one.time_s),
                "rate_flop_per_s": interval_json(one.rate_flop_per_s),
                "roofline_flop_per_s": one.roofline_flop_per_s,
                "roofline_ratio": one.roofline_ratio,
                "bound": one.bound,
                "evidence": one.evidence,
                "to_first_ratio": one.rate_flop_per_s.mid
                / _first_alike(one, found).rate_flop_per_s.mid,
            }
            for one in found
        ]
    }


def allreduces_document(found: Sequence[AllReduce]) -> Document:
    """Return all-reduces as a table."""
    headers = (
        "message", "rig", "ranks", "link", "time", "80 % between", "of it latency", "bus bandwidth",
        "ring at rated speed",
    )  # fmt: skip
    rows = tuple(_all_reduce_row(one) for one in found)
    return (
        Grid(headers, rows, (0, 2, 4, 5, 6, 7, 8), spare=(8, 5)),
        *(
            Paragraph(sentence)
            for sentence in dict.fromkeys(f"{one.rig.text}: from {one.evidence}." for one in found)
        ),
        Paragraph(
            "Bus bandwidth as nccl-tests prints it, one direction. A ring at rated speed leaves "
            "out all latency: only long messages come near it.",
            "dim",
        ),
    )


def _message(size_bytes: float) -> str:
    """Return the size of a message as benchmarks of links write it."""
    if size_bytes >= GIB:
        return f"{size_bytes / GIB:.4g} GiB"
    return f"{size_bytes / MIB:.4g} MiB" if size_bytes >= MIB else f"{size_bytes / 1024:.4g} KiB"


def _all_reduce_row(one: AllReduce) -> tuple[str, ...]:
    """Return one all-reduce as a row."""
    return (
        _message(one.message_bytes),
        one.rig.text,
        str(one.ranks_count),
        f"{one.link.kind}, {one.link.bytes_per_s / GB:.4g} GB/s",
        show_seconds(one.time_s.mid),
        _between(one.time_s),
        f"{one.latency_ratio:.0%}",
        f"{one.bus_bytes_per_s / GB:.3g} GB/s",
        show_seconds(one.least_s),
    )


def allreduces_json(found: Sequence[AllReduce]) -> AllReducesJson:
    """Return all-reduces as JSON."""
    return {
        "all_reduces": [
            {
                "rig": one.rig.text,
                "ranks": one.ranks_count,
                "message_bytes": one.message_bytes,
                "link": one.link.kind,
                "link_bytes_per_s": one.link.bytes_per_s,
                "time_s": interval_json(one.time_s),
                "latency_s": one.latency_s,
                "latency_ratio": one.latency_ratio,
                "bus_bytes_per_s": one.bus_bytes_per_s,
                "ring_s": one.least_s,
                "evidence": one.evidence,
            }
            for one in found
        ]
    }
