"""``rightrig audit``: what it prints, which claims it shows, how it leaves, and its JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from rightrig.audit import judging
from rightrig.audit.figure import COLUMNS, SHIPPED, read_figures
from rightrig.audit.naming import functions
from rightrig.verbs.auditing import claim_parts

if TYPE_CHECKING:
    from program import Program

TABLE: Final = """\
id,source,quote,quantity,claimed,unit,expression,lint,note
G-price,b:p1,,given,"30,000",USD,,,
A,a:L1,one card draws 700 W,power,700,W,"gpu(""h100-sxm"",""board_power_w"")",,
B,a:L2,16x dearer,ratio,16,x,"said(""G-price"")/gpu(""rtx-4090"",""launch_price_usd"")",,
C,b:p2,98 tok/s from one H100,speed,98,tok/s,"decode_roof(""llama-2-70b"",""h100-sxm"",""awq"")",,
D,b:p3,330 TFLOPS,peak,330,TFLOPS,"{""fp32 sums"": gpu(""rtx-4090"",""peak.fp16_flop_per_s""),\
 ""fp16 sums"": gpu(""rtx-4090"",""peak.fp16_fp16_accumulate_flop_per_s"")}",,the sums decide
E,b:p4,28x,links,28,x,"gpu(""h100-sxm"",""fabric.bytes_per_s"")\
/gpu(""rtx-4090"",""pcie.bytes_per_s"")","like_for_like(""link"",""both directions"",\
""one direction"")",
F,b:p5,it is quick,,quick,,,,nobody says how quick
H,b:p6,14 GB or 13,weights,14/13,GB,"(weight_bytes(""llama-2-7b""), 13*GB)",,
"""


@pytest.fixture
def table(tmp_path: Path) -> str:
    path = tmp_path / "claims.csv"
    path.write_text(TABLE, encoding="utf-8")
    return str(path)


def test_the_first_lines_count_verdicts_and_what_computed_them(
    program: Program, table: str
) -> None:
    lines = program.lines(f"audit {table}", leaves=1).splitlines()
    assert lines[0] == (
        "7 claims: 1 correct, 1 approximate, 1 depends, 1 unverifiable, 2 wrong, 1 impossible."
    )
    assert lines[1] == (
        "Computed by facts and formulas: 6; by arithmetic of the text itself: 0; not computed: 1."
    )


@pytest.mark.parametrize(
    ("claim", "told"),
    [
        ("A", "A a:L1 700 W 700 W – correct power: As computed."),
        ("B", "16x 18.8x ×1.17 wrong ratio: 15 % too low."),
        ("C", "98 tok/s at most 92.8 tok/s ×0.947 impossible speed: More than 92.8 tok/s is"),
        ("D", "165 or 330 TFLOPS – depends peak: Right: fp16 sums = 330. Not right: fp32"),
        ("E", "28x 14.3x ×0.51 wrong links: The rates are unlike: both directions"),
        ("F", "quick – – unverifiable Nobody says how quick."),
        ("H", "14/13 GB 13.5 GB / 13 GB – approximate weights: 14: 3.9 % too high. 13: As"),
    ],
)
def test_a_claim_is_told_in_its_unit_with_why(
    program: Program, table: str, claim: str, told: str
) -> None:
    other = "A" if claim == "F" else "F"
    text = program.text(f"audit {table} --id {claim},{other}", leaves=1)
    assert told in text


def test_a_row_of_hundreds_is_no_wider_than_a_pipe(program: Program) -> None:
    lines = program.lines("audit").splitlines()
    assert max(map(len, lines)) <= 100
    ids = {figure.id for figure in read_figures(SHIPPED) if not figure.is_given}
    assert ids <= {line.split("  ")[0] for line in lines}


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ("--only wrong,impossible", "BCE"), ("--only unverifiable", "F"), ("--id C,A", "AC"),
        ("--source a", "AB"), ("--source p3", "D"), ("--about QUICK", "F"), ("--about x", "BE"),
        ("--source b --only wrong", "E"), ("--source nowhere", ""),
    ],
)  # fmt: skip
def test_filters_leave_what_they_name_and_the_counts_of_all(
    program: Program, table: str, words: str, ids: str
) -> None:
    found = program.json(f"audit {table} {words}", leaves=1)
    assert "".join(claim["id"] for claim in found["claims"]) == ids
    assert found["claims_count"] == sum(one["claims_count"] for one in found["verdicts"]) == 7


def test_one_claim_is_explained_in_full(program: Program, table: str) -> None:
    text = program.text(f"audit {table} --id E", leaves=1)
    for told in (
        "E (links): stated 28x, computed 14.3x", "WRONG: The rates are unlike", "[PLA-RATIO]",
        "Quote: “28x” (b:p4)", 'Computed by: gpu("h100-sxm","fabric.bytes_per_s")/gpu(',
        "A field of a card's record", "gpus/h100-sxm fabric.bytes_per_s",
        "'rightrig gpus show rtx-4090'", "like_for_like broken [PLA-RATIO]",
    ):  # fmt: skip
        assert told in text
    assert "fp32 sums 165 TFLOPS wrong" in program.text(f"audit {table} --id D", leaves=1)


def test_another_input_shows_the_claims_that_read_it(program: Program, table: str) -> None:
    text = program.text(f"audit {table} --set G-price=25,600", leaves=1)
    assert "G-price is 25,600 USD instead of 30,000 USD." in text
    assert "Shown: 1 that read what was changed; 1 comes out otherwise." in text
    assert "B a:L2 16x 18.8x, wrong 16x correct" in text
    (claim,) = program.json(f"audit {table} --set G-price=25,600", leaves=1)["claims"]
    assert (claim["before"]["verdict"], claim["verdict"]) == ("wrong", "correct")
    assert claim["before"]["recomputed"][0]["value"] == pytest.approx(30_000 / 1599)


def test_a_changed_claim_is_judged_anew(program: Program, table: str) -> None:
    (claim,) = program.json(f"audit {table} --set A=350", leaves=1)["claims"]
    assert (claim["id"], claim["verdict"], claim["factor_ratio"]) == ("A", "wrong", 2.0)


@pytest.mark.parametrize(
    ("claimed", "by", "verdict", "leaves"),
    [
        ("91 tok/s", 'decode_roof("llama-2-70b","h100-sxm","awq")', "unverifiable", 0),
        ("98 tok/s", 'decode_roof("llama-2-70b","h100-sxm","awq")', "impossible", 1),
        ("$1,599", 'gpu("rtx-4090","launch_price_usd")', "correct", 0),
        ("3.5k tok/s", 'predicted_tokens_per_s("llama-3.1-8b","h100-sxm",999,200,64)',
         "approximate", 0),
        ("no", 'fits("llama-2-7b","1xh100-sxm",4096)', "wrong", 1),
        ("16x", 'said("claim")', "correct", 0),
    ],
)  # fmt: skip
def test_one_claim_needs_no_file_and_fails_where_it_is_wrong(
    program: Program, claimed: str, by: str, verdict: str, leaves: int
) -> None:
    words = ("--claimed", claimed, "--by", by, "--quote", "of a vendor")
    (claim,) = program.json("audit", *words, leaves=leaves)["claims"]
    assert (claim["verdict"], claim["quote"]) == (verdict, "of a vendor")


def test_a_rule_alone_judges_a_claim(program: Program) -> None:
    rule = 'below_roofline("llama-2-70b","h100-sxm","awq")'
    kept = program.text("audit", "--claimed", "80 tok/s", "--lint", rule)
    assert "below_roofline kept" in kept
    assert "It keeps the rules that were checked" in kept
    broken = program.text("audit", "--claimed", "999 tok/s", "--lint", rule, leaves=1)
    assert "below_roofline broken [PLA-ROOFLINE]" in broken


def test_the_shipped_claims_are_no_fault_of_their_reader(program: Program) -> None:
    before_s = time.monotonic()
    found = program.json("audit")
    assert time.monotonic() - before_s < 20.0  # two to three here
    assert any(claim["verdict"] == "wrong" for claim in found["claims"])


def test_the_functions_are_listed_with_what_they_do(program: Program) -> None:
    found = program.json("audit --functions")
    assert {one["name"] for one in found["functions"]} == set(functions())
    assert {"GB", "USD", "tok"} <= set(found["units"])
    text = program.text("audit --functions")
    assert "fits(model, rig, context_tokens, seqs=…, weights=…, kv=…, runtime=…) Whether" in text


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("audit --only maybe", "there is no verdict of that name; there are correct, approximate"),
        ("audit --id C999999", "there is no claim of that name"),
        ("audit --only ,", "there is no verdict"),
        ("audit --set C=1", "the id of a row and what it states instead"),
        ("audit --set nothing", "the id of a row"),
        ("audit --functions --only wrong", "three questions"),
        ("audit claims.csv --claimed 5 --by 5", "three questions"),
        ("audit --by 5", "what computes it"),
        ("audit --claimed 5", "what computes it"),
        ("audit --claimed 5furlong --by 5", "'furlong' in the unit"),
        ("audit --claimed 5 --by 5*s", "write the unit of the claim"),
        ("audit --claimed 5 --by __import__('os')", "there is no function '__import__'"),
        ("audit none.csv", "there is no such file"),
        ("audit /dev/null", "a folder, pipe or device"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(program: Program, command: str, why: str) -> None:
    (said,) = program.refusal(command)
    assert why in said


def test_an_input_is_changed_to_something_of_its_kind(program: Program, table: str) -> None:
    for change in ("A=yes", "A=1/2", "A="):
        (said,) = program.refusal(f"audit {table} --set {change}")
        assert "A" in said
    (said,) = program.refusal(f"audit {table} {'--set A=1 ' * 17}")
    assert "may be 16" in said


def test_what_a_terminal_would_act_on_is_printed_as_text(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "claims.csv"
    cells = '"\x1b]0;x\x07\x9b2J\u202e\nnext line"'
    path.write_text(f"source,quote,quantity,note,claimed\n{cells},{cells},{cells},{cells},1\n",
                    encoding="utf-8")  # fmt: skip
    for words in ("", "--json", "--id row-1", "--md -"):
        text = program.lines(f"audit {path} {words}")
        assert all(c.isprintable() or c == "\n" for c in text)
        assert "\u202e" not in text


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("98 tok/s", ("98", "tok/s")), ("$1,599", ("$1,599", "USD")), ("$2/h", ("$2", "USD/h")),
        ("16x", ("16", "x")), ("30 %", ("30", "%")), ("14/7 GB", ("14/7", "GB")), ("5", ("5", "")),
        ("2-3 GB", ("2-3", "GB")), ("95/s", ("95", "count/s")), ("9.8k tok/s", ("9.8", "ktok/s")),
        ("1e3 W", ("1e3", "W")), ("yes", ("yes", "")), ("Ada", ("Ada", "")), ("", ("", "")),
    ],
)  # fmt: skip
def test_a_figure_is_parted_from_its_unit(text: str, parts: tuple[str, str]) -> None:
    assert claim_parts(text) == parts


def test_a_page_shows_the_claims(program: Program, table: str, tmp_path: Path) -> None:
    pytest.importorskip("jinja2", reason="the extra 'web' is not installed")
    page = tmp_path / "page.html"
    program.lines(f"audit {table} --html {page}", leaves=1)
    text = page.read_text(encoding="utf-8")
    assert "impossible" in text
    assert "sums decide" in text


def test_a_catalogue_of_ones_own_counts(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "gpus"
    folder.mkdir(parents=True)
    source = Path(SHIPPED).parents[2] / "facts" / "data" / "gpus" / "l4.toml"
    text = source.read_text(encoding="utf-8").replace("board_power_w = 72", "board_power_w = 80")
    assert "board_power_w = 80" in text
    (folder / "l4.toml").write_text(text, encoding="utf-8")
    words = ("--claimed", "80 W", "--by", 'gpu("l4","board_power_w")')
    assert program.json("audit", *words, leaves=1)["claims"][0]["verdict"] == "wrong"
    own = program.json(f"audit --catalog {folder.parent}", *words)
    assert own["claims"][0]["verdict"] == "correct"
    assert own["user_records"][0]["name"] == "l4"


def test_help_loads_no_room_of_weight() -> None:
    code = (
        "import json, sys\nsys.argv = ['rightrig', 'audit', '--help']\n"
        "from rightrig.cli import main\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('\\n' + json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert not [name for name in loaded if name.startswith(("rightrig.audit", "numpy", "rich"))]


PAGE: Final = (Path(__file__).parents[2] / "docs" / "how-to" / "audit-a-claim.md").read_text(
    encoding="utf-8"
)


def test_the_page_states_the_thresholds_and_every_verdict() -> None:
    for told in (
        f"within {100 * judging.NEAR_RATIO:g} %, {100 * judging.FINE_RATIO:g} % where it has three",
        f"within {100 * judging.ROUNDED_RATIO:g} %",
        f"A figure of {judging.EXACT_DIGITS} digits",
        f"by more than {100 * judging.SLACK_RATIO - 100:.0f} %",
        *(f"| `{verdict}` |" for verdict in judging.VERDICTS),
    ):  # fmt: skip
        assert told in PAGE


def test_the_page_names_every_rule_and_column() -> None:
    rules = [name for name, function in functions().items() if function.kind == "rule"]
    for name in (*rules, *judging.BEYOND):
        assert f"`{name}`" in PAGE
    assert all(f"`{column}`" in PAGE for column in COLUMNS)
