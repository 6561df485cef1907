"""Links between cards and between machines: rated, and what was measured on them."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveFloat

from rightrig.facts.source import Record, Source


class Link(Record):
    """One kind of link; every rate is **one direction**.

    Attributes:
        slug: The record's name, such as ``nvlink4-h100-h200``.
        scope: ``card`` (rate of one card) or ``node`` (rate of a whole machine's network).
        rated_bytes_per_s: By specification.
        achieved_bytes_per_s: Measured; ``achieved_note`` says how.
        peer_bytes_per_s: Towards a single peer, where a card divides its links among peers.
        peer_achieved_bytes_per_s: Measured between two cards alone.
        peer_latency_s: Latency of one small transfer between two cards.
    """

    slug: str
    scope: Literal["card", "node"]
    rated_bytes_per_s: PositiveFloat | None = None
    achieved_bytes_per_s: PositiveFloat | None = None
    achieved_note: str = ""
    peer_bytes_per_s: PositiveFloat | None = None
    peer_achieved_bytes_per_s: PositiveFloat | None = None
    peer_latency_s: PositiveFloat | None = None
    small_all_reduce_note: str = ""
    peer_to_peer_note: str = ""
    sources: tuple[Source, ...]
    note: str = ""
