"""Memory bandwidth from what a driver states: a check beside the record, never in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.derivation import bus_bandwidth_bytes_per_s

if TYPE_CHECKING:
    from rightrig.measuring.probe.naming import Known

_BITS_A_CLOCK: Final = 2


def bandwidth_by_clock_bytes_per_s(known: Known) -> float | None:
    """Return the bandwidth of a card's memory by its highest clock and its bus, in bytes/s.

    2·f·bus/8. NVIDIA's driver states a clock of which each pin moves two bits, for HBM and for
    every GDDR (an RTX 4090's GDDR6X of 21 Gb/s is 10,501 MHz); it has no field that says so, and
    other makers count otherwise, so that nothing but NVIDIA's is computed. No driver is asked for
    a bandwidth: none knows it.
    """
    card = known.card
    bus_bits = card.bus_bits or (known.gpu.memory_bus_bits if known.gpu else None)
    clock_hz = card.clocks.memory_max_hz
    if card.vendor != "NVIDIA" or bus_bits is None or clock_hz is None:
        return None
    return bus_bandwidth_bytes_per_s(bus_bits, _BITS_A_CLOCK * clock_hz)
