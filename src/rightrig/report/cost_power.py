"""The report of what a deployment draws: watts by phase, energy, limits of power, placement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.prediction.power_cap import LEAST_TRUSTED_RATIO
from rightrig.quantities import MILLION, show_number, show_seconds, show_usd, show_users
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.values import (
    deployment_json,
    deployment_text,
    explanation_json,
    interval_json,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.planning.placing import Placement
    from rightrig.planning.power_values import Capped, Phase, Powered
    from rightrig.report.schema.power import (
        PlacementJson,
        PowerCapJson,
        PowerJson,
        PowerPhaseJson,
    )

_NOTHING = "–"
_KWH_J = 3.6e6


def power_document(found: Powered, written: Sequence[str] = ()) -> Document:
    """Return what a deployment draws as a document."""
    result = found.prediction
    users = show_users(result.concurrency)
    return (
        Paragraph(deployment_text(result.deployment), "title"),
        Paragraph(
            f"{users} in a closed loop, {result.lengths.input_tokens:,.0f} tokens in, "
            f"{result.lengths.output_tokens:,.0f} out."
        ),
        *_warning(found),
        Grid(
            ("all cards", "watts", "80 % between", "tokens/s", "J a token", "bandwidth", "arith."),
            tuple(_phase_row(phase) for phase in found.phases),
            (1, 2, 3, 4, 5, 6),
        ),
        *(Paragraph(sentence) for sentence in _energy_sentences(found)),
        *_caps_blocks(found),
        *placement_blocks(found.placements),
        *(Paragraph(sentence) for sentence in found.explain().sentences),
        *(Paragraph(f"Measured: {source}", "dim") for source in found.explain().sources),
        Paragraph(f"Tariff: {found.money.tariff.usd_origin}", "dim"),
        Paragraph(f"PUE: {found.money.tariff.pue_origin}", "dim"),
        *(Paragraph(f"Written: {', '.join(written)}", "dim") for _ in written[:1]),
    )


def _warning(found: Powered) -> tuple[Paragraph, ...]:
    """Say first when not one sequence fits."""
    fit = found.prediction.fit
    if fit.max_concurrency >= 1:
        return ()
    return (Paragraph(f"DOES NOT FIT: {fit.explain().sentences[0]}", "bad"),)


def _phase_row(phase: Phase) -> tuple[str, ...]:
    """Return one phase as a row."""
    energy = phase.energy_j_per_token
    return (
        phase.name,
        f"{phase.power_w.mid:,.0f}",
        f"{phase.power_w.low:,.0f} … {phase.power_w.high:,.0f}",
        _NOTHING if phase.tokens_per_s is None else show_number(phase.tokens_per_s),
        _NOTHING if energy is None else show_number(energy.mid),
        _NOTHING if phase.tokens_per_s is None else f"{phase.memory_use_ratio:.0%}",
        _NOTHING if phase.tokens_per_s is None else f"{phase.compute_use_ratio:.0%}",
    )


def _energy_sentences(found: Powered) -> tuple[str, ...]:
    """Return energy and electricity of a million answer tokens in words."""
    money, tariff = found.money, found.money.tariff
    kwh = found.used_j_per_token * MILLION / _KWH_J
    use = "" if money.use_ratio == 1.0 else f" at work {money.use_ratio:.0%} of all hours"
    host = found.host_w
    million = (
        f"A million answer tokens{use}: {show_number(kwh)} kWh of the cards, "
        f"{show_usd(found.energy_usd_per_token * MILLION)} at ${tariff.usd_per_kwh:g}/kWh with "
        f"PUE {tariff.pue_ratio:g}. A rented machine's electricity is in its rent."
    )
    beside = (
        f"Beside the cards about {host.mid:,.0f} W more ({host.low:,.0f} to {host.high:,.0f}, "
        "estimated)."
    )
    return million, beside


def _caps_blocks(found: Powered) -> Document:
    """Return the table of limits and the recommended one."""
    if not found.caps:
        return ()
    money = found.money
    bought = (
        f"Own: {money.capex_text}, {show_usd(money.capex_usd)} over {money.owned_years:g} years "
        "and electricity with the host's."
        if money.capex_usd is not None
        else "No price to buy this rig is known: give --capex."
    )
    best = found.best
    verdict = (
        Paragraph(found.reason, "bad")
        if best is None
        else Paragraph(f"Limit to set: {best.limit_w:,.0f} W a card; {found.reason}", "good")
    )
    return (
        Grid(
            (
                "limit", "a card", "clock", "TTFT", "TPOT", "prompt/s", "answer/s", "watts",
                "BTU/h", "J a token", "own $/M", "rent $/M", "keeps",
            ),
            tuple(_cap_row(cap) for cap in found.caps),
            tuple(range(12)),
            spare=(8, 5, 2),
        ),
        verdict,
        Paragraph(bought),
        Paragraph(
            "A limit slows what fills the arithmetic, and what waits for memory a little. Formats "
            "of three bits lose more (24 % at 250 of 350 W on an RTX 3090), light work on large "
            f"cards less: measure yours. Below {LEAST_TRUSTED_RATIO:.0%} of the board's power "
            "decoding can break down."
        ),
    )  # fmt: skip


def _cap_row(cap: Capped) -> tuple[str, ...]:
    """Return one limit as a row."""
    return (
        f"{cap.limit_ratio:.0%}",
        f"{cap.limit_w:,.0f} W",
        f"{cap.clock_ratio:.0%}",
        show_seconds(cap.ttft_s),
        show_seconds(cap.tpot_s),
        show_number(cap.prefill_tokens_per_s),
        show_number(cap.output_tokens_per_s),
        f"{cap.power_w.mid:,.0f}",
        f"{cap.heat_btu_per_hour:,.0f}",
        show_number(cap.energy_j_per_token),
        _per_million(cap.own_usd_per_token),
        _per_million(cap.rent_usd_per_token),
        "yes" if cap.keeps else "no",
    )


def _per_million(price_usd_per_token: float | None) -> str:
    """Return a price of a million tokens."""
    return _NOTHING if price_usd_per_token is None else f"{price_usd_per_token * MILLION:.4g}"


def placement_blocks(rules: Sequence[Placement]) -> Document:
    """Return where the cards can stand."""
    styles = {"fine": "plain", "care": "warn", "no": "bad"}
    return tuple(
        Paragraph(f"{rule.rule_id} ({rule.word}): {rule.sentence}", styles[rule.word])  # type: ignore[arg-type] # styles of the words
        for rule in rules
    )


def power_json(found: Powered) -> PowerJson:
    """Return what a deployment draws as JSON."""
    money = found.money
    return {
        "deployment": deployment_json(found.prediction.deployment),
        "fit_verdict": found.prediction.fit.verdict,
        "concurrency": found.prediction.concurrency,
        "phases": [_phase_json(phase) for phase in found.phases],
        "used_ratio": money.use_ratio,
        "used_j_per_token": found.used_j_per_token,
        "energy_usd_per_token": found.energy_usd_per_token,
        "tariff_usd_per_kwh": money.tariff.usd_per_kwh,
        "pue_ratio": money.tariff.pue_ratio,
        "host_w": interval_json(found.host_w),
        "capex_usd": money.capex_usd,
        "capex_of": money.capex_text,
        "rent_usd_per_hour": money.rent_usd_per_hour,
        "caps": [_cap_json(cap) for cap in found.caps],
        "recommended_limit_w": None if found.best is None else found.best.limit_w,
        "reason": found.reason,
        "placements": placements_json(found.placements),
        "explanation": explanation_json(found.explain()),
    }


def _phase_json(phase: Phase) -> PowerPhaseJson:
    """Return one phase as JSON."""
    energy = phase.energy_j_per_token
    return {
        "name": phase.name,
        "power_w": interval_json(phase.power_w),
        "tokens_per_s": phase.tokens_per_s,
        "energy_j_per_token": None if energy is None else interval_json(energy),
        "memory_use_ratio": phase.memory_use_ratio,
        "compute_use_ratio": phase.compute_use_ratio,
    }


def _cap_json(cap: Capped) -> PowerCapJson:
    """Return one limit as JSON."""
    return {
        "limit_ratio": cap.limit_ratio,
        "limit_w": cap.limit_w,
        "clock_ratio": cap.clock_ratio,
        "ttft_s": cap.ttft_s,
        "tpot_s": cap.tpot_s,
        "prefill_tokens_per_s": cap.prefill_tokens_per_s,
        "output_tokens_per_s": cap.output_tokens_per_s,
        "power_w": interval_json(cap.power_w),
        "energy_j_per_token": cap.energy_j_per_token,
        "own_usd_per_token": cap.own_usd_per_token,
        "rent_usd_per_token": cap.rent_usd_per_token,
        "heat_btu_per_hour": cap.heat_btu_per_hour,
        "keeps": cap.keeps,
    }


def placements_json(rules: Sequence[Placement]) -> list[PlacementJson]:
    """Return where the cards can stand, as JSON."""
    return [{"rule": r.rule_id, "word": r.word, "sentence": r.sentence} for r in rules]
