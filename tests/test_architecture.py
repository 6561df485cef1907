"""The house rules that no linter checks: sizes, names, what an import costs, rules that explain.

Which room may import which is a contract of import-linter.
"""

from __future__ import annotations

import ast
import json
import pkgutil
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

import rightrig
from rightrig.cli.app import root
from rightrig.cli.calibrate import calibrate
from rightrig.cli.prices_refresh import prices_refresh
from rightrig.cli.serve import serve
from rightrig.cli.watch_export import watch_export
from rightrig.deployment.compatibility import RULES
from rightrig.planning.constraints import CONSTRAINTS
from rightrig.verbs.table import HERE, VERBS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


SOURCE: Final = Path(rightrig.__file__).parent
FILES: Final = sorted(SOURCE.rglob("*.py"))
ROOMS: Final = sorted(m.name for m in pkgutil.iter_modules(rightrig.__path__) if m.ispkg)

MOST_FILE_LINES: Final = 400
MOST_FUNCTION_LINES: Final = 40
MOST_PARAMETERS: Final = 6
MOST_COMMAND_LINES: Final = 15


@dataclass(frozen=True, slots=True)
class Function:
    """The size of one function; docstrings are not counted.

    Attributes:
        lines: From ``def`` to the end.
        body_lines: Without the signature.
        parameters: Without ``self`` and ``cls``.
    """

    place: str
    lines: int
    body_lines: int
    parameters: int


def functions_in(node: ast.AST, place: str) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        inside = place
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            inside = f"{place}.{child.name}"
        if isinstance(child, ast.FunctionDef):
            yield measured(child, inside)
        yield from functions_in(child, inside)


def measured(function: ast.FunctionDef, place: str) -> Function:
    has_docstring = ast.get_docstring(function) is not None
    body = function.body[1:] if has_docstring else function.body
    arguments = function.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return Function(
        place=place,
        lines=span(function) - (span(function.body[0]) if has_docstring else 0),
        body_lines=(body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0,
        parameters=len([name for name in names if name not in {"self", "cls"}]),
    )


def span(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


@cache
def functions() -> dict[str, Function]:
    """Return every function of the library by its place, such as ``verbs.fit.fit``."""
    found = {}
    for path in FILES:
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found.update({function.place: function for function in functions_in(tree, module)})
    return found


def place_of(function: Callable[..., Any]) -> str:
    return f"{function.__module__.removeprefix('rightrig.')}.{function.__qualname__}"


_HERE: Final[tuple[Callable[..., Any], ...]] = (
    calibrate, prices_refresh, root, serve, watch_export,
)  # fmt: skip
COMMANDS: Final = frozenset(
    place_of(one) for one in (*(verb.answer for verb in (*VERBS, *HERE)), *_HERE)
)


def loaded_by(code: str) -> list[str]:
    """Return the modules that a fresh interpreter has loaded after some code."""
    program = f"import json, sys\n{code}\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    modules: list[str] = json.loads(done.stdout.splitlines()[-1])
    return modules


def command_loads(*words: str) -> set[str]:
    code = (
        f"sys.argv = {['rightrig', *words]!r}\n"
        "from rightrig.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code"
    )
    return set(loaded_by(code))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_fits_its_budget(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_FILE_LINES


def test_functions_are_short() -> None:
    # A command has a line an option; what counts is its body, below.
    long = {f.place: f.lines for f in functions().values() if f.lines > MOST_FUNCTION_LINES}
    assert long.keys() <= COMMANDS


def test_functions_take_few_parameters() -> None:
    many = {f.place: f.parameters for f in functions().values() if f.parameters > MOST_PARAMETERS}
    # What an expression of a claims table calls, by the names of its parameters, as a command.
    assert {place for place in many if not place.startswith("audit.functions.")} <= COMMANDS


def test_command_bodies_are_short() -> None:
    bodies = {place: functions()[place].body_lines for place in COMMANDS}
    long = {place: lines for place, lines in bodies.items() if lines > MOST_COMMAND_LINES}
    assert long == {}


def test_a_docstring_is_not_counted() -> None:
    text = 'def double(self, x):\n    """Return.\n\n    Twice.\n    """\n    return 2 * x\n'
    (found,) = functions_in(ast.parse(text), "example")
    assert found == Function("example.double", lines=2, body_lines=1, parameters=1)


def test_no_room_has_the_name_of_a_public_function() -> None:
    assert "prediction" in ROOMS
    assert "predict" in dir(rightrig)
    assert set(ROOMS).isdisjoint(dir(rightrig))


@pytest.mark.parametrize("name", rightrig.__all__)
def test_a_public_name_can_be_loaded(name: str) -> None:
    assert getattr(rightrig, name).__module__.startswith("rightrig.")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_it_is(room: str) -> None:
    tree = ast.parse((SOURCE / room / "__init__.py").read_text(encoding="utf-8"))
    assert (ast.get_docstring(tree) or "").split("\n")[0].endswith(".")


def test_importing_facts_and_fit_loads_no_array_library() -> None:
    modules = loaded_by("import rightrig, rightrig.facts.catalog, rightrig.prediction.memory_fit")
    assert "rightrig.prediction.memory_fit" in modules
    assert {"numpy", "scipy", "rich", "typer"}.isdisjoint(modules)


def test_importing_rightrig_loads_nothing_of_weight() -> None:
    assert {"numpy", "pydantic", "rich", "typer"}.isdisjoint(loaded_by("import rightrig"))


def test_help_loads_nothing_of_weight() -> None:
    assert {"numpy", "scipy", "pydantic", "rich"}.isdisjoint(command_loads("--help"))


def test_fit_loads_no_array_library() -> None:
    modules = command_loads("fit", "llama-3.1-8b", "--on", "1xh100-sxm")
    assert "rightrig.prediction.memory_fit" in modules
    assert {"numpy", "scipy", "rich"}.isdisjoint(modules)


def test_ids_of_rules_are_unique() -> None:
    ids = [*(rule.id for rule in RULES), *(rule.id for rule in CONSTRAINTS)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[A-Z]+-[A-Z0-9]+", rule_id) for rule_id in ids)


@pytest.mark.parametrize("rule", [*RULES, *CONSTRAINTS], ids=lambda rule: rule.id)
def test_a_rule_says_in_one_sentence_what_holds(rule: object) -> None:
    sentence = type(rule).__doc__ or ""
    assert re.fullmatch(r"[A-Z][^.!?\n]*\.", sentence)
