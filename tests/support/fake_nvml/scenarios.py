"""States of a board of eight H100: at work, and with one fault each. All keys are the driver's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fake_nvml import HGX_H100

if TYPE_CHECKING:
    from collections.abc import Mapping

    State = Mapping[str, object]

HEALTHY: Final[State] = {
    **HGX_H100,
    "gpu*.utilisation": 93,
    "gpu*.memory_busy": 41,
    "gpu*.memory_used": 70_000 << 20,
    "gpu*.memory_reserved": 600 << 20,
    "gpu*.temperature": 61,
    "gpu*.memory_temperature": 72,
    "gpu*.margin": 26,
    "gpu*.power": 512_500,
    "gpu*.energy": 9_876_543_210,
    "gpu*.reasons": 0x4,
    "gpu*.sm_clock": 1_755,
    "gpu*.held_power": 12_500_000_000,
    "gpu*.held_thermal": 0,
    "gpu*.held_board": 0,
    "gpu*.held_reliability": 0,
    "gpu*.ecc_corrected": 3,
    "gpu*.ecc_uncorrected": 0,
    "gpu*.ecc_corrected_ever": 17,
    "gpu*.ecc_uncorrected_ever": 0,
    "gpu*.rows_corrected": 1,
    "gpu*.rows_uncorrected": 0,
    "gpu*.rows_pending": 0,
    "gpu*.rows_failed": 0,
    "gpu*.recovery_action": 0,
    "gpu*.pcie_replays": 4,
    "gpu*.gpm_2": 88.5,
    "gpu*.gpm_3": 42.25,
    "gpu*.gpm_5": 31.0,
    "gpu*.gpm_10": 67.5,
    "gpu*.process0": f"4242:{69_000 << 20}",
    "process.4242": "/opt/venv/bin/python3",
}
"""Eight cards that serve: at the power cap, which is no fault."""
THROTTLING: Final[State] = {
    "gpu2.reasons": 0x8 | 0x20 | 0x40,
    "gpu2.temperature": 89,
    "gpu2.margin": -2,
    "gpu2.sm_clock": 840,
    "gpu2.held_thermal": 90_000_000_000,
}
ECC_STORM: Final[State] = {
    "gpu1.ecc_corrected": 1_500,
    "gpu1.ecc_uncorrected": 2,
    "gpu1.ecc_corrected_ever": 1_514,
    "gpu1.ecc_uncorrected_ever": 2,
    "gpu1.rows_uncorrected": 2,
    "gpu1.rows_pending": 1,
    "gpu1.rows_failed": 1,
    "gpu1.recovery_action": 1,
    "gpu1.xid.1": 48,
    "gpu1.xid.2": 63,
    "gpu1.xid.3": 48,
}
GPU_LOST: Final[State] = {"gpu3.lost": 1, "gpu3.xid.1": 79}
NVLINK_DOWN: Final[State] = {
    "gpu4.link7": 0,
    "gpu4.link7.replay": 12,
    "gpu4.link7.recovery": 3,
    "gpu4.link7.crc_flit": 45,
}
PCIE_X4: Final[State] = {"gpu5.pcie_lanes": 4, "gpu5.pcie_generation": 4, "gpu5.pcie_replays": 981}
HANG: Final[State] = {"gpu6.hang": "nvmlDeviceGetPowerUsage"}
DRIVER_RELOAD: Final[State] = {"driver_error": 9}
FAULTS: Final[Mapping[str, State]] = {
    "throttling": THROTTLING,
    "ecc storm": ECC_STORM,
    "gpu lost": GPU_LOST,
    "nvlink down": NVLINK_DOWN,
    "pcie x4": PCIE_X4,
    "hang": HANG,
    "driver reload": DRIVER_RELOAD,
}
"""Each is laid over ``HEALTHY``."""
