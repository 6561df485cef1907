"""The documentation says what the program does: rules, help, JSON names, examples, links."""

from __future__ import annotations

import inspect
import json
import re
import shlex
import subprocess
import sys
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import typer.main
from answer_types import assert_is, type_of
from engine_metrics import served, vllm
from fake_nvml import build, write_state
from fake_nvml.scenarios import HEALTHY, THROTTLING
from price_lists import LAMBDA, publish
from ready_deployment import PLAN
from scripts import load_script
from typer.testing import CliRunner

from rightrig.cli.app import app
from rightrig.deployment.compatibility import RULES
from rightrig.planning.constraints import CONSTRAINTS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
FENCED: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LEAST_EXAMPLES_OF_README: Final = 5
# A question that is answered yes, one that is answered no, and a plan with and without a winner.
JSON_COMMANDS: Final = {
    "fit": (
        "rightrig fit llama-3.1-8b --on 2xrtx-4090 --json",
        "rightrig fit llama-3.3-70b --on 2xrtx-4090 --json",
    ),
    "predict": ("rightrig predict llama-3.1-8b --on 1xrtx-4090 --json",),
    "plan": (
        "rightrig plan llama-3.1-8b --rate 1/s --gpu l4 --json",
        "rightrig plan llama-3.3-70b --rate 1/s --gpu h200-nvl --json",
    ),
}

# Answers whose names are listed in prose, by the heading of their section; {folder} has ANSWERS.
LISTED_JSON: Final = (
    ("fits", "fits --on 1xrtx-4090 --all"),
    ("fits", "fits --on 1xrtx-4090 --versus 1xrtx-5090 --versus-os windows"),
    ("fits", "fits --matrix --models qwen3-8b --gpus l4"),
    ("compare", "compare rtx-4090 h100-sxm"),
    ("plan", "plan qwen3-8b --rate 9/s --e2e-p95 20s --gpu l4 --explain --growth 9%/month --top 2"),
    ("plan", "plan qwen3-8b --rate 9/s --ttft-p99 20ms --gpu l4 --budget 99/month --explain"),
    ("plan", "plan qwen3-8b --rate 9/s --gpu rtx-4090 --buy --top 2"),
    ("plan --job", "plan qwen3-8b --job 10B-tokens --by 48h --gpu rtx-4090"),
    ("plan --own", "plan qwen3-8b --rate 30/s --tpot-p99 50ms --own 2xrtx-4090 --capex 5000"),
    ("plan --sweep", "plan --sweep {folder}/sweep.toml --jobs 1 --save {folder}/out"),
    ("fleet", "fleet examples/fleet.toml"),
    ("fleet", "fleet {folder}/fleet.toml"),
    ("tenants", "tenants llama-2-7b --weights awq --on h100-sxm --price 30000"),
    ("tenants", "tenants llama-3.2-1b --context 2048"),
    ("tenants --mode shared", "tenants llama-2-7b --weights awq --on rtx-4090"),
    ("tenants --layouts", "tenants --layouts --on h100-sxm"),
    ("tenants --layouts", "tenants --layouts --on h100-sxm --profile 3g.40gb,2g.20gb,2g.20gb"),
    ("recipe", "recipe qwen3-8b --on 2xh100-sxm --replicas 2"),
    ("ask choose-gpu", "ask choose-gpu llama-2-7b --among l4,rtx-4090"),
    ("ask gpu-count", "ask gpu-count llama-2-70b --context 4096"),
    ("ask many-or-one", "ask many-or-one llama-3.3-70b --many 16xrtx-4090 --one 2xh100-sxm"),
    ("ask tiers", "ask tiers qwen3-8b --max-gpus 8"),
    (
        "ask consumer-or-datacenter",
        "ask consumer-or-datacenter qwen3-8b --weights fp8 --max-gpus 2",
    ),
    ("ask overkill", "ask overkill llama-2-7b --on 1xa100-sxm-80gb --rate 1/s --max-gpus 4"),
    ("ask train-or-serve", "ask train-or-serve h100-sxm l40s llama-3.1-8b"),
    ("ask split", "ask split llama-3.3-70b --on 4xh100-sxm --rate 5/s --tpot-p99 50ms"),
    ("ask buy-or-rent", "ask buy-or-rent --gpu rtx-4090"),
    ("ask scaling", "ask scaling --params 1B --link 4xrtx-4090 --step 2s --measured-speedup 3.2"),
    ("ask mix", "ask mix llama-3.1-8b --rigs 4xrtx-4090,2xa100-sxm-80gb"),
    ("ask growth", "ask growth qwen3-8b --rate 5/s --growth 10%/month --max-gpus 8"),
    ("ask measure-next", "ask measure-next qwen3-8b --on 1xl4 --rate 1/s --tpot-p99 30ms"),
    ("ask go-no-go", "ask go-no-go --answers yes,yes,yes,yes,no,yes,unknown,yes"),
    ("ask criteria", "ask criteria {folder}/criteria.toml"),
    ("ask lock-in", "ask lock-in --on 4xh100-sxm --provider runpod"),
    ("ask ecosystem", "ask ecosystem rtx-4090 mi300x"),
    ("rigs show", "rigs show 4xrtx-4090+1xa100-sxm-80gb"),
    ("cost rent", "cost rent 8xa100-sxm-80gb --spot --spot-waste 9% --gain 1% --card-price 2/h"),
    ("cost own", "cost own 2xrtx-4090 --against 1xl4"),
    ("cost energy", "cost energy 4xrtx-4090 --against 2xa100-sxm-80gb"),
    ("cost tokens", "cost tokens llama-3.1-8b --on 1xl40s --budget 9/month --prefix-hit 0.5"),
    ("cost break-even", "cost break-even llama-3.1-8b --on 1xrtx-4090"),
    ("cost compare", "cost compare qwen3-8b 1xl40s own:1xl4 api:0.1,0.1 --use 50% --coverage"),
    ("cost power", "cost power llama-3.1-8b --on 1xh100-sxm --caps"),
    ("cost electrical", "cost electrical 8xrtx-4090 --circuit 120v:15a --rack-limit 17kW"),
    ("risk bits", "risk bits 8xrtx-4090 --requests-per-day 1M --sla 99.99%"),
    ("risk run", "risk run --gpus 9 --days 3 --save-time 9s --card-price 2 --save {folder}/run"),
    ("risk checkpoint", "risk checkpoint --mtbf 3h --save-time 9s --save {folder}/run"),
    ("risk serve", "risk serve --replicas 4 --mtbf 9d --mttr 4h --target 99% --save {folder}/run"),
    ("risk spares", "risk spares --gpus 1000 --lead-time 30d --target 99.9%"),
    ("risk rig", "risk rig 4xrtx-4090"),
    ("risk presets", "risk presets"),
    ("finetune", "finetune llama-3.2-1b --on 2xl40s --tokens 1M --save {folder}/train"),
    ("finetune", "finetune llama-3.1-8b --on 1xl4 --method full"),
    ("finetune", "finetune llama-3.1-8b --find --method lora --tokens 9M --gpu l40s"),
    ("finetune", "finetune llama-3.2-1b --on 2xl40s --method lora --measured 9000"),
    ("prices status", "prices status"),
    ("accuracy", "accuracy {folder}/training.csv"),
    ("audit", "audit --id C126"),
    ("audit", "audit --functions"),
    ("watch rules", "watch rules"),
    ("watch rules", "watch counters"),
    ("watch runbook", "watch runbook"),
    ("watch runbook", "watch runbook xid 79"),
    ("watch drift", "watch drift"),
    ("checklist", "checklist --deployment {folder}/plan.json"),
)
ANSWERS: Final = {
    "plan.json": json.dumps(PLAN),
    "sweep.toml": """models = ["llama-3.1-8b"]
rigs = ["1xl4", "1xrtx-3060-12gb"]
weights = ["fp8"]
requests = 20
seeds = 1
[slo]
ttft_p99 = "1s"
[[demands]]
preset = "chat"
rates = ["1/s", "900/s"]
""",
    "fleet.toml": """[limits]
budget = "$300/month"
[[demand]]
name = "chat"
model = "qwen3-8b"
rate = "12/s"
input = 1000
output = 300
[[demand]]
name = "long"
model = "qwen3-8b"
rate = "1/s"
input = 30000
output = 300
""",
    "criteria.toml": """[[criteria]]
name = "cost"
weight_ratio = 0.6
better = "less"
[[criteria]]
name = "ease"
weight_ratio = 0.4
[[options]]
name = "one"
values = { cost = 5, ease = 5 }
[[options]]
name = "two"
values = { cost = 7, ease = 2 }
[[options]]
name = "three"
values = { cost = 6, ease = 9 }
""",
    "training.csv": """\
source,gpu,gpu_count,model,params_b,method,seq_len,batch,\
dtype,tok_s_per_gpu,mfu,tflops,peak_mem_gb,notes
here,h100-sxm,1,llama-3.1-8b,8.03,LoRA,2048,1,bf16,9000,,,20,
""",
}
# Objects that other sections describe, and objects whose names are not the program's.
ELSEWHERE: Final = ("explanation", "deployment", "measure_next", "runway")
KEYED: Final = (
    "largest_dense_params", "fitting_models", "available", "statuses_count", "layout", "used",
    "usd_per_thousand_requests", "engines", "properties", "families_count", "systems_count",
    "values", "normal_ratios", "cheaper_than_ratio", "groups", "parts_bytes", "parts_s",
    "requests_ended_count", "xids",
)  # fmt: skip
INTERVAL: Final = {"low", "mid", "high"}


REFRESHER: Final = load_script("docs/refresh_readme.py")
FILES: Final[tuple[Path, ...]] = REFRESHER.documents()


def examples() -> Iterator[tuple[Path, int, Any]]:
    """Yield the blocks of examples of every document, numbered within it."""
    for path in FILES:
        found = REFRESHER.blocks(path.read_text(encoding="utf-8"))
        yield from ((path, number, block) for number, block in enumerate(found, 1))


BLOCKS: Final = tuple(examples())
NAMES: Final = [f"{path.relative_to(ROOT)}-{number}" for path, number, _ in BLOCKS]


@cache
def printed_by(command: str) -> str:
    """Return what a command prints; help comes from this process, which is quicker."""
    program, *words = command.split()
    if words[-1:] == ["--help"]:
        # Help keeps two of a terminal's 80 columns free.
        return CliRunner().invoke(app, words, prog_name=program, terminal_width=78).output
    text: str = REFRESHER.printed_by(command)
    return text


@pytest.mark.parametrize(("path", "number", "block"), BLOCKS, ids=NAMES)
def test_an_example_prints_what_stands_below_it(path: Path, number: int, block: Any) -> None:
    for example in block:
        now = REFRESHER.comparable(printed_by(example.command))
        assert now == REFRESHER.comparable(example.output), (
            f"example {number} of {path.name} drifted: run docs/refresh_readme.py {path.name}"
        )


def test_the_readme_shows_enough_examples() -> None:
    shown = [number for path, number, _ in BLOCKS if path == ROOT / "README.md"]
    assert len(shown) >= LEAST_EXAMPLES_OF_README


def test_what_changes_from_run_to_run_is_not_compared() -> None:
    assert REFRESHER.comparable("168 feasible; 0.26 s.\n") == REFRESHER.comparable(
        "168 feasible; 1.31 s.\n"
    )
    assert REFRESHER.comparable("TPOT 13.8 ms\n") != REFRESHER.comparable("TPOT 13.9 ms\n")


def test_an_age_is_not_compared_however_its_line_was_broken() -> None:
    told = "Prices: shipped,\n{}. Ask runpod.\n"
    dated = REFRESHER.comparable(told.format("257 days old"))
    for age in ("257\ndays old", "1000 days\nold", "1 day old"):
        assert REFRESHER.comparable(told.format(age)) == dated
    assert REFRESHER.comparable(told.format("257 days ago")) != dated
    assert REFRESHER.comparable("9 days old\nat $2\n") != REFRESHER.comparable(
        "9 days old\nat $3\n"
    )
    assert REFRESHER.comparable("age\n──────────\n9 days old\n") == REFRESHER.comparable(
        "age\n───────────\n10 days old\n"
    )


def test_no_traceback_is_written_as_an_example() -> None:
    with pytest.raises(RuntimeError, match="is not written"):
        REFRESHER.printed_by(f"{shlex.quote(sys.executable)} -c 'raise ValueError'")


def test_a_refreshed_example_keeps_its_command_and_takes_the_new_output() -> None:
    block = "```console\n$ rightrig --version\n{}```\n"
    now = printed_by("rightrig --version\n")
    assert REFRESHER.refreshed(block.format("rightrig 0.0\n")) == block.format(now)
    two_lines = "```console\n$ rightrig \\\n    --version\n```\n"
    assert REFRESHER.refreshed(two_lines).endswith(f"    --version\n{now}```\n")


def commands(group: Any = None, words: str = "rightrig") -> Iterator[str]:
    """Yield the program and every verb of it."""
    yield words
    command = typer.main.get_command(app) if group is None else group
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{words} {name}")


def test_every_verb_has_its_help_in_the_reference() -> None:
    blocks = REFRESHER.blocks((DOCS / "reference" / "cli.md").read_text(encoding="utf-8"))
    shown = [example.command.strip() for block in blocks for example in block]
    assert shown == [f"{words} --help" for words in commands()]


def rule_rows() -> dict[str, str]:
    """Return ID → sentence of the tables of rules, in their order."""
    text = (DOCS / "methodology" / "planning.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `([A-Z]+-[A-Z0-9]+)` \| (.+?) \|", text, re.MULTILINE))


def sentence(rule: object) -> str:
    """Return the sentence that a rule stands for: the first paragraph of its docstring."""
    return " ".join((inspect.getdoc(type(rule)) or "").split("\n\n")[0].split())


def test_the_tables_of_rules_are_the_rules_of_the_program_in_their_order() -> None:
    rules = [(rule.id, sentence(rule)) for rule in RULES]
    rules += [(rule.id, sentence(rule)) for rule in CONSTRAINTS]
    assert list(rule_rows().items()) == rules


def names_in(value: object) -> Iterator[str]:
    """Yield every name of a JSON value, those of inner objects too."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from names_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names_in(inner)


@pytest.mark.parametrize("verb", JSON_COMMANDS)
def test_every_name_of_json_is_documented(verb: str) -> None:
    text = (DOCS / "reference" / "json.md").read_text(encoding="utf-8")
    shared, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    section = next(part for part in sections if part.startswith(f"`{verb}`"))
    common = next(part for part in sections if part.startswith("Shared"))
    documented = set(re.findall(r"`([a-z0-9_]+)`", shared + common + section))
    for command in JSON_COMMANDS[verb]:
        answer = json.loads(printed_by(command))
        assert set(names_in(answer)) <= documented
        first_cells = " ".join(re.findall(r"^\| (`.+?) \|", section, re.MULTILINE))
        assert set(answer) == set(re.findall(r"`([a-z0-9_]+)`", first_cells))


@pytest.fixture(scope="session")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that some commands read."""
    folder = tmp_path_factory.mktemp("answers")
    for name, text in ANSWERS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(("section", "command"), LISTED_JSON)
def test_every_name_of_a_listed_answer_is_in_its_section(
    section: str, command: str, answers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert names_left_out(section, command.format(folder=answers)) == set()


def names_left_out(section: str, command: str) -> set[str]:
    """Return the names of a command's JSON that its section does not list."""
    text = (DOCS / "reference" / "json.md").read_text(encoding="utf-8")
    parts = re.split(r"^#{2,3} ", text, flags=re.MULTILINE)
    told = next(part for part in parts if part.startswith(f"`{section}`"))
    printed = CliRunner().invoke(app, f"{command} --json".split(), prog_name="rightrig")
    if section != "prices refresh":  # no verb: it writes
        assert_is(type_of(command), printed.stdout)
    names = set(names_in(own_names(json.loads(printed.stdout)))) - {"explanation"}
    return names - set(re.findall(r"`([a-z0-9_]+)(?:\[\])?`", told))


def test_every_name_of_a_refresh_is_in_its_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gpuhunt", reason="the extra 'prices' is not installed")
    file = publish(tmp_path, "lambdalabs", LAMBDA)
    monkeypatch.setenv("RIGHTRIG_PRICES", str(tmp_path / "cache"))
    for _ in range(2):  # the second leaves something to undo
        assert names_left_out("prices refresh", f"prices refresh --from {file}") == set()
    assert names_left_out("prices refresh", "prices refresh --undo") == set()
    assert names_left_out("prices status", "prices status") == set()


def test_every_name_of_a_watched_machine_is_in_its_section(
    answers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pynvml", reason="the extra 'watch' is not installed")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(build(tmp_path / "driver")))
    monkeypatch.setenv("FAKE_NVML_STATE", str(tmp_path / "state"))
    write_state(tmp_path / "state", HEALTHY, THROTTLING)
    with served({"/metrics": vllm()}) as url:
        words = f"watch once --over 0.5s --engine {url} --deployment {answers}/plan.json"
        assert names_left_out("watch once", words) == set()


def own_names(value: object) -> object:
    """Return a JSON value without the inner names that its section need not list."""
    if isinstance(value, dict):
        return {
            name: {} if is_told_elsewhere(name, inner) else own_names(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [own_names(inner) for inner in value]
    return value


def is_told_elsewhere(name: str, value: object) -> bool:
    """Whether a value's names are described elsewhere, or are data."""
    if not isinstance(value, dict):
        return False
    return name in ELSEWHERE or name in KEYED or value.keys() == INTERVAL


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_tables_of_data_are_what_the_data_says(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert REFRESHER.with_tables(text) == text, f"run docs/refresh_readme.py {path.name}"


def test_every_table_of_data_is_shown_once() -> None:
    texts = [path.read_text(encoding="utf-8") for path in FILES]
    shown = [
        name for text in texts for name in re.findall(r"^<!-- table: (.+) -->$", text, re.MULTILINE)
    ]
    assert sorted(shown) == sorted(REFRESHER.TABLES)


def without_code(path: Path) -> str:
    """Return a document without its fenced blocks and inline code."""
    return re.sub(r"`[^`\n]*`", "", FENCED.sub("", path.read_text(encoding="utf-8")))


def anchors(path: Path) -> set[str]:
    """Return the anchors that the headings of a document make."""
    text = FENCED.sub("", path.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    plain = [unicodedata.normalize("NFKD", heading).lower() for heading in headings]
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip()) for heading in plain}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(path)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        place = (path.parent / name) if name else path
        assert place.exists(), f"{target} leads nowhere"
        assert not anchor or anchor in anchors(place), f"{target} leads to no heading"


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = re.findall(r"[\w./-]+\.md\b", text)
    assert sorted(named) == sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))


def test_the_documents_name_no_place_of_a_machine() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert re.search(r"/(work|home|root|tmp)/|pypi\.org|code-index", text) is None, path.name


def test_the_pages_build_without_a_warning(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "mkdocs", "build", "-q", "--strict", "-d", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "index.html").is_file()
    assert not list(tmp_path.rglob("*.py")), "scripts are not part of the site"
