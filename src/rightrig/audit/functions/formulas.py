"""Public formulas of the library that expressions may call as they are."""

from __future__ import annotations

from typing import Final

from rightrig.costs.bandwidth_loss import lost_work_ratio
from rightrig.costs.break_even import break_even_months_count, break_even_use_ratio
from rightrig.costs.energy import energy_usd_per_year, sustained_flop_per_j
from rightrig.costs.money import (
    cost_usd_per_token,
    energy_usd_per_month,
    owned_cost_usd_per_token,
    rent_usd_per_month,
)
from rightrig.costs.ownership import capital_recovery_per_year
from rightrig.costs.plausibility import implied_tokens_per_s
from rightrig.costs.rental import rent_usd, rent_usd_per_hour
from rightrig.costs.soft import gain_usd_per_year
from rightrig.costs.token_price import affordable_duty_ratio, slot_usd_per_hour
from rightrig.facts.derivation import bus_bandwidth_bytes_per_s
from rightrig.planning.questions.scaling import cost_with_overhead_usd
from rightrig.prediction.gradient_sync import overhead_ratio, weak_scaling_ratio
from rightrig.prediction.kernels import tp_efficiency, tp_speedup_ratio
from rightrig.prediction.network import ring_all_reduce_s, tensor_parallel_decode_s
from rightrig.prediction.roofline import (
    achieved_bandwidth_ratio,
    decode_bound_tokens_per_s,
    ridge_tokens_count,
    tensor_peak_flop_per_s,
)

FORMULAS: Final = (
    achieved_bandwidth_ratio, affordable_duty_ratio, break_even_months_count,
    break_even_use_ratio, bus_bandwidth_bytes_per_s, capital_recovery_per_year,
    cost_usd_per_token, cost_with_overhead_usd, decode_bound_tokens_per_s, energy_usd_per_month,
    energy_usd_per_year, gain_usd_per_year, implied_tokens_per_s, lost_work_ratio, overhead_ratio,
    owned_cost_usd_per_token, rent_usd, rent_usd_per_hour, rent_usd_per_month,
    ridge_tokens_count, ring_all_reduce_s, slot_usd_per_hour, sustained_flop_per_j,
    tensor_parallel_decode_s, tensor_peak_flop_per_s, tp_efficiency, tp_speedup_ratio,
    weak_scaling_ratio,
)  # fmt: skip
