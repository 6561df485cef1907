"""The reference is complete: options, rules, settings, alerts, metrics, exit codes of the program.

Each is found in the program's source or objects, never in a list: what is added has to be told.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import pytest
import typer.main
from scripts import ROOT, load_script

from rightrig.cli.app import app
from rightrig.errors import MissingError, RightrigError
from rightrig.watching.metrics import ALL
from rightrig.watching.rules.alerts import ALERTS
from rightrig.watching.rules.thresholds import COMPARED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REFERENCE: Final = ROOT / "docs" / "reference"
PACKAGE: Final = ROOT / "src" / "rightrig"
TABLES: Final = load_script("docs/reference_tables.py")
RULE: Final = re.compile(r"^\| `([A-Z]+(?:-[A-Z0-9]+)+)` \| (.+?) \|", re.MULTILINE)
LEAST_WORDS: Final = 3
FEWEST_IDS: Final = 100
# Named by the person who starts the command: no name of ours.
NAMED_BY_USERS: Final = frozenset({"server.api_key_env"})
HOMES: Final = {
    "user_config_path": "~/.config/rightrig",
    "user_cache_path": "~/.cache/rightrig",
    "user_data_path": "~/.local/share/rightrig",
}
VARIABLE: Final = re.compile(r"`([A-Za-z]+(?:_[A-Za-z]+)+)`")


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


@cache
def texts() -> dict[Path, str]:
    return {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}


@cache
def sources(about: str) -> dict[Path, ast.Module]:
    """Return the files of the package that hold a pattern; others need no parsing."""
    return {path: ast.parse(text) for path, text in texts().items() if re.search(about, text)}


# Options.


def commands(group: Any, words: str) -> Iterator[tuple[str, Any]]:
    """Yield the program and every verb of it, with what it takes."""
    yield words, group
    for name, below in getattr(group, "commands", {}).items():
        yield from commands(below, f"{words} {name}")


COMMANDS: Final = dict(commands(typer.main.get_command(app), "rightrig"))


@pytest.mark.parametrize("words", COMMANDS)
def test_every_option_and_argument_of_a_command_stands_in_its_section(words: str) -> None:
    told = re.search(rf"^\$ {words} --help\n(.*?)^```$", page("cli.md"), re.MULTILINE | re.DOTALL)
    assert told is not None
    shown = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", told[1]))
    taken = {
        option
        for one in COMMANDS[words].params
        if one.param_type_name == "option"
        for option in (*one.opts, *one.secondary_opts)
    }
    assert taken <= shown
    for one in COMMANDS[words].params:
        if one.param_type_name == "argument":
            assert one.name.replace("_", "") in told[1].lower().replace("_", "")


# Rules.


def test_every_id_of_the_source_stands_in_the_rules_with_a_sentence() -> None:
    text = page("rules.md")
    told = dict(RULE.findall(text))
    named = {one.id: one.sentence for one in TABLES.named()}
    assert told == named
    assert [name for name, said in told.items() if len(said.split()) < LEAST_WORDS] == []
    # Docstrings of functions say what they return, which is no rule.
    assert [name for name, said in told.items() if re.match(r"(Return|Yield)s? ", said)] == []


def test_every_class_with_an_id_is_among_them() -> None:
    ids = {
        line.value.value
        for module in sources(r"\n    id\b.*=").values()
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef)
        for line in node.body
        if isinstance(line, ast.Assign | ast.AnnAssign)
        and isinstance(line.value, ast.Constant)
        and isinstance(line.value.value, str)
        and "id" in ast.unparse(line).replace(":", " ").split()[:1]
    }
    assert len(ids) > FEWEST_IDS
    assert ids <= set(dict(RULE.findall(page("rules.md"))))


def test_an_id_that_nobody_explains_is_noticed() -> None:
    module = ast.parse("def judge():\n    return Finding('BENCH-NEW', 'degraded')\n")
    assert dict(TABLES.mentioned(module))["BENCH-NEW"] == ""
    made = ast.parse('class New:\n    """It holds."""\n    id: ClassVar[str] = "RT-NEW"\n')
    assert dict(TABLES.of_classes(made)) == {"RT-NEW": "It holds."}


# Settings.


def constants(module: ast.Module) -> dict[str, tuple[str, ...]]:
    """Return the names of a file that stand for texts, or for several."""
    found = {}
    for line in module.body:
        if isinstance(line, ast.Assign | ast.AnnAssign) and line.value is not None:
            target = line.targets[0] if isinstance(line, ast.Assign) else line.target
            texts = [one.value for one in ast.walk(line.value) if isinstance(one, ast.Constant)]
            if isinstance(target, ast.Name) and all(isinstance(text, str) for text in texts):
                found[target.id] = tuple(str(text) for text in texts)
    return found


def is_environment(node: ast.expr) -> bool:
    return ast.unparse(node) in {"os.environ", "environ", "environment"}


def asked(module: ast.Module) -> Iterator[ast.expr]:
    """Yield the expressions by which a file names variables of the environment."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if is_environment(node.func.value) and node.func.attr != "items":
                yield from node.args[:1]
            elif ast.unparse(node.func) == "os.getenv":
                yield node.args[0]
            yield from (word.value for word in node.keywords if word.arg == "envvar")
        elif isinstance(node, ast.Subscript) and is_environment(node.value):
            yield node.slice
        elif isinstance(node, ast.Compare) and is_environment(node.comparators[0]):
            yield node.left


def variables() -> set[str]:
    """Return every variable of the environment that the package names, or how it names it."""
    files = sources("environ|getenv|envvar")
    everywhere = {
        name: texts for module in files.values() for name, texts in constants(module).items()
    }
    found: set[str] = set()
    for module in files.values():
        known = {**everywhere, **constants(module)}
        loops = {
            one.target.id: one.iter.id
            for one in ast.walk(module)
            if isinstance(one, ast.comprehension)
            and isinstance(one.target, ast.Name)
            and isinstance(one.iter, ast.Name)
        }
        for name in asked(module):
            if isinstance(name, ast.Constant):
                found.add(str(name.value))
                continue
            names = [one.id for one in ast.walk(name) if isinstance(one, ast.Name)]
            texts = [known.get(loops.get(one, one), ()) for one in names]
            found.update(text for some in texts for text in some if text.strip("01"))
            if not any(texts):
                found.add(ast.unparse(name))
    return found - NAMED_BY_USERS


def test_every_variable_of_the_environment_is_told() -> None:
    found = variables()
    assert {"RIGHTRIG_DB", "RIGHTRIG_TOKEN", "HTTPS_PROXY", "MKL_NUM_THREADS"} <= found
    assert found <= set(VARIABLE.findall(page("settings.md")))


def test_no_variable_is_told_that_nothing_reads() -> None:
    first_cells = re.findall(r"^\| (`[A-Za-z_`, ]+`) \|", page("settings.md"), re.MULTILINE)
    assert set(VARIABLE.findall(" ".join(first_cells))) <= variables()


def kept_files() -> set[str]:
    """Return what the package looks for in a user's folders."""
    found = set()
    for module in sources(r"user_\w+_path").values():
        for node in ast.walk(module):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                called = re.search(r"\buser_(config|cache|data)_path\(", ast.unparse(node.left))
                if called and isinstance(node.right, ast.Constant):
                    home = HOMES[f"user_{called[1]}_path"]
                    found.add(f"{home}/{node.right.value!s}")
    return found


def test_every_file_of_a_user_is_told() -> None:
    found = kept_files()
    calls = sum(
        isinstance(node, ast.Call) and ast.unparse(node.func) in HOMES
        for module in sources(r"user_\w+_path").values()
        for node in ast.walk(module)
    )
    assert len(found) == calls
    told = re.findall(r"^\| `(~/[^`]+)` \|", page("settings.md"), re.MULTILINE)
    assert sorted(told) == sorted(found)


# Alerts and metrics.


def test_every_alert_is_told_with_its_threshold_wait_severity_and_page() -> None:
    rows = [
        line.strip("| ").split(" | ")
        for line in page("alerts.md").splitlines()
        if "/runbooks/" in line
    ]
    assert [row[0] for row in rows] == [alert.name for alert in ALERTS]
    for row, alert in zip(rows, ALERTS, strict=True):
        assert re.findall(r"`(\w+)`", row[2]) == list(alert.uses)
        assert row[3:5] == [TABLES.waited(alert.for_s), alert.severity]
        assert row[5] == f"[{alert.runbook}](../runbooks/{alert.runbook}.md)"
        assert "$labels" not in row[1]


def test_every_threshold_is_told_with_its_value_and_origin() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", page("alerts.md"), re.MULTILINE
    )
    assert [row[0] for row in rows] == list(COMPARED)
    values = {row[0]: row[2] for row in rows}
    assert (values["kv_full_ratio"], values["nvlink_crc_per_s"]) == ("0.95", "100")
    assert values["budgets"] == "–"


def test_no_metric_is_told_that_is_not_exported() -> None:
    manual = (ROOT / "docs" / "how-to" / "export-metrics.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(rightrig_\w+)` \|", manual, re.MULTILINE)
    assert sorted(told) == sorted(metric.name for metric in ALL)


# Exit codes.


def codes() -> set[int]:
    """Return the exit codes that the command line leaves with."""
    left = {0, RightrigError.exit_code, MissingError.exit_code}
    for path, module in sources(r"sys\.exit|typer\.Exit").items():
        if path.relative_to(PACKAGE).parts[0] in {"cli", "verbs"}:
            for node in ast.walk(module):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                    "sys.exit",
                    "typer.Exit",
                }:
                    values = [*node.args, *(word.value for word in node.keywords)]
                    left.update(
                        one.value
                        for value in values
                        for one in ast.walk(value)
                        if isinstance(one, ast.Constant) and isinstance(one.value, int)
                    )
    return left


def test_exit_codes_are_told_once_and_are_those_of_the_program() -> None:
    told = re.findall(r"^\| (\d+) \| ", page("cli.md").partition("## Words")[0], re.MULTILINE)
    assert {int(code) for code in told} == codes()
    shown = [
        path.name
        for path in (ROOT / "docs").rglob("*.md")
        if "| exit code | meaning |" in path.read_text(encoding="utf-8")
    ]
    assert shown == ["cli.md"]
