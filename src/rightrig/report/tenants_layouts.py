"""The layouts of a card as text and JSON: what each holds, and what it strands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.planning.tenancy.mig_layouts import multisets, stranded
from rightrig.quantities import show_gib
from rightrig.recipes.mig import creation, placed_creation
from rightrig.report.document import Document, Grid, Paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.facts.gpu import Gpu
    from rightrig.planning.tenancy.mig_layouts import Layout, Stranded
    from rightrig.report.schema.tenancy import (
        BareLayoutJson,
        LayoutsJson,
        RequestedLayoutJson,
        StrandedJson,
    )


def layouts_document(gpu: Gpu, layouts: Sequence[Layout]) -> Document:
    """Return the full layouts of a card, one line for each collection of profiles."""
    unique = multisets(layouts)
    title = (
        f"{gpu.slug}: {len(unique)} full layouts, {len(layouts)} with places told apart; none has "
        "room for one more instance"
    )
    rows = tuple(
        (
            layout.text,
            _sms_text(gpu, lost := stranded(gpu, layout)),
            f"{lost.memory_slices_count} of {layout.table.memory_slice_total}",
            show_gib(lost.memory_bytes),
            placed_creation(layout),
        )
        for layout in unique
    )
    headers = ("layout", "SMs stranded", "slices stranded", "memory stranded", "one placement")
    note = (
        "SMs are counted against the whole card outside MIG mode. Of layouts that differ in "
        "places only, one is shown; a place is PROFILE:START, as nvidia-smi mig -cgi takes it."
    )
    return (Paragraph(title, "title"), Grid(headers, rows, (1, 2, 3), spare=(4,)),
            Paragraph(note, "dim"))  # fmt: skip


def layouts_json(gpu: Gpu, layouts: Sequence[Layout]) -> LayoutsJson:
    """Return the full layouts of a card as JSON."""
    unique = multisets(layouts)
    return {
        "gpu": gpu.slug,
        "positional_count": len(layouts),
        "multisets_count": len(unique),
        "layouts": [
            {**layout_json(layout), "stranded": stranded_json(stranded(gpu, layout))}
            for layout in unique
        ],
    }


def layout_document(gpu: Gpu, layout: Layout) -> Document:
    """Return one layout that was asked for: its places and what it strands."""
    rows = tuple(
        (
            placed.profile.profile,
            str(placed.start),
            str(layout.table.positions_count(placed.profile)),
            str(placed.profile.sm_count or "unknown"),
        )
        for placed in layout.placed
    )
    short = creation(layout)
    how = (
        f"Created in any place, in this order, it always ends so: -cgi {short}."
        if short is not None
        else "No order of creation is sure to end so: the driver may put an instance where another "
        f"one has its only place. With places: -cgi {placed_creation(layout)}."
    )
    return (
        Paragraph(f"{gpu.slug} holds {layout.text}", "good"),
        Grid(("profile", "start", "positions", "SMs"), rows, (1, 2, 3)),
        Paragraph(stranded_text(gpu, stranded(gpu, layout))),
        Paragraph(how),
    )


def layout_json(layout: Layout) -> BareLayoutJson:
    """Return one layout as JSON."""
    return {
        "layout": layout.counts,
        "placements": [
            {"profile": placed.profile.profile, "start": placed.start} for placed in layout.placed
        ],
        "creation": creation(layout),
        "placed_creation": placed_creation(layout),
    }


def requested_json(gpu: Gpu, layout: Layout, recipe: str = "") -> RequestedLayoutJson:
    """Return one layout that was asked for as JSON, and a recipe if any."""
    bare = layout_json(layout)
    told: RequestedLayoutJson = {
        "gpu": gpu.slug,
        "layout": bare["layout"],
        "placements": bare["placements"],
        "creation": bare["creation"],
        "placed_creation": bare["placed_creation"],
        "stranded": stranded_json(stranded(gpu, layout)),
    }
    if recipe:
        told["recipe"] = recipe
    return told


def stranded_text(gpu: Gpu, lost: Stranded) -> str:
    """Return what of a card belongs to no instance, in a sentence."""
    return (
        f"Stranded: SMs {_sms_text(gpu, lost)}; {lost.memory_ratio:.1%} of memory slices and "
        f"bandwidth, {show_gib(lost.memory_bytes)} less than the profile of the whole card; "
        f"compute slices {lost.compute_slices_count}."
    )


def stranded_json(lost: Stranded) -> StrandedJson:
    """Return what of a card belongs to no instance as JSON."""
    return {
        "sm_count": lost.sm_count,
        "sm_ratio": lost.sm_ratio,
        "compute_slices_count": lost.compute_slices_count,
        "memory_slices_count": lost.memory_slices_count,
        "memory_bytes": lost.memory_bytes,
        "memory_ratio": lost.memory_ratio,
    }


def _sms_text(gpu: Gpu, lost: Stranded) -> str:
    """Return the stranded SMs."""
    if lost.sm_count is None or lost.sm_ratio is None:
        return "unknown"
    return f"{lost.sm_count} of {gpu.sm_count} ({lost.sm_ratio:.0%})"
