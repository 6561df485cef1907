"""Expressions of anybody: refused in one sentence, and nothing of Python is reached."""

from __future__ import annotations

import datetime
import string
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rightrig.audit.auditing import audit
from rightrig.audit.expression import compute, parse_expression
from rightrig.audit.figure import figure_of, read_figures
from rightrig.audit.naming import Setting, functions
from rightrig.audit.units import ATOMS
from rightrig.errors import InputError, RightrigError
from rightrig.facts.catalog import shipped

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.audit.naming import Named

TODAY: Final = datetime.date(2026, 11, 22)
SETTING: Final = Setting(shipped(), TODAY, {})
REFUSED: Final = (
    '__import__("os").system("id")', 'eval("1")', 'open("x")', 'print("x")', "().__class__",
    "gpu.__globals__", "GB.real", '"a"[0]', "[1][0]", "[1]", "{1}", "lambda: 1", "(lambda: 1)()",
    "[x for x in (1,)]", "(x for x in (1,))", "{x: 1 for x in (1,)}", 'f"{1}"', "(x := 1)",
    "2**3", "1//2", "1%2", "1@2", "1<<9", "~1", "+1", "1 if True else 2", "1<2<3", "1 in (1,)",
    "1 is 1", "await x", "yield", "*a", "a=1", "1;2", "import os", "1\n2", "1j", "None", "...",
    'b"x"', "1e400", "9" * 700, "9" * 5000, "1" + "0" * 10_000, "(" * 1000 + "1" + ")" * 1000,
    "(" * 399 + "1" + ")" * 399, "(-" * 30 + "1" + ")" * 30, "-" * 700 + "1",
    "not " * 190 + "True", "1+" * 390 + "1", "", " ", "\\", "#", "gpu", "GB GB", "no_unit",
    'said(*("a",))', "said(**{})", '{**{"a": 1}}', '{"a": {"b": 1}}', '{"a": (1, 2)}',
    "((1, 2), 3)", "1\x002", "\x00", "\ufeff1\ufeff", "\u202e1", "\u0433", "1\u066b5", "“a”",
    "\uff12**\uff13",
    'g\u0440u("h100-sxm", "slug")', "1 +\u00a0", "\U0001d7d9", 'gpu("h100-sxm", "slug")("y")',
    "True.real", "(1).__add__(2)", '"{0.__class__}".format(1)', '"%s" % gpu', '"a" * 10**9',
)  # fmt: skip


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text[:24]))
def test_an_expression_that_is_none_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(InputError) as refused:
        compute(parse_expression(text), SETTING)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400


def test_letters_that_python_reads_as_others_name_the_same_function() -> None:
    found = parse_expression('\uff47pu("h100-sxm", "slug")')
    assert [call.name for call in found.calls] == ["gpu"]


def test_a_claim_that_reads_itself_reads_what_it_states() -> None:
    rows = [
        {"id": "A", "claimed": "3", "expression": 'said("A")'},
        {"id": "B", "claimed": "4", "expression": 'said("C")'},
        {"id": "C", "claimed": "5", "expression": 'said("B")'},
    ]
    found = audit([figure_of(row) for row in rows], shipped(), today=TODAY)
    assert [one.verdict for one in found] == ["correct", "wrong", "wrong"]


PIECES: Final = (
    *"()[]{}<>=+-*/%,.:;@!&|^~\"'\\#", "1", "2.5", "1e9", "0", "True", "not ", " and ", " or ",
    " if ", " else ", "lambda ", "for x in ", "==", "**", "__class__", "__import__", "\n", "\x00",
    '"h100-sxm"', '"slug"', '"a"', "claimed", "GB", "s", "x",
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    text=st.one_of(
        st.text(max_size=60),
        st.text(string.printable, max_size=60),
        st.lists(st.sampled_from((*PIECES, *functions(), *ATOMS)), max_size=12).map("".join),
    )
)
@example(text='"\ud800"')
@example(text='gpu("\ud800", "slug")')
def test_any_text_is_computed_or_refused(text: str) -> None:
    try:
        compute(parse_expression(text), SETTING)
    except InputError as refused:
        assert str(refused).isprintable()  # noqa: PT017 - most are refused, a few are numbers


def literal(type_name: str, scale: float) -> st.SearchStrategy[str]:
    """Return texts for an argument of a type; numbers of any size and sign."""
    if type_name == "bool":
        return st.sampled_from(("True", "False"))
    if type_name == "str":
        names = (
            "h100-sxm", "rtx-4090", "llama-3.1-8b", "4xrtx-4090", "2n:8xh200-sxm", "fp8", "vllm",
            "999999999999xh100-sxm", "lora", "memory_bytes", "", "\x1b[2J",
        )  # fmt: skip
        return st.sampled_from([f'"{name}"' for name in names])
    numbers = st.sampled_from(
        ("0", "1", "8", "4096", "-1", "0.5", "1e15", "1e-30", "1e30", "-1e15")
    )
    return numbers.map(lambda number: f"({number})*{scale!r}")


@st.composite
def calls(draw: st.DrawFn, function: Named) -> str:
    """Return a call of a function with arguments of the right types and dimensions."""
    given_count = draw(st.integers(
        sum(not p.is_optional for p in function.parameters), len(function.parameters)
    ))  # fmt: skip
    arguments = []
    for parameter in function.parameters[:given_count]:
        text = draw(literal(parameter.type, parameter.unit.scale_ratio))
        if parameter.type not in {"bool", "str"}:
            for base, power in zip(("B", "s", "FLOP", "USD", "W", "degC"), parameter.unit.dimension,
                                   strict=True):  # fmt: skip
                text += (f"*{base}" if power > 0 else f"/{base}") * abs(power)
        arguments.append(text)
    return f"{function.name}({', '.join(arguments)})"


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_any_arguments_of_any_function_are_computed_or_refused(data: st.DataObject) -> None:
    function = data.draw(st.sampled_from(list(functions().values())))
    column = "lint" if function.kind == "rule" else "expression"
    row = {"claimed": "98", "unit": "tok/s", column: data.draw(calls(function))}
    try:
        audit([figure_of(row)], shipped(), today=TODAY)
    except RightrigError as refused:
        assert str(refused).isprintable()  # noqa: PT017 - either is right
        assert refused.exit_code == 2  # noqa: PT017


@settings(max_examples=150, deadline=None)
@given(
    data=st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=80).map(lambda data: b"claimed,unit,expression\n" + data),
        st.text(string.printable, max_size=80).map(lambda t: f"claimed,note\n{t}".encode()),
    )
)
def test_any_bytes_are_a_table_or_refused(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(data)
    try:
        audit(read_figures(path), shipped(), today=TODAY)
    except InputError as refused:
        assert str(refused).isprintable()  # noqa: PT017 - most are refused
