"""README.md of a recipe: start it, what to expect, what to check, what to do if it fails."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.costs.rig_rent import cheapest_for
from rightrig.facts.catalog import shipped
from rightrig.prediction.host_loading import loading_host_bytes
from rightrig.quantities import (
    GIB,
    HOURS_PER_MONTH,
    show_gib,
    show_number,
    show_seconds,
    show_usd,
    show_users,
)
from rightrig.recipes.first_start import command_text, flag_text, log_lines, remedies
from rightrig.recipes.launch import File
from rightrig.recipes.meaning import ENGINES, translated
from rightrig.recipes.places.cards import machine_engines
from rightrig.recipes.places.shell import PATH as SCRIPT
from rightrig.recipes.templating import render
from rightrig.recipes.versions import card_note, version_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rightrig.recipes.launch import Launch
    from rightrig.recipes.proving.proof import Proof
    from rightrig.recipes.serving import Serving

PATH: Final = "README.md"
Row = tuple[str, ...]
_STARTS: Final = (
    ("compose.yaml", "Docker", "docker compose up --detach"),
    ("kubernetes/", "Kubernetes", "kubectl apply --filename kubernetes/"),
    ("kserve/", "KServe", "kubectl apply --filename kserve/"),
    ("ray/serve.yaml", "Ray Serve", "serve run ray/serve.yaml"),
    ("ray/rayservice.yaml", "KubeRay", "kubectl apply --filename ray/rayservice.yaml"),
    ("systemd/", "systemd", "less systemd/rightrig.target"),
    ("gateway/nginx.conf", "nginx before the engines", 'nginx -c "$PWD/gateway/nginx.conf"'),
    (
        "gateway/litellm.yaml", "LiteLLM before them",
        "litellm --config gateway/litellm.yaml --host 127.0.0.1",
    ),
    (
        "monitoring/prometheus.yml", "Prometheus",
        "prometheus --config.file=monitoring/prometheus.yml",
    ),
)  # fmt: skip
"""Where a recipe's file begins so, that place is started by that line."""
_STATES: Final = {"pass": "passed", "fail": "FAILED", "unverifiable": "not checked"}


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of Markdown."""

    headers: Row
    rows: tuple[Row, ...]


def readme(
    serving: Serving, launch: Launch, files: Sequence[File], proofs: Sequence[Proof]
) -> File:
    """Return what a person reads first."""
    text = render(
        PATH,
        serving=serving,
        launch=launch,
        command=command_text(serving, launch),
        rig=serving.deployment.rig.text,
        users=show_users(serving.concurrency),
        promises=list(_promises(serving)),
        failed=[proof for proof in proofs if proof.state == "fail"],
        starts=_markdown(_Table(("where", "command"), tuple(_starts(serving, files)))),
        expected=_markdown(_Table(("what", "predicted", "80 % lie between"), _expected(serving))),
        shortfall=_shortfall(serving),
        memory=_markdown(_memory(serving)),
        room=_room(serving),
        logs=_markdown(_logs(serving)),
        remedies=_markdown(_remedies(serving, launch)),
        flags=_markdown(_flags(launch)),
        variables=_markdown(_variables(launch)),
        translations=_markdown(_translations(serving)),
        versions=_markdown(_Table(("what", "version"), version_rows(serving))),
        card_note=card_note(serving),
        proofs=_markdown(_proofs(proofs)),
        files=_markdown(_Table(("file", "what it is"), tuple(
            (f"`{one.path}`", one.about) for one in files if one.path != PATH))),
        beside=_markdown(_Table(("question", "command"), tuple(_beside(serving)))),
        has_topology=any(one.path == "topology.sh" for one in files),
        has_load_test=any(one.path == "load-test.sh" for one in files),
        sources=list(_sources(serving)),
    )  # fmt: skip
    return File(PATH, text, "what to expect, and what to check first")


def _beside(serving: Serving) -> Iterator[Row]:
    """Yield what else the rig asks for, and the command that answers it."""
    rig = shlex.quote(serving.deployment.rig.text)
    model = shlex.quote(serving.name)
    if not any(group.mig for group in serving.deployment.rig.groups):
        yield "what supplies, circuits and cooling it needs", f"`rightrig cost electrical {rig}`"
    yield "which rigs are near it in money and memory", f"`rightrig rigs show {rig}`"
    if serving.prediction is None:
        return
    asked = f"{model} --on {rig}"
    if serving.deployment.rig.nodes_count == 1 and tuple(_rent(serving)):
        against = f"`rightrig cost break-even {asked} --rent --against api:0.59,0.79`"
        yield "when it pays against an API at $0.59 and $0.79 a million tokens", against
    users = serving.concurrency
    shared = f"`rightrig predict {asked} --concurrency {users} --prefix-hit 0.5`"
    yield "what prompts gain that share their first half", shared


def _promises(serving: Serving) -> Iterator[str]:
    """Yield what is promised."""
    yield (
        f"{show_users(serving.concurrency)} at once, prompt and answer together up to "
        f"{serving.context_tokens:,} tokens; {serving.input_tokens:,} and "
        f"{serving.output_tokens:,} on average"
    )
    if serving.peak_requests_per_s is not None:
        yield f"a peak of {show_number(serving.peak_requests_per_s)} requests/s"
    for one in serving.slo.objectives():
        yield f"{one.metric.upper()} at p{one.percentile} within {show_seconds(one.limit_s)}"


def _starts(serving: Serving, files: Sequence[File]) -> Iterator[Row]:
    """Yield each place that has a file, and the line that starts it."""
    if any(one.path == SCRIPT for one in files):
        yield _script_start(serving)
    for beginning, where, command in _STARTS:
        if any(one.path.startswith(beginning) for one in files):
            yield where, f"`{command}`"


def _script_start(serving: Serving) -> Row:
    """Return how the script of one machine is called."""
    engines = machine_engines(serving)
    if serving.engine_nodes > 1:
        where = f"each of the {serving.engine_nodes} machines"
        return where, f"`sh {SCRIPT} MACHINE ADDRESS_OF_MACHINE_0`, machines counted from 0"
    if engines > 1:
        return (
            "this machine",
            f"`sh {SCRIPT} 0` to `sh {SCRIPT} {engines - 1}`, one for each engine",
        )
    return "this machine", f"`sh {SCRIPT}`"


def _expected(serving: Serving) -> tuple[Row, ...]:
    """Return speed, draw and rent; empty where no speed is modelled."""
    speed = serving.prediction
    if speed is None:
        return ()
    figures = [
        ("mean time to first token", speed.ttft_s, show_seconds),
        ("mean time per token after it", speed.tpot_s, show_seconds),
        ("output tokens/s of one rig", speed.output_tokens_per_s, show_number),
        ("requests/s of one rig", speed.requests_per_s, show_number),
    ]
    if speed.power_w is not None:
        figures.append(("draw of its cards, W", speed.power_w, show_number))
    rows = (
        (name, show(found.mid), f"{show(found.low)} … {show(found.high)}")
        for name, found, show in figures
    )
    return (*rows, *_rent(serving))


def _shortfall(serving: Serving) -> str:
    """Return that the planned peak asks for more users at once than promised; mostly empty."""
    speed, peak = serving.prediction, serving.peak_requests_per_s
    if speed is None or peak is None or peak <= speed.requests_per_s.mid:
        return ""
    users, most = show_users(serving.concurrency), serving.fit.max_concurrency
    return (
        f"The peak of {show_number(peak)} requests/s is above what {users} bring: more will be "
        f"there at once, and memory holds {most:,} of full length."
    )


def _rent(serving: Serving) -> Iterator[Row]:
    """Yield what the cheapest offer of the catalogue asks, where there is one."""
    found = cheapest_for(shipped().prices(), serving.deployment)
    if found is not None:
        hour = show_usd(found.rent_usd_per_month / HOURS_PER_MONTH)
        yield (
            f"rent of one rig, {found.price.provider}, {found.price.date}",
            f"{hour}/h",
            "one published price",
        )


def _memory(serving: Serving) -> _Table:
    """Return the memory of each card, equal ones together."""
    same: dict[Row, list[int]] = {}
    for card in serving.fit.cards:
        cached = sum(p.size_bytes.mid for p in card.components if p.name == "kv")
        weights = sum(p.size_bytes.mid for p in card.components if p.name == "weights")
        rest = card.required_bytes.mid - cached - weights
        values = (card.budget_bytes.mid, weights, cached, rest, card.free_bytes)
        same.setdefault((card.gpu, *map(show_gib, values)), []).append(card.card)
    rows = ((", ".join(map(str, cards)), *row) for row, cards in same.items())
    headers = (
        "card of an engine",
        "is",
        "engine may use",
        "weights",
        "promised cache",
        "rest",
        "free",
    )
    return _Table(headers, tuple(rows))


def _room(serving: Serving) -> str:
    """Return the largest context and the most sequences, and host memory while loading."""
    room = serving.fit
    host = loading_host_bytes(room)
    return (
        f"At most {room.max_context_tokens:,} tokens with {show_users(room.concurrency)}, or "
        f"{show_users(room.max_concurrency)} with {room.context_tokens:,} tokens. While weights "
        f"load, {host.low / GIB:.0f} to {host.high / GIB:.0f} GiB of the host's memory are used."
    )


def _logs(serving: Serving) -> _Table:
    """Return lines of the log to compare."""
    rows = tuple((f"`{one.text}`", one.expected, one.otherwise) for one in log_lines(serving))
    return _Table(("log line", "should say", "if it says another figure"), rows)


def _remedies(serving: Serving, launch: Launch) -> _Table:
    """Return what to change."""
    rows = tuple((o.when, f"`{o.change}`", o.effect) for o in remedies(serving, launch))
    return _Table(("when", "change", "what that does"), rows)


def _flags(launch: Launch) -> _Table:
    """Return each option with its reason."""
    flags = (*launch.flags, *launch.node_flags, *launch.worker_flags)
    return _Table(("option", "rests on"), tuple((f"`{flag_text(f)}`", f.why) for f in flags))


def _variables(launch: Launch) -> _Table:
    """Return each variable with its reason."""
    rows = tuple((f"`{one.name}={one.value}`", one.why) for one in launch.environment)
    return _Table(("variable", "why"), rows)


def _translations(serving: Serving) -> _Table:
    """Return the same meaning in other engines; nothing of engines that are not told."""
    if serving.runtime.slug not in ENGINES:
        return _Table((), ())
    rows = tuple(
        (one.quantity, one.meaning, *(_word(one.words.get(slug, "")) for slug in ENGINES), one.note)
        for one in translated(serving)
    )
    names = (shipped().runtime(slug).name for slug in ENGINES)
    return _Table(("quantity", "here", *names, "what differs"), rows)


def _word(text: str) -> str:
    """Return an option as code, and words as words."""
    return f"`{text}`" if text.startswith("-") else text


def _proofs(proofs: Sequence[Proof]) -> _Table:
    """Return what was proven."""
    rows = tuple((p.subject, _STATES[p.state], p.said, p.remedy) for p in proofs)
    return _Table(("subject", "", "found", "what to do"), rows)


def _sources(serving: Serving) -> Iterator[str]:
    """Yield where figures and versions come from."""
    if serving.prediction is not None:
        yield f"Speed: {serving.prediction.evidence}; {'; '.join(serving.prediction.sources)}"
    if serving.stack.source:
        yield f"Versions, {serving.stack.date}: {serving.stack.source}"


def _markdown(table: _Table) -> str:
    """Return a table of Markdown; empty without rows."""
    if not table.rows:
        return ""
    lines = [table.headers, ("---",) * len(table.headers), *table.rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    """Return a text that stays in its cell."""
    return " ".join(text.split()).replace("|", "\\|")
