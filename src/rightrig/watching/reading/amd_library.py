"""AMD's cards through ``amdsmi``, which comes with ROCm; runs in the reader's own process.

Field names and units are those of AMD SMI's documentation of its Python interface (ROCm 6 and 7).
"""

from __future__ import annotations

from typing import Any, Final

from rightrig.watching.reading.amd_programs import at, generation, scaled, whole

_EDGE: Final = "EDGE"
_JUNCTION: Final = "HOTSPOT"
_MEMORY: Final = "VRAM"
_NEVER: Final = (2, 3)
"""Errors of ``amdsmi``: not supported, not written yet."""


class Library:
    """Asks ``amdsmi``."""

    def __init__(self, amdsmi: Any) -> None:  # noqa: ANN401 - a package that is seldom there
        """Open the driver.

        Raises:
            AmdSmiException: of the package, when there is none.
        """
        self._smi = amdsmi
        self._lacks: set[tuple[str, ...]] = set()
        amdsmi.amdsmi_init()
        self._handles: list[Any] = list(amdsmi.amdsmi_get_processor_handles())

    def driver(self) -> str:
        """Return the version of the driver."""
        infos = (self._ask("amdsmi_get_gpu_driver_info", handle) for handle in self._handles[:1])
        return "".join(str(at(info, "driver_version") or "") for info in infos)

    def cards(self, *, is_first: bool, is_slow: bool) -> list[dict[str, Any]]:
        """Return the cards, as the lines of a reader have them.

        Args:
            is_first: Whether what never changes is read too.
            is_slow: Whether what seldom changes is.
        """
        found: list[dict[str, Any]] = []
        for index, handle in enumerate(self._handles):
            one: dict[str, Any] = {"index": index, "fast": self._fast(handle)}
            if is_first:
                one["fixed"] = self._fixed(handle)
            if _is_silent(one["fast"]):
                one["lost"] = "NoAnswer"
            if is_slow:
                one["slow"] = self._slow(handle)
            found.append(one)
        return found

    def _ask(self, name: str, handle: object, *words: str) -> Any:  # noqa: ANN401 - what it answers
        """Return what a function says, or ``None``; what is missing is not asked for again.

        Args:
            name: Of the function.
            handle: Of the card.
            words: Names of enumerations and of their members: ``AmdSmiClkType.GFX``.
        """
        key = (name, *words)
        if key in self._lacks:
            return None
        try:
            values = [getattr(getattr(self._smi, kind), member)
                      for kind, _, member in (word.partition(".") for word in words)]  # fmt: skip
            return getattr(self._smi, name)(handle, *values)
        except self._smi.AmdSmiException as error:
            if getattr(error, "err_code", None) in _NEVER:
                self._lacks.add(key)
        except (AttributeError, TypeError):  # another release has it, or has it otherwise
            self._lacks.add(key)
        return None

    def _fixed(self, handle: object) -> dict[str, Any]:
        """Return what a card is."""
        return {
            "name": str(at(self._ask("amdsmi_get_gpu_asic_info", handle), "market_name") or ""),
            "uuid": str(self._ask("amdsmi_get_gpu_device_uuid", handle) or ""),
            "bus_id": str(self._ask("amdsmi_get_gpu_device_bdf", handle) or ""),
            "memory_total_bytes": whole(
                self._ask("amdsmi_get_gpu_memory_total", handle, "AmdSmiMemoryType.VRAM")
            ),
        }

    def _fast(self, handle: object) -> dict[str, Any]:
        """Return what changes from second to second."""
        used = self._ask("amdsmi_get_gpu_activity", handle)
        edge = self._celsius(handle, _EDGE)
        pcie = self._ask("amdsmi_get_pcie_info", handle)
        return {
            "activity": {
                "gpu_ratio": scaled(at(used, "gfx_activity"), 0.01),
                "memory_ratio": scaled(at(used, "umc_activity"), 0.01),
            },
            "memory_used_bytes": whole(
                self._ask("amdsmi_get_gpu_memory_usage", handle, "AmdSmiMemoryType.VRAM")
            ),
            "heat": {
                "gpu_celsius": self._celsius(handle, _JUNCTION) if edge is None else edge,
                "memory_celsius": self._celsius(handle, _MEMORY),
            },
            "power": {"draw_w": self._draw_w(handle), "energy_j": self._energy_j(handle)},
            "clocks": {
                "sm_hz": self._hz(handle, "GFX", "clk"),
                "memory_hz": self._hz(handle, "MEM", "clk"),
            },
            "bus": {
                "generation": generation(at(pcie, "pcie_metric", "pcie_speed")),
                "lanes": whole(at(pcie, "pcie_metric", "pcie_width")),
            },
        }

    def _slow(self, handle: object) -> dict[str, Any]:
        """Return what seldom changes."""
        cap = self._ask("amdsmi_get_power_cap_info", handle)
        errors = self._ask("amdsmi_get_gpu_total_ecc_count", handle)
        pcie = self._ask("amdsmi_get_pcie_info", handle)
        kinds = {"corrected": "correctable_count", "uncorrected": "uncorrectable_count"}
        counts = {kind: whole(at(errors, name)) for kind, name in kinds.items()}
        return {
            "power": {
                "limit_w": scaled(at(cap, "power_cap"), 1e-6),
                "default_limit_w": scaled(at(cap, "default_power_cap"), 1e-6),
            },
            "clocks": {
                "sm_max_hz": self._hz(handle, "GFX", "max_clk") or None,
                "memory_max_hz": self._hz(handle, "MEM", "max_clk") or None,
            },
            "health": {"ecc_volatile": {kind: n for kind, n in counts.items() if n is not None}},
            "bus": {
                "max_generation": generation(at(pcie, "pcie_static", "max_pcie_speed")),
                "max_lanes": whole(at(pcie, "pcie_static", "max_pcie_width")),
                "replays_count": whole(at(pcie, "pcie_metric", "pcie_replay_count")),
            },
        }

    def _celsius(self, handle: object, sensor: str) -> float | None:
        """Return a temperature."""
        words = (f"AmdSmiTemperatureType.{sensor}", "AmdSmiTemperatureMetric.CURRENT")
        return scaled(self._ask("amdsmi_get_temp_metric", handle, *words))

    def _draw_w(self, handle: object) -> float | None:
        """Return what the socket draws: under one name or another, by release and by card."""
        power = self._ask("amdsmi_get_power_info", handle)
        names = ("socket_power", "current_socket_power", "average_socket_power")
        values = (scaled(at(power, name)) for name in names)
        return next((value for value in values if value is not None), None)

    def _energy_j(self, handle: object) -> float | None:
        """Return the energy so far: a count, and how many microjoules one of it stands for."""
        energy = self._ask("amdsmi_get_energy_count", handle)
        count = scaled(at(energy, "energy_accumulator"))
        resolution = scaled(at(energy, "counter_resolution"), 1e-6)
        return None if count is None or resolution is None else count * resolution or None

    def _hz(self, handle: object, domain: str, name: str) -> float | None:
        """Return a clock."""
        clock = self._ask("amdsmi_get_clock_info", handle, f"AmdSmiClkType.{domain}")
        return scaled(at(clock, name), 1e6)


def _is_silent(part: object) -> bool:
    """Whether a card told nothing at all."""
    return all(map(_is_silent, part.values())) if isinstance(part, dict) else part is None
