"""Bytes of anybody are taken or refused in one sentence, whatever they are.

``make fuzz`` runs the same targets with coverage on a million inputs.
"""

from __future__ import annotations

import contextlib
import io
import sys
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scripts import load_script

from rightrig.cli import main

if TYPE_CHECKING:
    from pathlib import Path

TARGETS: Final = load_script("fuzz/targets.py")
SEEDS: Final[dict[str, bytes]] = TARGETS.seeds()
PIECES: Final = (
    b"", b"0", b"-1", b"1e999", b"NaN", b"null", b"[", b"]", b"{", b"}", b'"', b"\x00", b"\xff",
    b"\xff" * 8, b"\x1b[2J", b"\n", b"9" * 400, b"[" * 2000, b"../", b"true", b'"\\ud800"', b"*",
)  # fmt: skip


@pytest.mark.parametrize("name", SEEDS)
def test_a_sound_input_is_taken(tmp_path: Path, name: str) -> None:
    assert TARGETS.run(name, SEEDS[name], tmp_path)


@pytest.mark.parametrize("name", SEEDS)
def test_damaged_inputs_are_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    seed = SEEDS[name]
    edit = st.tuples(
        st.integers(0, len(seed)),
        st.integers(0, 12),
        st.one_of(st.sampled_from(PIECES), st.binary(max_size=8)),
    )

    taken: list[bool] = []

    @settings(max_examples=200, deadline=None)
    @given(edits=st.lists(edit, min_size=1, max_size=4))
    @example(edits=[(0, 12, b"")])
    def damaged(edits: list[tuple[int, int, bytes]]) -> None:
        data = bytearray(seed)
        for place, length, piece in edits:
            data[place : place + length] = piece
        taken.append(TARGETS.run(name, bytes(data), tmp_path))

    damaged()
    assert not all(taken)


@pytest.mark.parametrize("name", SEEDS)
def test_any_bytes_are_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    taken: list[bool] = []

    @settings(max_examples=100, deadline=None)
    @given(data=st.binary(max_size=200))
    @example(data=b"")
    def any_bytes(data: bytes) -> None:
        taken.append(TARGETS.run(name, data, tmp_path))

    any_bytes()
    assert not all(taken)


WORDS: Final = (
    "fit", "fits", "predict", "compare", "models", "gpus", "rigs", "prices", "runtimes", "list",
    "show", "llama-3.1-8b", "gpt-oss-20b", "1xrtx-4090", "8xh100-sxm", "--on", "--context",
    "--concurrency", "--weights", "--kv", "--tp", "--pp", "--runtime", "--max-seqs", "--json",
    "--input", "--output", "q4_k_m", "fp8", "vllm", "llama.cpp", "0", "-1", "2", "4096", "1e9",
    "max", "nan", "inf", "", "--", "-", "=", "--help", "99999999999999999999",
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    words=st.lists(
        st.one_of(
            st.sampled_from(WORDS),
            st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), max_size=9),
        ),
        max_size=9,
    )
)
@example(words=["fit", "llama-3.1-8b", "--on", "1xrtx-4090", "--context", "nan"])
def test_any_words_leave_with_a_code_and_no_traceback(words: list[str]) -> None:
    out, err = io.StringIO(), io.StringIO()
    before = sys.argv
    sys.argv = ["rightrig", *words]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
        code: object = 0
    except SystemExit as left:
        code = left.code or 0
    finally:
        sys.argv = before
    assert code in {0, 1, 2, 3}, words
    assert "Traceback" not in err.getvalue()
