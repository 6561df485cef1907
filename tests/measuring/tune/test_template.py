"""The command that starts an engine: places are filled, and no shell sees it."""

from __future__ import annotations

import shlex
import sys

import pytest

from rightrig.errors import InputError, MissingError
from rightrig.measuring.tune.settings import baseline_of
from rightrig.measuring.tune.template import template_of

PYTHON = sys.executable
SHOWN = shlex.quote(PYTHON)


def test_places_are_filled_and_words_stay_words() -> None:
    setting = baseline_of("max_num_seqs=8,kv_dtype=a b; rm -rf x")
    text = f"{SHOWN} serve --port {{port}} --seqs={{max_num_seqs}} --kv {{kv_dtype}} '$HOME'"
    command = template_of(text, setting).command(setting, 8123)
    assert command == (
        PYTHON, "serve", "--port", "8123", "--seqs=8", "--kv", "a b; rm -rf x", "$HOME",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "words"),
    [("on", ("--enable-x",)), ("off", ("--no-enable-x",)), ("0", ("--no-enable-x",))],
)
def test_a_switch_has_words_for_on_and_off(value: str, words: tuple[str, ...]) -> None:
    setting = baseline_of(f"cache={value}")
    text = f"{SHOWN} {{port}} '{{cache?--enable-x:--no-enable-x}}'"
    assert template_of(text, setting).command(setting, 1)[2:] == words


def test_a_switch_without_words_leaves_nothing() -> None:
    setting = baseline_of("cache=off")
    template = template_of(f"{SHOWN} {{port}} '{{cache?--enable-x --size 3:}}'", setting)
    assert template.command(setting, 1) == (PYTHON, "1")
    assert template.command(setting.turned("cache", "on"), 1)[2:] == ("--enable-x", "--size", "3")


def test_braces_of_json_are_the_commands_own() -> None:
    setting = baseline_of("spec_tokens=3")
    text = f"""{SHOWN} {{port}} --spec '{{"method": "ngram", "tokens": {{spec_tokens}}}}'"""
    command = template_of(text, setting).command(setting, 1)
    assert command[-1] == '{"method": "ngram", "tokens": 3}'


@pytest.mark.parametrize(
    ("text", "baseline", "message"),
    [
        (f"{SHOWN} {{port}} {{tp}}", "a=1", "does not say its value; add tp=…"),
        (f"{SHOWN} {{port}}", "a=1", "a would change nothing"),
        (f"{SHOWN} '{{port}}", "a=1", "cannot be parted"),
        ("", "a=1", "is a command of"),
        (f"{SHOWN} {'x' * 9000}", "a=1", "is a command of"),
        ("{a} {port}", "a=1", "begins with a program"),
    ],
)
def test_a_template_that_would_not_do_is_refused(text: str, baseline: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        template_of(text, baseline_of(baseline))


def test_an_engine_that_is_not_there_is_missing() -> None:
    with pytest.raises(MissingError, match="no program of this machine"):
        template_of("no-such-engine {port} {a}", baseline_of("a=1"))
