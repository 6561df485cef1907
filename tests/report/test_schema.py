"""The JSON that verbs print is of the types that they name."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

import pytest
from answer_types import answer_type, assert_is, type_of, types
from pydantic import TypeAdapter
from typer.testing import CliRunner
from typing_extensions import is_typeddict

from rightrig.cli.app import app
from rightrig.facts.catalog import shipped
from rightrig.facts.generation import generation_of
from rightrig.facts.licence import licence_of
from rightrig.report.record import record_json
from rightrig.verbs.table import VERBS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    from rightrig.facts.source import Record

ROOT: Final = Path(__file__).parents[2]
TYPES: Final = {name: kind for name, kind in types().items() if is_typeddict(kind)}
CATALOG: Final = shipped()


def documentation() -> ModuleType:
    """Return the test of the documentation, which asks for JSON too."""
    spec = importlib.util.spec_from_file_location("documented", ROOT / "tests" / "test_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DOCUMENTED: Final = documentation()
# Forms and branches beside those of LISTED_JSON, whose types tests/test_docs.py checks.
COMMANDS: Final = (
    "fit deepseek-v3 --on 8xh100-sxm",
    "fit llama-3.1-8b --on 1xrtx-3060-12gb --runtime llama.cpp --weights q8_0 --gpu-layers 9",
    "fits --matrix --models qwen3-8b",
    "predict qwen3-8b --on 1xl4 --explain",
    "predict qwen3-8b --on 1xl4 --sweep concurrency=1..8",
    "predict qwen3-8b --on 4xl4 --on 2xrtx-4090 --splits",
    "predict --on 1xl4 --on 1xrtx-4090 --gemm 1,8192,8192",
    "predict --on 4xl4 --allreduce 1MiB",
    "simulate qwen3-8b --on 2xl4 --replicas 2 --rate 3/s --requests 200 --ttft-p99 1s",
    "simulate qwen3-8b --on 1xl4 --rate 1/s --requests 50 --price 2/h --find-limit --ttft-p99 2s",
    "simulate llama-3.3-70b --on 1xl4 --rate 1/s",
    "plan qwen3-8b --rate 1/s --gpu l4 --itl-p99 60ms --simulate 1 --top 1",
    "plan qwen3-8b --rate 1/s --spot --provider runpod --top 1",
    "plan qwen3-8b --job 10B-tokens --by 1h --gpu l4",
    "fleet examples/fleet.toml --recipe litellm",
    "compare rtx-4090 4xl40s 1xtpu-v5e",
    "tenants llama-3.2-1b --on rtx-4090 --mode mig",
    "tenants llama-3.2-1b --on h100-sxm --count 3 --recipe kubernetes",
    "tenants llama-3.3-70b --on a100-sxm-40gb",
    "tenants --layouts --on h100-sxm --profile 4g.40gb,4g.40gb",
    "tenants --layouts --on h100-sxm --profile 3g.40gb --recipe nvidia-smi",
    "accuracy",
    "audit",
    "gpus list",
    "gpus show rtx-4090",
    "models list",
    "models show deepseek-v3",
    "rigs list",
    "rigs show dgx-h100",
    "rigs show 1xl4",
    "runtimes list",
    "runtimes list --on 4xl4 --model qwen3-8b --os linux",
    "runtimes show vllm",
    "prices list --gpu l4",
    "prices show h100-sxm",
)
SAID: Final = tuple(
    command.removeprefix("rightrig ").removesuffix(" --json")
    for commands in DOCUMENTED.JSON_COMMANDS.values()
    for command in commands
)
ASKED: Final = (*SAID, *COMMANDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that some commands read."""
    made = tmp_path_factory.mktemp("answers")
    for name, text in DOCUMENTED.ANSWERS.items():
        (made / name).write_text(text, encoding="utf-8")
    return made


@pytest.mark.parametrize("command", ASKED)
def test_what_a_command_prints_is_of_the_type_that_its_verb_names(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    words = [*command.format(folder=folder).split(), "--json"]
    printed = CliRunner().invoke(app, words, prog_name="rightrig")
    assert printed.exit_code in {0, 1}, printed.output
    assert_is(type_of(command), printed.stdout)


def test_every_verb_is_asked() -> None:
    listed = [command for _, command in DOCUMENTED.LISTED_JSON]
    asked = [tuple(command.split()) for command in (*listed, *ASKED)]
    unasked = [v.words for v in VERBS if not any(c[: len(v.words)] == v.words for c in asked)]
    assert unasked == []


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: " ".join(verb.words))
def test_a_verb_answers_with_typed_names(verb: Any) -> None:
    kind = answer_type(verb.answer)
    members = get_args(kind) if get_origin(kind) is UnionType else (kind,)
    assert all(map(is_typeddict, members))


@pytest.mark.parametrize("name", TYPES)
def test_every_type_describes_itself_and_knows_its_inner_types(name: str) -> None:
    kind = TYPES[name]
    found = TypeAdapter(kind).json_schema()
    assert name.endswith("Json")
    assert set(found.get("properties", {})) == kind.__required_keys__ | kind.__optional_keys__
    assert kind.__doc__ or name == "CoverageJson"


def test_no_two_modules_define_a_type_of_one_name() -> None:
    homes: dict[str, set[str]] = {}
    for module in {kind.__module__ for kind in TYPES.values()}:
        for name, value in vars(sys.modules[module]).items():
            if is_typeddict(value):
                homes.setdefault(name, set()).add(value.__module__)
    assert {name: home for name, home in homes.items() if len(home) > 1} == {}


def test_every_record_of_the_catalogue_is_of_its_type() -> None:
    kinds = ("GpuRecordJson", "GenerationJson", "MigProfileJson", "ModelRecordJson",
             "LicenceJson", "SystemRecordJson", "RuntimeRecordJson")  # fmt: skip
    for name, records in zip(kinds, catalogue(), strict=True):
        read = TypeAdapter(TYPES[name])
        told = [record_json(record) for record in records]  # type: ignore[call-overload] # of one kind
        assert told
        assert [read.validate_python(one, strict=True) for one in told] == told


def catalogue() -> Iterator[Iterable[Record]]:
    """Yield all cards, generations, MIG profiles, models, licences, machines and engines."""
    gpus = CATALOG.gpus()
    llms = [CATALOG.llm(slug) for slug in CATALOG.slugs("llms")]
    yield gpus
    yield [found for gpu in gpus if (found := generation_of(gpu))]
    yield [profile for gpu in gpus for profile in CATALOG.mig_profiles(gpu.slug)]
    yield llms
    yield [terms for llm in llms if (terms := licence_of(llm, CATALOG))]
    yield [CATALOG.system(slug) for slug in CATALOG.slugs("systems")]
    yield [CATALOG.runtime(slug) for slug in CATALOG.slugs("runtimes")]


def test_the_command_line_starts_without_the_types() -> None:
    code = (
        "import sys; from rightrig.cli.app import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(any(name.startswith('rightrig.report.schema') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.DEVNULL)
    assert done.returncode == 0
