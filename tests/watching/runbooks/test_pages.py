"""Every page is whole, names what exists, and is reached by what links to it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import typer.main
from scripts import load_script

from rightrig.cli.app import app
from rightrig.errors import InputError
from rightrig.watching.metrics import METRICS
from rightrig.watching.rules.alerts import ALERTS
from rightrig.watching.runbooks import RUNBOOKS, SECTIONS, page, runbook, sought
from rightrig.watching.xids import numbers, severity_of, source, xids

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[3]
DOCS: Final = ROOT / "docs" / "runbooks"
FOLDER: Final = ROOT / "src" / "rightrig" / "watching" / "data" / "runbooks"
MOST_LINES: Final = 90
FENCED: Final = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REFRESHER: Final = load_script("docs/refresh_runbooks.py")


def parts(slug: str) -> dict[str, str]:
    """Return heading → text of a page."""
    _, *found = re.split(r"^## (.+)\n", runbook(slug), flags=re.MULTILINE)
    return dict(zip(found[::2], found[1::2], strict=True))


def commands(slug: str) -> Iterator[str]:
    """Yield what a page tells to type: lines of blocks, and code within a sentence."""
    text = runbook(slug)
    for block in FENCED.findall(text):
        yield from block.splitlines()
    yield from re.findall(r"`([^`]+)`", FENCED.sub("", text))


def own_commands() -> list[tuple[str, str]]:
    """Return (page, command) of every command of ours."""
    return sorted(
        {
            (slug, command)
            for slug in RUNBOOKS
            for command in commands(slug)
            if command.startswith("rightrig ")
        }
    )


def parsed(words: list[str]) -> Any:
    """Return the command that words lead to, after it has read the rest of them."""
    group: Any = typer.main.get_command(app)
    while words and words[0] in getattr(group, "commands", {}):
        group = group.commands[words.pop(0)]
    assert not hasattr(group, "commands"), f"{group.name} is a group"
    with group.make_context(group.name, words):
        return group


def test_the_folder_holds_the_pages_and_nothing_else() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(f"{s}.md" for s in RUNBOOKS)


@pytest.mark.parametrize("slug", RUNBOOKS)
def test_a_page_has_its_sections_in_order_and_none_is_empty(slug: str) -> None:
    found = parts(slug)
    assert tuple(found) == SECTIONS
    assert all(len(text.strip()) > 80 for text in found.values()), slug


@pytest.mark.parametrize("slug", RUNBOOKS)
def test_a_page_is_short_enough_to_be_read_at_night(slug: str) -> None:
    lines = [line for line in runbook(slug).splitlines() if not re.match(r"\| \d", line)]
    assert len(lines) <= MOST_LINES


@pytest.mark.parametrize("slug", RUNBOOKS)
def test_confirming_starts_with_commands_and_says_what_good_is(slug: str) -> None:
    confirm = parts(slug)["Confirm"]
    assert FENCED.search(confirm)
    assert re.search(r"\bGood\b|\| good\b", confirm)


@pytest.mark.parametrize("slug", RUNBOOKS)
def test_acting_is_a_numbered_list(slug: str) -> None:
    steps = [int(n) for n in re.findall(r"^(\d+)\. ", parts(slug)["Act"], re.MULTILINE)]
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) >= 5


@pytest.mark.parametrize("slug", RUNBOOKS)
def test_preventing_ends_with_a_proof_by_a_command_of_ours(slug: str) -> None:
    assert "`rightrig " in parts(slug)["Prevent"]


@pytest.mark.parametrize("slug", RUNBOOKS)
def test_every_source_is_an_address(slug: str) -> None:
    sources = parts(slug)["Sources"]
    lines = re.findall(r"^- (.+?)(?=\n- |\Z)", sources.strip(), re.MULTILINE | re.DOTALL)
    assert lines
    assert all("<https://" in line or "`rightrig " in line for line in lines)


@pytest.mark.parametrize(("slug", "command"), own_commands())
def test_a_command_of_ours_exists_with_its_options(slug: str, command: str) -> None:
    del slug
    _, *words = shlex.split(command)
    assert parsed(words).callback is not None


def test_a_command_or_an_option_that_does_not_exist_is_found() -> None:
    for words in (["no-such-verb"], ["probe", "--no-such-option"], ["runs"], ["fit"]):
        with pytest.raises(Exception, match=r"is a group|No such option|Missing"):
            parsed(words)


@pytest.mark.parametrize("slug", RUNBOOKS)
def test_a_metric_that_a_page_names_is_exported(slug: str) -> None:
    named = set(re.findall(r"\brightrig_[a-z_]+", "\n".join(commands(slug))))
    # An expression of grep ends in a parenthesis.
    assert named - {"rightrig_", "rightrig"} <= set(METRICS)


@pytest.mark.parametrize("slug", RUNBOOKS)
def test_every_link_leads_to_a_page(slug: str) -> None:
    for words, target in re.findall(r"\[([^\]]+)\]\(([^)]+)\)", runbook(slug)):
        assert target == f"{words}.md"
        assert words in RUNBOOKS
        assert words != slug or slug == "xid", "a page that sends to itself"


@pytest.mark.parametrize("slug", RUNBOOKS)
def test_a_page_names_no_place_of_a_machine(slug: str) -> None:
    assert re.search(r"/(work|home|root|tmp)/|pypi\.org", runbook(slug)) is None


@pytest.mark.parametrize("slug", RUNBOOKS)
def test_a_page_has_the_alerts_and_the_xids_that_there_are(slug: str) -> None:
    text = runbook(slug)
    assert REFRESHER.refreshed(slug, text) == text, "run docs/refresh_runbooks.py"


def test_every_alert_links_to_a_page_that_names_it() -> None:
    assert ALERTS
    for alert in ALERTS:
        assert alert.name in page(alert.runbook).alerts, alert.name
    assert sum(len(page(slug).alerts) for slug in RUNBOOKS) == len(ALERTS)


def test_no_page_is_an_orphan() -> None:
    texts = {slug: runbook(slug) for slug in RUNBOOKS}
    for slug in RUNBOOKS:
        linked = any(f"({slug}.md)" in text for other, text in texts.items() if other != slug)
        of_xid = any(row.runbook == slug for row in xids().values())
        assert page(slug).alerts or of_xid or linked, slug


def test_an_alert_is_found_by_its_name_in_any_case() -> None:
    alert = ALERTS[0]
    assert sought(alert.name).page.slug == alert.runbook
    assert sought(f" {alert.name.lower()} ").page.slug == alert.runbook


@pytest.mark.parametrize("name", ["xid 79", "79", "XID79", "Xid: 79", "xid-79"])
def test_an_xid_finds_the_page_of_its_trouble(name: str) -> None:
    found = sought(name)
    assert (found.page.slug, found.xid_number) == ("gpu-lost", 79)
    assert found.xid is not None
    assert found.xid.name.endswith("FALLEN_OFF_THE_BUS")


def test_an_xid_of_no_table_leads_to_the_table_and_is_a_warning() -> None:
    found = sought("xid 999")
    assert (found.page.slug, found.xid_number, found.xid) == ("xid", 999, None)
    assert severity_of(999) == "warning"


def test_a_wrong_name_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"did you mean thermal.*watch runbook"):
        sought("termal")
    with pytest.raises(InputError, match=r"'zzzzqqq' .'rightrig watch runbook' lists all"):
        sought("zzzzqqq")
    with pytest.raises(InputError, match="no runbook"):
        runbook("../xids")
    with pytest.raises(InputError) as raised:
        sought("x" * 5000)
    assert len(str(raised.value)) < 300


def test_every_xid_has_a_page_an_action_and_a_source() -> None:
    assert len(xids()) >= 40
    assert list(xids()) == sorted(xids())
    for row in xids().values():
        assert row.runbook in RUNBOOKS
        assert not row.meaning.endswith(".")
        assert not row.action.endswith(".")
    assert source().startswith("https://docs.nvidia.com/deploy/xid-errors/")


def test_every_critical_xid_says_to_drain_or_to_act_on_the_card() -> None:
    critical = numbers("critical")
    assert {46, 48, 62, 64, 74, 79, 95, 109, 110, 119, 120, 136, 140, 143, 155, 156, 158} <= {
        *critical
    }
    for number in critical:
        assert re.search(r"[Dd]rain|[Rr]eset|Shut down", xids()[number].action), number


def test_severities_share_out_all_xids() -> None:
    shared = [*numbers("critical"), *numbers("warning"), *numbers("info")]
    assert sorted(shared) == list(xids())
    # Normal upkeep and consequences wake nobody.
    assert {43, 45, 63} <= set(numbers("info"))


def test_what_nvidia_says_to_ignore_is_never_critical() -> None:
    for row in xids().values():
        assert row.nvidia_now != "IGNORE" or row.severity != "critical"
        assert row.nvidia_now not in {"RESET_GPU", "RESTART_BM"} or row.severity == "critical"


def test_the_site_includes_every_page_and_lists_it() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    assert sorted(p.stem for p in DOCS.glob("*.md")) == sorted((*RUNBOOKS, "index"))
    for slug in RUNBOOKS:
        assert (DOCS / f"{slug}.md").read_text(encoding="utf-8") == f'--8<-- "{slug}.md"\n'
        assert f"| [{slug}]({slug}.md) | {page(slug).title} |" in index
