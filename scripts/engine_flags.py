"""Read an engine's options, and write the table that recipes are proven with.

``engine_flags.py vllm --python .cache/parsers/vllm/bin/python`` asks the parser of an environment
(vLLM, SGLang, LMDeploy); ``engine_flags.py llama.cpp --source FOLDER --version 11434`` reads
``common/arg.cpp``. The table of TensorRT-LLM was written by hand from its source.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rightrig.recipes.proving.drivers import MARK, PARSERS
from rightrig.recipes.proving.flags import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

Row = dict[str, Any]

READ: Final = {
    "vllm": (0, 1, True, "vllm/entrypoints/common/cli_args.py make_arg_parser, vllm/config"),
    "sglang": (0, 0, False, "sglang/srt/server_args.py ServerArgs.add_cli_args"),
    "lmdeploy": (1, 1, False, "lmdeploy/cli/serve.py SubCliServe.add_parser_api_server"),
    "llama.cpp": (0, 0, True, "common/arg.cpp"),
}
"""Engine → fewest and most words of no option, whether ``_`` is ``-`` in names, files."""

LMDEPLOY: Final = """
engine = "lmdeploy"
import sys
from lmdeploy.cli.serve import SubCliServe
SubCliServe.add_parser_api_server()
parser = SubCliServe.subparsers.choices["api_server"]
"""

DUMP: Final = f"""
import dataclasses, json
from importlib.metadata import version
def takes(action, text):
    try:
        action.type(text)
    except Exception:
        return False
    return True
def kind(action):
    if action.type in (None, str) or takes(action, "rightrig"):
        return "str"
    if takes(action, "{{}}") or takes(action, "[]"):
        return "json"
    if takes(action, "1.5"):
        return "float"
    if takes(action, "5"):
        return "size" if takes(action, "8k") else "int"
    return "bool" if takes(action, "true") else "str"
def choices(action):
    if engine == "vllm" and action.dest == "kv_cache_dtype":
        from typing import get_args
        from vllm.config.cache import CacheDType
        return get_args(CacheDType)
    if engine == "vllm" and action.dest == "quantization":
        from vllm.model_executor.layers.quantization import QUANTIZATION_METHODS
        return QUANTIZATION_METHODS
    return action.choices or ()
def keys(action):
    if engine != "vllm":
        return ()
    import vllm.config
    name = "".join(part.title() for part in action.dest.split("_"))
    found = getattr(vllm.config, name, None)
    is_data = found is not None and dataclasses.is_dataclass(found)
    return [field.name for field in dataclasses.fields(found) if field.init] if is_data else ()
rows = []
for action in parser._actions:
    if not action.option_strings or action.dest == "help":
        continue
    # Hidden spellings too: those of vLLM's switches are left out of ``option_strings``.
    names = [name for name, one in parser._option_string_actions.items() if one is action]
    row = {{"names": names, "values": str(action.nargs if action.nargs is not None
           else 1), "kind": "str", "is_required": action.required}}
    if row["values"] != "0":
        row["kind"] = kind(action)
        row["choices"] = sorted(str(choice) for choice in choices(action) if choice is not None)
        if row["kind"] in ("int", "size", "float"):
            row["also"] = [word for word in ("auto", "none", "None") if takes(action, word)]
        if row["kind"] == "json":
            row["keys"] = sorted(keys(action))
    rows.append(row)
print({MARK!r} + json.dumps({{"version": version(engine), "rows": rows}}))
"""

COMMON: Final = ("LLAMA_EXAMPLE_COMMON", "LLAMA_EXAMPLE_SERVER")
HANDLERS: Final = {
    r"int\b[^,)]*\)": ("1", "int"),
    r"const std::string ?&[^,)]*, const std::string ?&[^,)]*\)": ("2", "str"),
    r"const std::string ?&[^,)]*\)": ("1", "str"),
    r"bool[^,)]*\)": ("0", "str"),
}
AUTO: Final = ("0", "1", "auto", "disabled", "enabled", "false", "off", "on", "true", "-1")
"""What llama.cpp's ``is_truthy``, ``is_falsey`` and ``is_autoy`` know."""
"""Parameters of a handler of llama.cpp after the first → how many values, and of what kind."""


def main() -> None:
    """Write one table."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("engine", choices=sorted(READ))
    words.add_argument("--python", type=Path, help="of an environment with the engine")
    words.add_argument("--source", type=Path, help="folder of llama.cpp's source")
    words.add_argument("--version", default="", help="of that source")
    given = words.parse_args()
    if given.source:
        version, how = given.version, "source"
        rows = [*llama_rows((given.source / "common" / "arg.cpp").read_text("utf-8"))]
    else:
        found, how = parsed(given.python, given.engine), "parser"
        version, rows = found["version"], found["rows"]
    least, most, has_underscores, files = READ[given.engine]
    head = {
        "engine": given.engine,
        "version": version,
        "how": how,
        "date": datetime.now(UTC).date().isoformat(),
        "source": f"{given.engine} {version} {files}",
        "least_words": least,
        "most_words": most,
        "has_underscores": has_underscores,
    }
    path = TABLES / f"{given.engine}-{version}.json"
    path.write_text(text_of(head, rows), "utf-8")
    print(f"{path}: {len(rows)} options")  # noqa: T201 - a script


def parsed(python: Path, engine: str) -> Row:
    """Return what the parser of an environment holds."""
    program = (LMDEPLOY if engine == "lmdeploy" else PARSERS[engine]) + DUMP
    said = subprocess.run(  # noqa: S603 - the developer's own environment
        [str(python), "-c", program], capture_output=True, text=True, check=True
    )
    line = next(line for line in said.stdout.splitlines() if line.startswith(MARK))
    found: Row = json.loads(line.removeprefix(MARK))
    return found


def llama_rows(text: str) -> Iterator[Row]:
    """Yield the options of ``llama-server``; those of other programs of llama.cpp are left out."""
    seen: set[str] = set()
    for rest in re.sub(r"\n\s*//.*", "", text).split("add_opt(common_arg(")[1:]:
        part, _, after = rest.partition("\n    )")
        groups = re.match(r"\s*(\{[^}]*\})\s*,\s*(\{[^}]*\})?", part)
        calls = after.partition(";\n")[0]
        examples = re.search(r"\.set_examples\(\{([^}]*)\}\)", calls)
        excluded = re.search(r"\.set_excludes\(\{([^}]*)\}\)", calls)
        is_server = not examples or any(name in examples[1] for name in COMMON)
        if groups is None or not is_server or "arg_removed(" in part:
            continue
        if excluded and COMMON[1] in excluded[1]:
            continue
        names = re.findall(r'"([^"]+)"', groups[1] + (groups[2] or ""))
        if not seen & {*names}:
            yield {"names": names, **_llama_values(part, text)}
        seen |= {*names}


def _llama_values(part: str, whole: str) -> Row:
    """Return how many values an option takes, of what kind, and which."""
    values, kind = "0", "str"
    for pattern, found in HANDLERS.items():
        if re.search(r"\]\s*\(common_params ?&[^,)]*, " + pattern, part):
            values, kind = found
            break
    words = sorted({*re.findall(r'value == "([^"]*)"', part)})
    if re.search(r"= std::sto(i|l|ul|ull|f)\(value\)", part) and "for (" not in part:
        kind = "float" if "std::stof(" in part else "int"
    row = {"values": values, "kind": kind, "also": words if kind != "str" else []}
    if "kv_cache_type_from_str" in part:
        types = re.search(r"kv_cache_types = \{([^}]*)\}", whole)
        assert types is not None  # noqa: S101 - the source has changed
        row["choices"] = sorted(name.lower() for name in re.findall(r"GGML_TYPE_(\w+)", types[1]))
    elif "invalid value" in part and len(words) > 1:
        row["choices"] = words
    elif "is_autoy(value)" in part:
        row["choices"] = [*AUTO]
    return row


def text_of(head: Row, rows: list[Row]) -> str:
    """Return a table as JSON, an option a line, without what is as usual."""
    usual = {"values": "1", "kind": "str", "is_required": False}
    lines = [
        json.dumps({k: v for k, v in row.items() if v and v != usual.get(k)}, separators=(",", ":"))
        for row in sorted(rows, key=lambda row: str(row["names"]))
    ]
    start = json.dumps(head, indent=1)[:-2]
    return f'{start},\n "options": [\n' + ",\n".join(lines) + "\n]}\n"


if __name__ == "__main__":
    main()
