"""What Prometheus is told of a recipe: whom to scrape, and the alert rules of its promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig import __version__
from rightrig.deployment.propose import Choices
from rightrig.measuring.load.readers_plan import Planned
from rightrig.prediction.regimes import Lengths
from rightrig.recipes.launch import File
from rightrig.recipes.places.cards import machine_engines
from rightrig.recipes.templating import render
from rightrig.watching.expecting import expected_of_share
from rightrig.watching.rules.thresholds import thresholds_of
from rightrig.watching.rules.writing import header, rules, yaml_text
from rightrig.watching.shares import Share

if TYPE_CHECKING:
    from rightrig.recipes.launch import Launch
    from rightrig.recipes.serving import Serving
    from rightrig.watching.expected import Expected

FOLDER: Final = "monitoring"
EXPORTER_PORT: Final = 9401
"""Where ``rightrig watch export`` answers, unless it is told otherwise."""


def files(serving: Serving, launch: Launch) -> tuple[File, ...]:
    """Return what Prometheus scrapes on the machine, and the rules of ``rightrig watch rules``.

    Raises:
        MissingError: without the extra ``watch``, which writes YAML.
    """
    engines = engine_addresses(serving, launch)
    scrape = render(
        "prometheus.yml",
        metrics=launch.metrics,
        engines=engines,
        exporter=f"127.0.0.1:{EXPORTER_PORT}",
        export=_export(engines if launch.metrics else ()),
        model=serving.name,
        rig=serving.deployment.rig.text,
    )
    return (
        File(f"{FOLDER}/prometheus.yml", scrape, "whom Prometheus scrapes on one machine"),
        File(f"{FOLDER}/rules.yml", _rules(serving), "alert rules with the promises as thresholds"),
    )


def engine_addresses(serving: Serving, launch: Launch) -> tuple[str, ...]:
    """Return host and port of each engine of one machine."""
    return tuple(f"127.0.0.1:{launch.port + at}" for at in range(machine_engines(serving)))


def planned_rate_requests_per_s(serving: Serving) -> float | None:
    """Return the planned peak of one rig; of a deployment without a plan, what is predicted."""
    if serving.peak_requests_per_s is not None:
        return serving.peak_requests_per_s
    speed = serving.prediction
    return None if speed is None else speed.requests_per_s.mid


def _rules(serving: Serving) -> str:
    """Return the rules as YAML."""
    thresholds = thresholds_of(_expected(serving))
    command = serving.asked or "rightrig watch rules"
    return yaml_text(rules(thresholds), tuple(header(thresholds, __version__, command)))


def _expected(serving: Serving) -> Expected | None:
    """Return what one rig lets one expect; ``None`` where nothing is predicted of it."""
    peak = planned_rate_requests_per_s(serving)
    if peak is None:
        return None
    deployment = serving.deployment
    planned = Planned(
        origin="recipe",
        model=serving.name,
        rig=deployment.rig.text,
        choices=Choices(runtime=deployment.runtime.slug),
        prefill_replicas_count=0,
        peak_requests_per_s=peak,
        input_tokens=serving.input_tokens,
        output_tokens=serving.output_tokens,
        longest_tokens=serving.context_tokens,
        slo=serving.slo,
        capacity_requests_per_s=None,
        cost_usd_per_hour=None,
        words="the recipe's own",
    )
    lengths = Lengths(float(serving.input_tokens), float(max(serving.output_tokens, 2)))
    return expected_of_share(Share(planned, deployment, lengths, 1), None)


def _export(engines: tuple[str, ...]) -> str:
    """Return the command of our exporter."""
    return " ".join(["rightrig watch export", *(f"--engine http://{one}" for one in engines)])
