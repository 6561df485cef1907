from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.errors import RightrigError
from rightrig.measuring.load.faults import FaultError
from rightrig.measuring.load.tokens import Answer, read_tokenizer


def answered(*chunks: object, keeps_text: bool = False) -> Answer:
    answer = Answer(keeps_text=keeps_text)
    for place, chunk in enumerate(chunks):
        answer.take(json.dumps(chunk).encode(), float(place))
    return answer


def chat(**delta: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


@pytest.mark.parametrize(
    "chunk",
    [
        chat(role="assistant"),
        chat(role="assistant", content=""),
        chat(content=None),
        chat(),
        chat(tool_calls=[]),
        chat(tool_calls=[{"function": {"arguments": ""}}]),
        {"choices": [{"text": ""}]},
        {"choices": [{}]},
        {"choices": [None]},
        {"choices": []},
        {"choices": None, "usage": None},
    ],
)
def test_a_chunk_without_text_carries_no_token(chunk: object) -> None:
    assert len(answered(chunk).stamps_s) == 0


@pytest.mark.parametrize(
    "chunk",
    [
        chat(content="a"),
        chat(role="assistant", content="a"),
        chat(reasoning_content="hm"),
        chat(reasoning="hm"),
        chat(refusal="no"),
        chat(tool_calls=[{"index": 0, "function": {"name": "f", "arguments": ""}}]),
        chat(tool_calls=[{"index": 0, "function": {"arguments": "{"}}]),
        {"choices": [{"index": 0, "text": " the"}]},
    ],
)
def test_text_reasoning_and_calls_of_tools_are_tokens(chunk: object) -> None:
    assert list(answered(chat(role="assistant"), chunk).stamps_s) == [1.0]


def test_the_text_is_kept_where_it_is_wanted() -> None:
    chunks = (chat(content="a"), chat(reasoning="b"), chat(content="c"))
    assert answered(*chunks, keeps_text=True).texts == ["a", "b", "c"]
    assert answered(*chunks).texts == []


def test_usage_may_come_with_every_chunk_and_the_last_counts() -> None:
    usages = [{"prompt_tokens": 5, "completion_tokens": n} for n in (1, 2)]
    answer = answered(*(chat(content="a") | {"usage": usage} for usage in usages))
    assert (answer.input_tokens, answer.output_tokens) == (5, 2)


def of_text(text: str, **more: object) -> dict[str, object]:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return {"id": "x", "choices": [choice | more]}


texts = st.text(max_size=6) | st.sampled_from(
    ["", "a", "x", '"', "\\", '","', "content", ":", "é", "\n", "null", "[DONE]", '"},{"']
)
chunks = st.lists(
    st.builds(of_text, texts)
    | st.builds(of_text, texts, finish_reason=st.just("stop"))
    | st.builds(lambda text: of_text(text) | {"usage": {"completion_tokens": 3}}, texts)
    | st.builds(lambda text: chat(role="assistant", content=text), texts)
    | st.builds(lambda text: {"choices": [{"index": 0, "text": text}]}, texts),
    max_size=12,
)


@settings(deadline=None)
@given(chunks=chunks, is_escaped=st.booleans(), is_tight=st.booleans())
def test_the_short_way_reads_what_the_long_way_reads(
    *, chunks: list[dict[str, object]], is_escaped: bool, is_tight: bool
) -> None:
    quick = Answer(keeps_text=True)
    slow_texts: list[str] = []
    stamps_s: list[float] = []
    for place, chunk in enumerate(chunks):
        separators = (",", ":") if is_tight else None
        payload = json.dumps(chunk, ensure_ascii=is_escaped, separators=separators)
        data = payload.encode(errors="surrogatepass")
        slow = Answer(keeps_text=True)  # a new one has learned nothing
        try:
            slow.take(data, float(place))
        except FaultError:
            return
        quick.take(data, float(place))
        slow_texts += slow.texts
        stamps_s += slow.stamps_s
    assert quick.texts == slow_texts
    assert list(quick.stamps_s) == stamps_s


@pytest.mark.parametrize("count", [-1, 1.5, "7", True, None, 10**30, [3]])
def test_a_count_that_can_be_none_is_not_taken(count: object) -> None:
    answer = answered({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": count}})
    assert (answer.input_tokens, answer.output_tokens) == (5, -1)


@pytest.mark.parametrize(
    "payload", [b"{", b"[]", b"3", b"\xff", b"[" * 100_000, b'{"a":' * 50_000, b""]
)
def test_a_payload_that_is_no_object_is_malformed(payload: bytes) -> None:
    with pytest.raises(FaultError) as found:
        Answer().take(payload, 0.0)
    assert found.value.kind == "malformed"


def test_an_error_within_a_stream_is_told() -> None:
    for chunk in ({"error": {"message": "out of memory"}}, {"object": "error", "message": "no"}):
        with pytest.raises(FaultError) as found:
            answered(chunk)
        assert found.value.kind == "told-error"


def test_a_tokenizer_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(RightrigError, match=r"no tokenizer|pip install 'rightrig\[load\]'"):
        read_tokenizer(tmp_path)


ENGINES = Path(__file__).parents[4] / ".cache" / "engines"
COUNT = """
import sys
from pathlib import Path
sys.path.append(sys.argv[1])
import tokenizers
from rightrig.measuring.load.prompts import WORDS, Writer
from rightrig.measuring.load.tokens import read_tokenizer

bytes_of = tokenizers.pre_tokenizers.ByteLevel
made = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token=None))
made.pre_tokenizer = bytes_of(add_prefix_space=False)
trainer = tokenizers.trainers.BpeTrainer(
    vocab_size=400, initial_alphabet=sorted(bytes_of.alphabet()), show_progress=False
)
made.train_from_iterator([f" {word}" for word in WORDS[:60]], trainer)
made.save(sys.argv[2])
tokenizer = read_tokenizer(Path(sys.argv[2]))
writer = Writer(tokenizer=tokenizer)
print([tokenizer.count(writer.text(key, 500)) for key in range(20)])
"""


def test_prompts_have_the_tokens_that_a_real_tokenizer_counts(tmp_path: Path) -> None:
    places = list(ENGINES.glob("lib/python*/site-packages/tokenizers"))
    if not places:
        pytest.skip("the library tokenizers is not installed: make engines")
    words = [sys.executable, "-c", COUNT, str(places[0].parent), str(tmp_path / "t.json")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if "is different" in done.stderr or "cannot import" in done.stderr:
        pytest.skip("the engines are of another Python")
    counts = json.loads(done.stdout)
    # A word that does not fit any more is left out: up to a word's tokens are missing.
    assert all(490 <= count <= 502 for count in counts)
