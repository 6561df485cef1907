"""From the words of ``tenants`` to tenants, the form of their question, and its answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.demand.workload import MAX_RATE_PER_S, MAX_TOKENS
from rightrig.deployment.propose import Choices
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.reading import read_bounded
from rightrig.planning.tenancy.engine import MOST_TENANTS, Tenant, usual_lengths
from rightrig.planning.tenancy.file import TenantRow, read_rows
from rightrig.planning.tenancy.mig_layouts import NoPlace, maximal_layouts, place, plain_profiles
from rightrig.prediction.regimes import Lengths
from rightrig.quantities import check_count, parse
from rightrig.recipes.mig import FORMS, kubernetes, nvidia_smi
from rightrig.verbs.deploying import DEFAULT_CONTEXT, MAX_CONCURRENCY
from rightrig.verbs.found import Found
from rightrig.verbs.naming import model_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.mig import MigTable
    from rightrig.planning.tenancy.mig_layouts import Layout
    from rightrig.planning.tenancy.tenants import Tenancy
    from rightrig.report.schema.tenancy import (
        TenantsAllGpusJson,
        TenantsAnswerJson,
        TenantsMigJson,
        TenantsSharedJson,
        WithoutMigJson,
        WithoutPlaceJson,
    )

MODES: Final = ("auto", "mig", "shared")
_MOST_FILE_BYTES: Final = 1_000_000
_MOST_LATENCY_S: Final = 86_400.0
_MOST_PRICE_USD: Final = 1e8
_USUAL_WORDS: Final[dict[str, object]] = {"concurrency": 1}


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of the command; ``words`` are those that describe the tenant."""

    catalog: Catalog
    model: str | None
    on: str | None
    count: int | None
    file: str | None
    mode: str
    profile: str | None
    recipe: str | None
    price: str | None
    words: Mapping[str, object]
    layouts: bool = False

    @property
    def price_usd(self) -> float | None:
        """The purchase price of one card."""
        if self.price is None:
            return None
        return parse(self.price, "money", name="--price", limit=_MOST_PRICE_USD)


def answer_of(asked: Asked) -> Found[TenantsAnswerJson]:
    """Return the answer of the form that was asked for.

    Raises:
        InputError: when the options do not go together.
    """
    _check_words(asked)
    if asked.layouts:
        return _layouts(asked)
    tenants = _tenants(asked)
    if asked.on is None:
        return _on_all(asked, tenants)
    gpu = _card(asked.on, asked.catalog)
    has_table = asked.catalog.mig_table(gpu.slug) is not None
    if asked.mode == "shared" or (asked.mode == "auto" and not has_table):
        return _shared(asked, gpu, tenants)
    return _by_mig(asked, gpu, tenants) if has_table else _no_mig(gpu)


def _check_words(asked: Asked) -> None:
    """Refuse options that do not go together, before any work."""
    if asked.mode not in MODES:
        raise InputError(f"--mode {asked.mode[:20]!r}: write {', '.join(MODES)}")
    if asked.recipe is not None and asked.recipe not in FORMS:
        raise InputError(f"--recipe {asked.recipe[:20]!r}: write {' or '.join(FORMS)}")
    if asked.mode == "shared" and (asked.recipe or asked.profile):
        given = "--recipe" if asked.recipe else "--profile"
        raise InputError(f"{given} is of MIG instances; --mode shared cuts none: leave one out")
    if asked.count is not None:
        check_count(asked.count, name="--count", limit=MOST_TENANTS)
    if asked.layouts and (asked.model or asked.file or asked.count):
        raise InputError("--layouts asks about a card alone; leave models and --count out")
    if asked.file is not None:
        _check_file(asked)
    if asked.on is None:
        _check_all_cards(asked)


def _check_file(asked: Asked) -> None:
    """Refuse what a file says for each tenant."""
    given = {**asked.words, "MODEL": asked.model, "count": asked.count}
    wrong = next((k for k, v in given.items() if v is not None and v != _USUAL_WORDS.get(k)), None)
    if wrong is not None:
        name = wrong if wrong == "MODEL" else f"--{wrong}"
        raise InputError(f"{name} does not go with --file, which says it for each tenant")


def _check_all_cards(asked: Asked) -> None:
    """Refuse what needs one card where none is named."""
    for name, value in (
        ("--layouts", asked.layouts), ("--mode shared", asked.mode == "shared"),
        ("--profile", asked.profile), ("--recipe", asked.recipe), ("--price", asked.price),
    ):  # fmt: skip
        if value:
            raise InputError(f"{name} is of one card: add --on, such as --on h100-sxm")


def _card(on: str, catalog: Catalog) -> Gpu:
    """Return the card that ``--on`` names: one, without options."""
    rig = parse_rig(on, catalog)
    if rig.cards_count != 1 or rig.groups[0].options:
        raise InputError(
            f"--on {on[:60]!r}: name a kind of card, such as h100-sxm; the answer says how many it "
            "takes, and how each is cut"
        )
    return rig.gpu


def _tenants(asked: Asked) -> tuple[Tenant, ...]:
    """Return the tenants of the file, or the one kind of the options."""
    if asked.file is not None:
        path = Path(asked.file)
        content = read_bounded(path, "list of tenants", _MOST_FILE_BYTES)
        rows = read_rows(content.decode("utf-8", errors="replace"), str(path))
        return tuple(_tenant(row, asked.catalog, f"{path}: ") for row in rows)
    if asked.model is None:
        raise InputError(
            "tenants needs a model, such as: tenants llama-3.1-8b --on h100-sxm; or --file, or "
            "--layouts"
        )
    for name in ("context", "input", "output"):
        value = asked.words[name]
        if isinstance(value, int):
            check_count(value, name=f"--{name}", limit=MAX_TOKENS)
    check_count(int(str(asked.words["concurrency"])), name="--concurrency", limit=MAX_CONCURRENCY)
    row = TenantRow.model_validate({**asked.words, "model": asked.model, "count": asked.count or 1})
    return (_tenant(row, asked.catalog, "--"),)


def _tenant(row: TenantRow, catalog: Catalog, where: str) -> Tenant:
    """Return one kind of tenant; ``where`` begins the name of a wrong field."""
    llm = model_named(row.model, catalog)
    most = llm.max_context_tokens
    context = min(DEFAULT_CONTEXT, most) if row.context is None else row.context
    if context > most:
        raise InputError(
            f"{where}context is {context:,}, and {llm.name} was made for {most:,} tokens; ask for "
            "fewer"
        )
    check_count(row.concurrency, name=f"{where}concurrency", limit=MAX_CONCURRENCY)
    limits = {
        name: None if text is None else parse(text, "time", name=f"{where}{name}",
                                              limit=_MOST_LATENCY_S)
        for name, text in (("ttft", row.ttft), ("tpot", row.tpot))
    }  # fmt: skip
    rate = row.rate
    return Tenant(
        name=row.name or llm.name,
        llm=llm,
        choices=Choices(runtime=row.runtime, weights=row.weights, kv=row.kv),
        context_tokens=context,
        concurrency=row.concurrency,
        lengths=_lengths(row, context, where),
        count=row.count,
        ttft_s=limits["ttft"],
        tpot_s=limits["tpot"],
        rate_requests_per_s=None if rate is None
        else parse(rate, "rate", name=f"{where}rate", limit=MAX_RATE_PER_S),
    )  # fmt: skip


def _lengths(row: TenantRow, context_tokens: int, where: str) -> Lengths:
    """Return the usual prompt and answer, which the context must hold."""
    usual = usual_lengths(context_tokens)
    prompt = usual.input_tokens if row.input is None else float(row.input)
    answer = usual.output_tokens if row.output is None else float(row.output)
    if answer < 2:  # noqa: PLR2004 - one token has no time per output token
        raise InputError(f"{where}output is {answer:.0f}: ask for 2 tokens or more")
    if prompt + answer > context_tokens:
        raise InputError(
            f"{where}input and output are {prompt + answer:,.0f} tokens together, and the context "
            f"is {context_tokens:,}; ask for a longer context or fewer tokens"
        )
    return Lengths(prompt, answer)


def _on_all(asked: Asked, tenants: tuple[Tenant, ...]) -> Found[TenantsAllGpusJson]:
    """Return the tenants on every card with MIG."""
    from rightrig.planning.tenancy.tenants import tenancies
    from rightrig.report.tenants import tenancies_document, tenancies_json

    fill_one = asked.file is None and asked.count is None
    found = tenancies(asked.catalog, tenants, fill_one=fill_one)
    cards = tuple(answer.gpu for answer in found)
    return Found(
        data=lambda: tenancies_json(found),
        document=lambda: tenancies_document(found),
        yes=bool(found),
        records=(*cards, *(tenant.llm for tenant in tenants)),
    )


def _by_mig(asked: Asked, gpu: Gpu, tenants: tuple[Tenant, ...]) -> Found[TenantsMigJson]:
    """Return the tenants on instances of one kind of card."""
    from rightrig.planning.tenancy.tenants import tenancy
    from rightrig.report.tenants import tenancy_document, tenancy_json

    found = tenancy(
        asked.catalog, gpu, tenants, profile=asked.profile, price_usd=asked.price_usd,
        fill_one=asked.file is None and asked.count is None,
    )  # fmt: skip
    recipe = _recipe_of(asked.recipe, found)
    return Found(
        data=lambda: tenancy_json(found, recipe),
        document=lambda: tenancy_document(found),
        yes=bool(found.cards),
        records=(gpu, *(tenant.llm for tenant in tenants)),
        text=(lambda: recipe) if recipe else None,
    )


def _shared(asked: Asked, gpu: Gpu, tenants: tuple[Tenant, ...]) -> Found[TenantsSharedJson]:
    """Return the tenants side by side on one kind of card."""
    from rightrig.planning.tenancy.sharing import sharing
    from rightrig.report.tenants_shared import no_mig_text, sharing_document, sharing_json

    if asked.recipe or asked.profile:
        option = "--recipe" if asked.recipe else "--profile"
        raise InputError(f"{option} is of MIG instances, and {no_mig_text(gpu)[:-1]}")
    found = sharing(
        asked.catalog, gpu, tenants, price_usd=asked.price_usd,
        fill_one=asked.file is None and asked.count is None,
    )  # fmt: skip
    return Found(
        data=lambda: sharing_json(found),
        document=lambda: sharing_document(found),
        yes=bool(found.cards),
        records=(gpu, *(tenant.llm for tenant in tenants)),
    )


def _no_mig(gpu: Gpu) -> Found[WithoutMigJson]:
    """Return that a card cannot be cut, and what it offers instead."""
    from rightrig.report.tenants_shared import no_mig_document, no_mig_json

    return Found(
        data=lambda: no_mig_json(gpu),
        document=lambda: no_mig_document(gpu),
        yes=False,
        records=(gpu,),
    )


def _layouts(asked: Asked) -> Found[TenantsAnswerJson]:
    """Return the layouts of a card, or the place of the profiles that are asked for."""
    from rightrig.report.tenants_layouts import layouts_document, layouts_json

    gpu = _card(asked.on or "", asked.catalog)
    table = asked.catalog.mig_table(gpu.slug)
    if table is None:
        return _no_mig(gpu)
    if asked.profile is not None:
        return _requested(asked, gpu, table, asked.profile)
    if asked.recipe is not None:
        raise InputError("--recipe with --layouts needs the layout: --profile 3g.40gb,2g.20gb")
    layouts = maximal_layouts(table, plain_profiles(table))
    return Found(
        data=lambda: layouts_json(gpu, layouts),
        document=lambda: layouts_document(gpu, layouts),
        yes=True,
        records=(gpu,),
    )


def _requested(asked: Asked, gpu: Gpu, table: MigTable, names: str) -> Found[TenantsAnswerJson]:
    """Return where a card holds the profiles that are asked for, or why it does not."""
    from rightrig.report.tenants_layouts import layout_document, requested_json

    profiles = [table.profile(name.strip()) for name in names.split(",")]
    found = place(table, profiles)
    if isinstance(found, NoPlace):
        return _no_place(gpu, f"{gpu.slug} does not hold {names}", found)
    recipe = _layout_recipe(asked.recipe, found, gpu)
    return Found(
            data=lambda: requested_json(gpu, found, recipe),
            document=lambda: layout_document(gpu, found),
            yes=True,
            records=(gpu,),
        text=(lambda: recipe) if recipe else None,
    )  # fmt: skip


def _no_place(gpu: Gpu, title: str, found: NoPlace) -> Found[WithoutPlaceJson]:
    """Return that a card does not hold the profiles that are asked for, and why."""
    from rightrig.report.document import Paragraph

    return Found(
        data=lambda: {"gpu": gpu.slug, "layout": None, "reason": found.reason},
        document=lambda: (Paragraph(f"NO: {title}: {found.reason}.", "bad"),),
        yes=False,
        records=(gpu,),
    )


def _recipe_of(form: str | None, found: Tenancy) -> str:
    """Return the recipe of tenants; empty where none is asked for or none is served."""
    if form is None or not found.cards:
        return ""
    if form == "kubernetes":
        return kubernetes(found.cards)
    return nvidia_smi([card.layout for card in found.cards])


def _layout_recipe(form: str | None, layout: Layout, gpu: Gpu) -> str:
    """Return the recipe of one layout without tenants."""
    from rightrig.planning.tenancy.mig_layouts import stranded
    from rightrig.planning.tenancy.tenants import MigCard

    if form is None:
        return ""
    if form == "kubernetes":
        return kubernetes([MigCard(layout, (), stranded(gpu, layout))])
    return nvidia_smi([layout])
