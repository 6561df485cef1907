"""Records as a user would write them."""

from __future__ import annotations

from typing import Final

CARD: Final = """
name = "My Card 48 GB"
aliases = ["my48"]
vendor = "NVIDIA"
architecture = "Ada"
compute_capability = "8.9"
tier = "professional"
form_factor = "PCIe dual-slot"
memory_marketed_gib = 48.0
memory_type = "GDDR6"
memory_bandwidth_bytes_per_s = 8.64e11
board_power_w = 300.0
ecc = "none"
peak = { bf16_flop_per_s = 2.56e14, fp16_flop_per_s = 2.56e14 }
"""
