"""Which chunks of a stream carry a token, and how many tokens there were."""

from __future__ import annotations

import json
from array import array
from typing import TYPE_CHECKING, Final, Protocol

from rightrig.errors import InputError, MissingError
from rightrig.facts.reading import open_regular, plain
from rightrig.measuring.load.faults import FaultError

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST_TOKENIZER_BYTES: Final = 2**28
_MOST_TOKENS: Final = 10**9
_TEXTS: Final = ("content", "reasoning_content", "reasoning", "refusal")
"""Members of a delta whose text is of the model; vLLM calls reasoning by either name."""


class Tokenizer(Protocol):
    """Counts tokens."""

    def count(self, text: str) -> int:
        """Return the tokens of a text, without special ones."""


class Answer:
    """What a stream told so far.

    Attributes:
        stamps_s: Arrival of each chunk with a token.
        texts: The pieces of the answer, where they are kept.
        input_tokens, output_tokens: The server's counts (``usage``); -1 without.
        is_done: Whether ``[DONE]`` came.
        has_reason: Whether a reason for the end came.
        told: An error that the server told; empty without.
    """

    __slots__ = (
        "_after", "_before", "has_reason", "input_tokens", "is_done", "keeps_text",
        "output_tokens", "stamps_s", "texts", "told",
    )  # fmt: skip

    def __init__(self, *, keeps_text: bool = False) -> None:
        """Begin before the first chunk."""
        self.stamps_s = array("d")
        self.texts: list[str] = []
        self.keeps_text = keeps_text
        self.input_tokens, self.output_tokens = -1, -1
        self.is_done, self.has_reason = False, False
        self.told = ""
        self._before = self._after = b""

    @property
    def is_complete(self) -> bool:
        """Whether the server said that the answer is."""
        return self.is_done or self.has_reason

    def take(self, payload: bytes, now_s: float) -> None:
        """Take the payload of one event, which arrived at ``now_s``.

        A chunk with a role and no text, or with an empty text, carries no token: engines send
        the first before the prompt is read, the second for bytes that are no letter yet.

        Raises:
            FaultError: when it is no chunk of an answer.
        """
        if self._is_alike(payload):
            self.stamps_s.append(now_s)
            if self.keeps_text:
                text = payload[len(self._before) : len(payload) - len(self._after)]
                self.texts.append(text.decode(errors="replace"))
            return
        if payload == b"[DONE]":
            self.is_done = True
            return
        chunk = _object(payload)
        choices = chunk.get("choices")
        if isinstance(choices, list):
            texts = [self._choose(one, now_s) for one in choices if isinstance(one, dict)]
            # A further choice, a reason or a count may stand in the next chunk of its form, too:
            # what is learned is a chunk of a single text and none of these.
            if len(texts) == 1 and len(texts[0]) == 1 and _is_plain(chunk, choices[0]):
                self._learn(payload, texts[0][0])
        elif chunk.get("error") is not None or chunk.get("object") == "error":
            self.told = plain(chunk.get("error") or chunk.get("message") or "an error", 200)
            raise FaultError("told-error", self.told)
        usage = chunk.get("usage")
        if isinstance(usage, dict):
            self.input_tokens = _count(usage.get("prompt_tokens"), self.input_tokens)
            self.output_tokens = _count(usage.get("completion_tokens"), self.output_tokens)

    def _is_alike(self, payload: bytes) -> bool:
        """Whether a payload is that of an earlier chunk with a token but for its text.

        Reading JSON is most of what a chunk costs. A payload that begins and ends like one that
        was read, letter by letter, with plain text between, can mean nothing else.
        """
        before, after = self._before, self._after
        if not (before and payload.startswith(before) and payload.endswith(after)):
            return False
        text = payload[len(before) : len(payload) - len(after)]
        is_whole = len(payload) > len(before) + len(after)
        return is_whole and b'"' not in text and b"\\" not in text

    def _learn(self, payload: bytes, text: str) -> None:
        """Keep what stands around a text that occurs but once as a whole string."""
        written = b'"%s"' % text.encode(errors="replace")
        if payload.count(written) == 1:
            at = payload.index(written) + 1
            self._before, self._after = payload[:at], payload[at + len(written) - 2 :]

    def _choose(self, choice: dict[str, object], now_s: float) -> list[str]:
        """Take one choice of a chunk; return the pieces of text in it."""
        if choice.get("finish_reason") is not None:
            self.has_reason = True
        text = choice.get("text")
        if isinstance(text, str):
            pieces = [text] if text else []
        else:
            delta = choice.get("delta")
            pieces = _pieces(delta) if isinstance(delta, dict) else []
        if pieces:
            stamps = self.stamps_s
            # Several choices of one event are one moment of the stream.
            if not stamps or stamps[-1] != now_s or choice.get("index", 0) == 0:
                stamps.append(now_s)
            if self.keeps_text:
                self.texts += pieces
        return pieces


def _is_plain(chunk: dict[str, object], choice: dict[str, object]) -> bool:
    """Whether a chunk has nothing to say but a text of the first choice."""
    is_first = choice.get("index", 0) == 0
    return is_first and choice.get("finish_reason") is None and not chunk.get("usage")


def _pieces(delta: dict[str, object]) -> list[str]:
    """Return what of a delta is of the model's own: text, reasoning, calls of tools."""
    found = [text for name in _TEXTS if isinstance(text := delta.get(name), str) and text]
    calls = delta.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        asked = call.get("function") if isinstance(call, dict) else None
        if isinstance(asked, dict):
            named = (asked.get("name"), asked.get("arguments"))
            found += [text for text in named if isinstance(text, str) and text]
    return found


def _object(payload: bytes) -> dict[str, object]:
    try:
        chunk = json.loads(payload.decode())
    except (ValueError, RecursionError) as error:
        raise FaultError("malformed", "an event that is no JSON") from error
    if not isinstance(chunk, dict):
        raise FaultError("malformed", "an event that is no object")
    return chunk


def _count(value: object, before: int) -> int:
    """Return a count of tokens that can be one, else what was known before."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS:
        return value
    return before


class _FileTokenizer:
    """A tokenizer of the ``tokenizers`` library."""

    def __init__(self, path: Path) -> None:
        """Read ``tokenizer.json``."""
        try:
            import tokenizers  # noqa: PLC0415 - optional
        except ImportError as error:
            raise MissingError(
                "counting tokens with a tokenizer needs the library tokenizers: "
                "pip install 'rightrig[load]'"
            ) from error
        with open_regular(path, "tokenizer") as file:
            text = file.read(_LONGEST_TOKENIZER_BYTES + 1)
        if len(text) > _LONGEST_TOKENIZER_BYTES:
            raise InputError(f"{path} is no tokenizer: it is larger than 256 MiB")
        try:
            self._inner = tokenizers.Tokenizer.from_str(text.decode())
        except Exception as error:  # the library raises plain Exception for what is wrong
            raise InputError(f"{path} is no tokenizer: {str(error)[:100]}") from error

    def count(self, text: str) -> int:
        """Return the tokens of a text, without special ones."""
        return len(self._inner.encode(text, add_special_tokens=False).ids)


def read_tokenizer(path: Path) -> Tokenizer:
    """Read a ``tokenizer.json``, or the folder of a model that holds one.

    Raises:
        InputError: when it is none.
        MissingError: without the library that reads it.
    """
    return _FileTokenizer(path / "tokenizer.json" if path.is_dir() else path)
