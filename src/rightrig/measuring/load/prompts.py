"""Prompts of wanted lengths: plain English words, the same for the same seed, all different.

Prompts begin with words of their own, so that no server finds the beginning of one in its prefix
cache that should be new; what requests share by ``Requests.block_ids`` they share to the letter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.demand.requests import Requests
    from rightrig.measuring.load.target import Api
    from rightrig.measuring.load.tokens import Tokenizer

WORDS: Final = tuple(
    """
    time year people way day man thing woman life child world school state family student group
    country problem hand part place case week company system program question work government
    number night point home water room mother area money story fact month lot right study book
    eye job word business issue side kind head house service friend father power hour game line
    end member law car city name team minute idea body information back parent face others level
    office door health person art war history party result change morning reason research girl
    guy moment air teacher force education foot boy age policy music market sense nation plan
    college interest death experience effect use class control field development role effort
    rate heart drug show leader light voice wife police mind price report decision son view
    relationship town road arm difference value building action season society tax director
    position player record paper space ground form event official matter center couple site
    project base star table need court oil situation cost industry figure street image phone
    data picture practice piece land product doctor wall patient worker news test movie north
    love support technology step baby computer type attention film tree source organization hair
    look window culture chance brother energy period course summer plant opportunity term letter
    condition choice rule south husband floor campaign material population call hospital church
    risk fire future bank east sound
    """.split()  # noqa: SIM905 - a list of 230 quoted words is harder to read
)
_CORPUS_WORDS: Final = 65_536
_HEAD_WORDS: Final = 4
_GOLDEN: Final = 0x9E3779B97F4A7C15
_MASK: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Scale:
    """How words become tokens, where no tokenizer says it.

    Attributes:
        tokens_per_word_ratio: Of the words here; most tokenizers have each of them as one token.
        overhead_tokens: What the server's template adds to a prompt.
    """

    tokens_per_word_ratio: float = 1.0
    overhead_tokens: int = 0


class Writer:
    """Writes texts of wanted lengths.

    A text is a few words of its own and then a slice of one long text of random words, so that
    even 100,000 tokens take microseconds: what this client does while streams run is part of
    what it measures.
    """

    def __init__(
        self, seed: int = 0, scale: Scale | None = None, tokenizer: Tokenizer | None = None
    ) -> None:
        """Draw the long text; with a tokenizer, count the tokens of each word."""
        self.scale, self.tokenizer = scale or Scale(), tokenizer
        self._seed = seed
        chosen = np.random.default_rng(seed).integers(0, len(WORDS), _CORPUS_WORDS)
        sizes = self._sizes_tokens()
        letters = np.array([len(word) + 1 for word in WORDS])
        self._sizes = sizes
        self._text = "".join(f" {WORDS[index]}" for index in chosen)
        self._starts = np.concatenate(([0], np.cumsum(letters[chosen])))
        self._tokens = np.concatenate(([0.0], np.cumsum(sizes[chosen])))

    def _sizes_tokens(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        if self.tokenizer is None:
            return np.full(len(WORDS), self.scale.tokens_per_word_ratio)
        return np.array([float(self.tokenizer.count(f" {word}")) for word in WORDS])

    def text(self, key: int, tokens: int) -> str:
        """Return a text of about so many tokens, at least one word, the same for the same key."""
        mixed = _mixed(self._seed * 0x1_0000_0001 + key)
        at = mixed % _CORPUS_WORDS
        words: list[str] = []
        left = float(tokens)
        for place in range(_HEAD_WORDS):
            index = (mixed >> (16 + 12 * place)) % len(WORDS)
            if words and self._sizes[index] > left:
                break
            words.append(WORDS[index])
            left -= self._sizes[index]
        return " ".join(words) + self._slice(int(at), left)

    def _slice(self, at: int, tokens: float) -> str:  # noqa: D417 - ``at``: a word of the long text
        """Return a slice of the long text, which is read round and round.

        Args:
            tokens: Of the slice.
        """
        found = []
        while tokens > 0.0:
            wanted = self._tokens[at] + tokens
            end = int(np.searchsorted(self._tokens, wanted + 1e-9, side="right")) - 1
            found.append(self._text[self._starts[at] : self._starts[end]])
            if end < _CORPUS_WORDS:
                break
            tokens -= float(self._tokens[end] - self._tokens[at])
            at = 0
        return "".join(found)


@dataclass(frozen=True, slots=True)
class Said:
    """A conversation up to and with an answer.

    Attributes:
        texts: Of the user and the model in turn.
    """

    row: int
    texts: tuple[str, ...]


class Asking:
    """Writes what each row of requests asks."""

    def __init__(self, requests: Requests, writer: Writer, api: Api) -> None:
        """Look at how rows share beginnings."""
        self._requests, self._writer, self._api = requests, writer, api
        self._has_blocks = bool(requests.block_offsets.size)

    def texts(self, row: int, said: Said | None) -> tuple[str, ...]:
        """Return what a row asks: all before it, and something new.

        Args:
            row: Of the requests.
            said: The conversation that it may continue.
        """
        wanted = int(self._requests.input_tokens[row])
        if said is not None and self._continues(said.row, row):
            before = self._requests.input_tokens[said.row] + self._requests.output_tokens[said.row]
            return *said.texts, self._writer.text(-1 - row, max(wanted - int(before), 1))
        wanted = max(wanted - self._writer.scale.overhead_tokens, 1)
        shared = self._shared(row, wanted) if self._has_blocks else []
        rest = wanted - len(shared) * self._requests.block_tokens
        # Rows that share all they have are alike; others differ from the first word on.
        own = [self._writer.text(-1 - row, rest)] if rest > 0 or not shared else []
        return (" ".join([*shared, *own]),)

    def members(self, texts: tuple[str, ...]) -> Mapping[str, object]:
        """Return a conversation as members of a request's JSON."""
        return members_of(texts, self._api)

    def _shared(self, row: int, wanted_tokens: int) -> list[str]:
        """Return the texts of the blocks that lie within the prompt."""
        requests = self._requests
        first, last = requests.block_offsets[row : row + 2]
        whole = min(int(last - first), wanted_tokens // requests.block_tokens)
        ids = requests.block_ids[first : first + whole]
        return [self._writer.text(int(one), requests.block_tokens) for one in ids]

    def _continues(self, before: int, row: int) -> bool:
        """Whether a row's blocks begin with all those of the row before: one conversation."""
        if not self._has_blocks:
            return False
        requests = self._requests
        first, end = requests.block_offsets[before : before + 2]
        begin, last = requests.block_offsets[row : row + 2]
        held = end - first
        if held == 0 or last - begin < held:
            return False
        longer = requests.input_tokens[before] + requests.output_tokens[before]
        same = np.array_equal(
            requests.block_ids[first:end], requests.block_ids[begin : begin + held]
        )
        return same and bool(requests.input_tokens[row] >= longer)


def members_of(texts: tuple[str, ...], api: Api) -> Mapping[str, object]:
    """Return what user and model said in turn as members of a request's JSON."""
    if api == "completions":
        return {"prompt": " ".join(texts)}
    roles = ("user", "assistant")
    said = [{"role": roles[turn % 2], "content": text} for turn, text in enumerate(texts)]
    return {"messages": said}


def _mixed(number: int) -> int:
    """Return 64 bits that look random and are the same for the same number (SplitMix64)."""
    z = (number * _GOLDEN + _GOLDEN) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)
