"""Alert rules of a file, as Prometheus reads them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rightrig.errors import MissingError
from rightrig.facts.reading import no_file, plain, read_bounded
from rightrig.watching.checklist.evidence import LoadedAlert, RulesSeen

if TYPE_CHECKING:
    from collections.abc import Iterator

_KIND: Final = "file of Prometheus rules"
_MOST_BYTES: Final = 4_000_000


def read_rules_file(file: str) -> RulesSeen:
    """Return the alert rules of a file.

    Raises:
        InputError: for no file, or none of rules.
        MissingError: where the extra ``watch`` is not installed.
    """
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingError("reading --rules needs PyYAML: pip install 'rightrig[watch]'") from error
    path = Path(file)
    try:
        found = yaml.safe_load(read_bounded(path, _KIND, _MOST_BYTES))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise no_file(path, _KIND, "it is no YAML") from error
    groups = found.get("groups") if isinstance(found, dict) else None
    if not isinstance(groups, list):
        raise no_file(path, _KIND, "it has no groups; 'rightrig watch rules' writes one")
    return RulesSeen(plain(path), tuple(_alerts(groups)))


def _alerts(groups: list[Any]) -> Iterator[LoadedAlert]:
    """Yield the alerts of groups; recording rules are none."""
    for group in groups:
        rules = group.get("rules") if isinstance(group, dict) else None
        for rule in rules if isinstance(rules, list) else ():
            if isinstance(rule, dict) and isinstance(rule.get("alert"), str):
                notes = rule.get("annotations")
                url = notes.get("runbook_url", "") if isinstance(notes, dict) else ""
                yield LoadedAlert(
                    plain(rule["alert"], 100),
                    runbook_url=str(url)[:500],
                    query=str(rule.get("expr", "")),
                )
