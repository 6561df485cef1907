"""Records of requests, as they are made one by one, and the columns they become."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.measuring.load.faults import KINDS
from rightrig.measuring.load.outcome import SOURCES, Samples, TokensSource, UsageCheck

if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence

    from rightrig.measuring.load.faults import Kind
    from rightrig.measuring.load.tokens import Tokenizer

_SLACK_RATIO: Final = 0.1
_SLACK_TOKENS: Final = 2
_MOST_INPUT_RATIO: Final = 1.2


@dataclass(slots=True)
class Record:
    """What became of one request; times from the begin of the level, NaN for what did not come.

    Attributes:
        stamps_s: Arrival of each chunk with a token.
        usage_input_tokens, usage_output_tokens: The server's counts; -1 without.
        text: The answer, where it is kept.
        limits_output: Whether the server was told the longest answer.
    """

    row: int
    due_s: float
    asked_input_tokens: int
    asked_output_tokens: int
    sent_s: float = math.nan
    first_byte_s: float = math.nan
    done_s: float = math.nan
    stamps_s: array[float] | tuple[float, ...] = ()
    usage_input_tokens: int = -1
    usage_output_tokens: int = -1
    text: str = field(default="", repr=False)
    kind: Kind = "ok"
    status: int = 0
    detail: str = ""


def samples_of(records: Sequence[Record], tokenizer: Tokenizer | None) -> Samples:
    """Return the columns of records, in the order of dispatch."""
    records = sorted(records, key=lambda record: record.sent_s)
    counted = [_counted(record, tokenizer) for record in records]
    stamps = [np.asarray(record.stamps_s, np.float64) for record in records]
    gaps = [np.diff(part) for part in stamps]
    firsts = [part[0] if part.size else math.nan for part in stamps]
    lasts = [part[-1] if part.size else math.nan for part in stamps]
    return Samples(
        row=_whole([r.row for r in records]),
        due_s=np.array([r.due_s for r in records]),
        sent_s=np.array([r.sent_s for r in records]),
        first_byte_s=np.array([r.first_byte_s for r in records]),
        first_token_s=np.array(firsts),
        last_token_s=np.array(lasts),
        done_s=np.array([r.done_s for r in records]),
        input_tokens=_whole([c[0] for c in counted]),
        output_tokens=_whole([c[1] for c in counted]),
        asked_input_tokens=_whole([r.asked_input_tokens for r in records]),
        asked_output_tokens=_whole([r.asked_output_tokens for r in records]),
        chunks_count=_whole([part.size for part in stamps]),
        source_index=_whole([SOURCES.index(c[2]) for c in counted]),
        kind_index=_whole([KINDS.index(r.kind) for r in records]),
        status=_whole([r.status for r in records]),
        gap_offsets=_whole([0, *np.cumsum([len(part) for part in gaps], dtype=np.int64)]),
        gaps_s=np.concatenate([np.empty(0), *gaps]),
    )


def _whole(values: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, np.int64)


def _counted(record: Record, tokenizer: Tokenizer | None) -> tuple[int, int, TokensSource]:
    """Return tokens of the prompt and the answer, and who counted them.

    The server; else a tokenizer; else chunks, of which each has one token or more.
    """
    if record.kind != "ok":
        return 0, 0, "none"
    asked = record.asked_input_tokens
    if record.usage_output_tokens > 0:
        prompt = record.usage_input_tokens
        return prompt if prompt > 0 else asked, record.usage_output_tokens, "usage"
    if tokenizer is not None and record.text:
        return asked, tokenizer.count(record.text), "tokenizer"
    return asked, len(record.stamps_s), "chunks"


def usage_check(
    records: Sequence[Record], samples: Samples, tokenizer: Tokenizer | None
) -> UsageCheck:
    """Return whether the server's counts can be right.

    They cannot be where an answer has fewer tokens than chunks (less a tenth and two, for a token
    that came in two pieces), more than were allowed, or other than a tokenizer finds (by the same
    slack), and where a prompt has none.
    """
    ok = [record for record in records if record.kind == "ok"]
    told = [record for record in ok if record.usage_output_tokens >= 0]
    found = [_wrong_with(record, tokenizer) for record in told]
    wrong = Counter(name for names in found for name in names)
    used = sorted({SOURCES[index] for index in samples.source_index[samples.is_ok]})
    asked = sum(r.asked_input_tokens for r in told if r.usage_input_tokens > 0)
    counted = sum(r.usage_input_tokens for r in told if r.usage_input_tokens > 0)
    ratio = counted / asked if asked else math.nan
    return UsageCheck(
        source="none" if not used else used[0] if len(used) == 1 else "mixed",
        checked_count=len(told),
        wrong_count=sum(map(bool, found)),
        input_ratio=ratio,
        notes=(*_sentences(wrong, len(told)), *_ratio_note(ratio), *_source_note(used)),
    )


def _wrong_with(record: Record, tokenizer: Tokenizer | None) -> list[str]:
    told, chunks = record.usage_output_tokens, len(record.stamps_s)
    found = []
    if told < chunks * (1.0 - _SLACK_RATIO) - _SLACK_TOKENS or (told == 0 and chunks):
        found.append("fewer")
    if told > record.asked_output_tokens:
        found.append("more")
    if tokenizer is not None and record.text:
        real = tokenizer.count(record.text)
        if abs(told - real) > real * _SLACK_RATIO + _SLACK_TOKENS:
            found.append("other")
    if record.usage_input_tokens == 0:
        found.append("prompt")
    return found


def _sentences(wrong: Counter[str], count: int) -> list[str]:
    texts = {
        "fewer": "fewer tokens than the answer had chunks",
        "more": "more tokens than the request allowed",
        "other": "another number of tokens than the tokenizer finds",
        "prompt": "no token in the prompt",
    }
    return [
        f"the server counts {text} in {wrong[name]:,} of {count:,} answers: its usage is wrong"
        for name, text in texts.items()
        if wrong[name]
    ]


def _ratio_note(ratio: float) -> list[str]:
    is_off = ratio > _MOST_INPUT_RATIO or ratio < 1.0 / _MOST_INPUT_RATIO
    text = f"prompts had {ratio:.2f} times the tokens that were wanted (the server's count)"
    return [text] if is_off else []


def _source_note(used: list[TokensSource]) -> list[str]:
    if "chunks" not in used:
        return []
    text = (
        "the server counts no tokens: chunks of the stream were counted instead, of which each "
        "may hold several; a tokenizer would count them"
    )
    return [text]
