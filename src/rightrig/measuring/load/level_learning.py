"""What a server says of itself before it is measured: its models, and how it counts tokens."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.measuring.load.level_asking import Asker
from rightrig.measuring.load.level_loop import run_on_loop
from rightrig.measuring.load.outcome_samples import Record
from rightrig.measuring.load.prompts import Scale, Writer, members_of
from rightrig.measuring.load.target import request_for_models
from rightrig.measuring.load.wire_exchange import Exchange
from rightrig.measuring.load.wire_pool import Pool

if TYPE_CHECKING:
    from rightrig.measuring.load.faults import Kind
    from rightrig.measuring.load.target import Target
    from rightrig.measuring.load.tokens import Tokenizer

_SHORT_WORDS: Final = 16
_LONG_WORDS: Final = 144
_MOST_TOKENS_PER_WORD_RATIO: Final = 8.0
_PATIENCE_S: Final = 60.0
_LIST_PATIENCE_S: Final = 10.0
_MOST_MODELS: Final = 1000
_ANSWERED: Final[tuple[Kind, ...]] = ("ok", "empty")
"""One token may have no text, such as a part of a letter; its prompt was counted all the same."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What two small requests tell.

    Attributes:
        target: Without what the server refuses.
        writer: Of prompts whose lengths are as the server counts them.
        kind: ``ok``, or how the requests failed.
        detail: Of the failure.
        notes: Sentences.
    """

    target: Target
    writer: Writer
    kind: Kind = "ok"
    detail: str = ""
    notes: tuple[str, ...] = ()


def learn(target: Target, seed: int = 0, tokenizer: Tokenizer | None = None) -> Learned:
    """Ask a server twice, for one token each, and return how it counts and what it refuses.

    Prompts of 16 and 144 words give the tokens of a word and of the template around a prompt; with
    a tokenizer only the template's are taken. A server that counts nothing leaves a token a word.
    """
    return run_on_loop(_learned(target, seed, tokenizer))


def models_of(target: Target) -> tuple[str, ...]:
    """Return the names of the models that a server lists; empty when it does not say."""
    return run_on_loop(_models(target))


async def _learned(target: Target, seed: int, tokenizer: Tokenizer | None) -> Learned:
    plain = Writer(seed, tokenizer=tokenizer)
    asker = Asker(target)
    await asker.pool.resolve()
    counts = []
    patience_s = min(target.timeout_s, _PATIENCE_S)
    for words in (_SHORT_WORDS, _LONG_WORDS):
        text = Writer(seed + 1).text(words, words)
        asked = members_of((text,), target.api)
        record = Record(0, 0.0, words, 1)
        await asker.ask(record, asked, patience_s, keeps_text=False)
        if record.kind not in _ANSWERED:
            break
        own = words if tokenizer is None else tokenizer.count(text)
        counts.append((own, record.usage_input_tokens))
    await asker.pool.close()
    notes = tuple(asker.notes)
    if record.kind not in _ANSWERED:
        return Learned(asker.target, plain, record.kind, record.detail, notes)
    scale = _scale_of(counts, is_counted=tokenizer is not None)
    return Learned(asker.target, Writer(seed, scale, tokenizer), notes=notes)


def _scale_of(counts: list[tuple[int, int]], *, is_counted: bool) -> Scale:
    """Return the line through two counts: own words or tokens → the server's tokens."""
    (short, few), (long, many) = counts
    if few < 1 or many <= few:
        return Scale()
    slope = 1.0 if is_counted else (many - few) / (long - short)
    if slope > _MOST_TOKENS_PER_WORD_RATIO:
        return Scale()
    return Scale(slope, max(math.floor(few - slope * short), 0))


async def _models(target: Target) -> tuple[str, ...]:
    pool = Pool(target)
    await pool.resolve()
    exchange = Exchange(asyncio.get_running_loop().create_future(), streams=False)
    await pool.exchange(exchange, request_for_models(target), _LIST_PATIENCE_S)
    await pool.close()
    if exchange.kind != "ok":
        return ()
    try:
        listed = json.loads(exchange.plain)["data"]
        names = [entry["id"] for entry in listed[:_MOST_MODELS]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()
    return tuple(name for name in names if isinstance(name, str) and name.isprintable())
