"""The MIG profiles of a card as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.report.document import Document, Grid, Paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.facts.mig import MigProfile


def mig_grid(profiles: Sequence[MigProfile]) -> Document:
    """Return the profiles, a line each; nothing where the card has none."""
    if not profiles:
        return ()
    rows = tuple(
        (
            profile.profile,
            "unknown" if profile.profile_id is None else str(profile.profile_id),
            str(profile.max_instance_count),
            f"{profile.compute_slice_count} of compute, {profile.memory_slice_count} of memory",
            str(profile.sm_count or "unknown"),
            f"{profile.memory_gib:g} GiB" if profile.memory_gib else "unknown",
            str(profile.copy_engine_count or "unknown"),
            " ".join(str(start) for start in profile.starts) or "unknown",
        )
        for profile in profiles
    )
    headers = ("MIG profile", "ID", "most", "slices", "SMs", "memory", "copy engines", "starts")
    note = f"Instances count as cards of a rig: 1x…@mig={profiles[0].profile}."
    return (Grid(headers, rows, (1, 2, 4, 5, 6), spare=(6, 7, 1)), Paragraph(note, "dim"))
