"""The catalogue's index: every record's name and aliases in one small file.

``python -m rightrig.facts.index`` rewrites ``data/index.json`` after a record was added;
``--check`` fails when it is out of date. Reading one file instead of all records keeps
``rightrig fit`` quick.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Final, TypedDict

DATA: Final = Path(__file__).parent / "data"
INDEX: Final = DATA / "index.json"
KINDS: Final = (
    "failure_rates", "gpus", "licences", "links", "llms", "mig", "parts", "power", "providers",
    "resale", "runtimes", "systems", "territories",
)  # fmt: skip


class Entry(TypedDict):
    """What the index keeps of a record."""

    name: str
    aliases: list[str]


def build_index(data: Path = DATA) -> dict[str, dict[str, Entry]]:
    """Return kind → slug → name and aliases, read from the records themselves."""
    index: dict[str, dict[str, Entry]] = {}
    for kind in KINDS:
        index[kind] = {}
        for path in sorted((data / kind).glob("*.toml")):
            record = tomllib.loads(path.read_text(encoding="utf-8"))
            slug = record["slug"]
            index[kind][slug] = {
                "name": record.get("name", record.get("item", slug)),
                "aliases": record.get("aliases", []),
            }
    return index


def render(index: dict[str, dict[str, Entry]]) -> str:
    """Return the text of ``index.json``: a line a record, so that changes read well."""
    kinds = []
    for kind, entries in index.items():
        lines = [
            f"  {json.dumps(slug)}: {json.dumps(entry, ensure_ascii=False)}"
            for slug, entry in entries.items()
        ]
        kinds.append(f' "{kind}": {{\n' + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(kinds) + "\n}\n"


def main(arguments: list[str]) -> int:
    """Rewrite the index, or with ``--check`` say whether it is out of date."""
    text = render(build_index())
    if "--check" in arguments:
        if INDEX.read_text(encoding="utf-8") == text:
            return 0
        sys.stderr.write("facts/data/index.json is out of date: run 'make index'\n")
        return 1
    INDEX.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
