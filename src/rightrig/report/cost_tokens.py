"""The report of ``cost tokens``: what each kind of token costs, by load and by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.quantities import MILLION, show_number, show_usd
from rightrig.report.cost_break_even import stale_blocks
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.questions_layout import told
from rightrig.report.values import (
    deployment_json,
    deployment_text,
    explanation_json,
    interval_json,
)

if TYPE_CHECKING:
    from rightrig.costs.token_price import TokenPrices
    from rightrig.interval import Interval
    from rightrig.planning.costing.tokens import PricedRow, ServedCost
    from rightrig.report.schema.cost import (
        BatchPriceJson,
        TokenPricesJson,
        TokensJson,
    )


def tokens_document(found: ServedCost) -> Document:
    """Return the prices of a load and the table by batch."""
    lengths = found.capacity.lengths
    title = Paragraph(deployment_text(found.capacity.deployment), "title")
    asked = Paragraph(
        f"{lengths.input_tokens:,.0f} tokens in ({lengths.cached_tokens:,.0f} of them cached), "
        f"{lengths.output_tokens:,.0f} out; {found.bill.text}",
        "dim",
    )
    return (title, asked, *_load_blocks(found), *_batch_blocks(found),
            *stale_blocks([("the rig", found.bill.date)]), *told(found.explain()))  # fmt: skip


def _load_blocks(found: ServedCost) -> Document:
    """Return the prices at the load, or why there are none."""
    if found.prices is None or found.mean_usd_per_token is None:
        return (Paragraph(f"N/A: {found.reason}", "bad"),)
    prices = found.prices
    cached = prices.cached_usd_per_token
    rows = (
        ("prompt tokens, not cached", per_million(prices.input_usd_per_token)),
        ("prompt tokens, cached", "–" if cached is None else per_million(cached)),
        ("answer tokens", per_million(prices.output_usd_per_token)),
        ("all tokens", between_per_million(found.mean_usd_per_token)),
        ("all cost on answer tokens", per_million(prices.all_usd_per_output_token)),
    )
    return (
        Grid(
            (f"at {found.use_ratio:.0%} of its capacity", "$ a million"), rows, (1,),
        ),
        Paragraph(
            f"{show_usd(prices.request_usd)} a request; "
            f"{show_usd(found.slot_usd_per_hour or 0.0)} an hour for each of the "
            f"{found.capacity.slots_count:,.0f} sequences that memory holds."
        ),
    )  # fmt: skip


def _batch_blocks(found: ServedCost) -> Document:
    """Return the table by batch."""
    if not found.rows:
        return ()
    headers = (
        "sequences", "answer tokens/s", "datasheet allows", "$/M answer tokens, all cost on them",
        "$/M tokens", "$/h a sequence",
    )  # fmt: skip
    rows = tuple(_batch_row(row) for row in found.rows)
    grid = Grid(headers, rows, (0, 1, 2, 3, 4, 5), spare=(2, 5))
    stated = any(row.row.passes_roofline for row in found.rows)
    note = (
        (Paragraph("* more than the datasheet allows: the stated speed cannot be.", "bad"),)
        if stated
        else ()
    )
    return (grid, *note)


def _batch_row(priced: PricedRow) -> tuple[str, ...]:
    """Return a batch as a line."""
    row = priced.row
    speed, bound = row.output_tokens_per_s, row.bound_tokens_per_s
    output, mean = priced.output_usd_per_token, priced.mean_usd_per_token
    if speed is None or bound is None or output is None or mean is None:
        return (f"{row.batch:,}", f"N/A: {row.reason}", "–", "N/A", "N/A", "N/A")
    return (
        f"{row.batch:,}",
        f"{show_number(speed.mid)}{'*' * row.passes_roofline}",
        show_number(bound),
        between_per_million(output),
        between_per_million(mean),
        show_usd(priced.slot_usd_per_hour or 0.0),
    )


def per_million(price_usd_per_token: float) -> str:
    """Return dollars a million tokens.

    >>> per_million(3.5e-6)
    '$3.50'
    """
    return show_usd(price_usd_per_token * MILLION)


def between_per_million(price_usd_per_token: Interval) -> str:
    """Return dollars a million tokens with both ends."""
    middle = per_million(price_usd_per_token.mid)
    if price_usd_per_token.low == price_usd_per_token.high:
        return middle
    low, high = per_million(price_usd_per_token.low), per_million(price_usd_per_token.high)
    return f"{middle} ({low}–{high})"


def tokens_json(found: ServedCost) -> TokensJson:
    """Return the prices as JSON."""
    shares, bill, mean = found.capacity.shares, found.bill_usd_per_month, found.mean_usd_per_token
    lengths = found.capacity.lengths
    return {
        **deployment_json(found.capacity.deployment),
        "input_tokens": lengths.input_tokens,
        "cached_tokens": lengths.cached_tokens,
        "output_tokens": lengths.output_tokens,
        "paid": found.bill.text,
        "reason": found.reason,
        "capacity_requests_per_s": found.carried_requests_per_s,
        "use_ratio": found.use_ratio,
        "bill_usd_per_month": None if bill is None else interval_json(bill),
        "idle_usd_per_month": found.idle_usd_per_month,
        "idle_engines_count": found.idle_engines_count,
        "mean_usd_per_token": None if mean is None else interval_json(mean),
        "prices": None if found.prices is None else _prices_json(found.prices),
        "evidence": found.capacity.evidence,
        "time_shares": None if shares is None else {
            "output_ratio": shares.output_ratio,
            "input_ratio": shares.input_ratio,
            "cached_ratio": shares.cached_ratio,
        },
        "slot_usd_per_hour": found.slot_usd_per_hour,
        "duty_ratio": found.duty_ratio,
        "batches": [_row_json(row) for row in found.rows],
        "explanation": explanation_json(found.explain()),
    }  # fmt: skip


def _prices_json(prices: TokenPrices) -> TokenPricesJson:
    """Return the prices of each kind of token as JSON."""
    return {
        "input_usd_per_token": prices.input_usd_per_token,
        "cached_usd_per_token": prices.cached_usd_per_token,
        "output_usd_per_token": prices.output_usd_per_token,
        "all_usd_per_output_token": prices.all_usd_per_output_token,
        "request_usd": prices.request_usd,
    }


def _row_json(priced: PricedRow) -> BatchPriceJson:
    """Return a batch as JSON; null where it does not fit."""
    row = priced.row
    speed, output, mean = (
        None if value is None else interval_json(value)
        for value in (
            row.output_tokens_per_s, priced.output_usd_per_token, priced.mean_usd_per_token,
        )
    )  # fmt: skip
    return {
        "batch": row.batch,
        "fits": not row.reason,
        "reason": row.reason,
        "output_tokens_per_s": speed,
        "bound_tokens_per_s": row.bound_tokens_per_s,
        "passes_roofline": row.passes_roofline,
        "is_stated": row.is_claimed,
        "all_usd_per_output_token": output,
        "mean_usd_per_token": mean,
        "slot_usd_per_hour": priced.slot_usd_per_hour,
    }
