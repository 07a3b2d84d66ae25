"""`podium related`: the benchmarks that have to do with one, and on what basis that is said."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from registry.benchmark import Benchmark
from registry.cli.completion import complete_benchmark
from registry.cli.context import Podium, examples, pass_podium
from registry.cli.output import Column, Page, Record, Table, format_option, show, show_page
from registry.errors import UnknownName
from registry.filters import current
from registry.related import BASES, ENOUGH, ENOUGH_TO_BE_STRONG, STRONG, Described, relations

if TYPE_CHECKING:
    from registry.related import Link
    from registry.store import Store

COLUMNS = (
    Column("benchmark", "benchmark"),
    Column("title", "title"),
    Column("basis", "basis"),
    Column("by", "why"),
    Column("overlap", lambda k: k["similarity"] if k["basis"] == "category" else None),
    Column("models", "n_models"),
    Column("shared n", "n"),
    Column("Spearman", "correlation"),
    Column("95 % interval", lambda k: _interval(k["low"], k["high"])),
    Column("q", lambda k: _q(k["q_value"])),
    Column("says", "verdict"),
)
HEADINGS = {
    "declared": "Declared by their plugins",
    "category": "By category; rare categories count more",
    "correlation": "By how alike they rank the models that have both",
}
EXPLAINED = (
    f"A correlation needs {ENOUGH} shared models, and to be strong {ENOUGH_TO_BE_STRONG} and an "
    f"interval beyond {STRONG}; q is corrected over all pairs of benchmarks. Models are taken as "
    "independent, which those of one family are not, and newer ones tend to be better at all."
)


@click.command(
    epilog=examples(
        "podium related mimic-cxr",
        "podium related mmmu --by correlation --top 5",
        "podium related mmlu --by declared --format json",
    )
)
@click.argument("benchmark", shell_complete=complete_benchmark)
@click.option("--by", type=click.Choice(BASES), help="Show the links of this basis only.")
@click.option("--top", type=click.IntRange(min=1), help="Show this many links of each basis.")
@format_option
@pass_podium
def related(podium: Podium, benchmark: str, by: str | None, top: int | None, style: str) -> None:
    """Show which benchmarks are related, and why.

    Declared: their plugins say so. Category: they share categories, rare ones counting more, which
    says little. Correlation: models rank alike on both, with one value a model of the default
    groups: our newest run, else the median of what is published. Each link names its basis and the
    number of shared models; too few of them say nothing.
    """
    # Inside: the store takes longer to import than `podium --help` may take.
    from registry.reported import board_rows

    known = described(podium)
    if benchmark not in known:
        raise UnknownName("benchmark", benchmark, known, "podium benchmarks")
    found = relations(known.values(), current(board_rows(podium.store)))
    links = {basis: found.links(benchmark, basis)[:top] for basis in ([by] if by else BASES)}
    records = {basis: [_record(link) for link in own] for basis, own in links.items()}
    _show(known[benchmark], records, style)


def described(podium: Podium) -> dict[str, Described]:
    """Return the benchmarks that are stored or installed, by name, as both describe them."""
    stored = _stored(podium.store)
    installed = podium.plugins.benchmarks
    return {
        name: _described(name, stored.get(name, ("", "")), installed.get(name))
        for name in sorted({*stored, *installed})
    }


def _stored(store: "Store") -> dict[str, tuple[str, str]]:
    """Return title and categories of the benchmarks that were run or reported."""
    # Inside: see `related`.
    from sqlmodel import select

    from registry.tables import BenchmarkRow

    query = select(BenchmarkRow.name, BenchmarkRow.title, BenchmarkRow.categories)
    with store.session() as session:
        return {name: (title, listed or "") for name, title, listed in session.exec(query)}


def _described(name: str, stored: tuple[str, str], plugin: Benchmark | None) -> Described:
    """Return what the registry says, or the plugin where that says nothing."""
    title, listed = stored
    own = plugin.categories if plugin else ()
    return Described(
        name=name,
        title=title or (plugin.title if plugin else ""),
        categories=frozenset(listed.split(", ") if listed else own),
        related=plugin.related if plugin else (),
    )


def _record(link: "Link") -> Record:
    row: dict[str, Any] = asdict(link)
    pair: dict[str, Any] = row.pop("pair")
    pair["correlation"] = pair.pop("value")
    return row | pair | {"verdict": link.pair.verdict}


def _show(benchmark: Described, records: Mapping[str, Sequence[Record]], style: str) -> None:
    every = [record for own in records.values() for record in own]
    if style == "csv":
        show(Table(every, ()), style)
        return
    item = {
        "benchmark": benchmark.name,
        "categories": sorted(benchmark.categories),
        "links": every,
    }
    tables = [Table(own, COLUMNS, HEADINGS[basis]) for basis, own in records.items()]
    none = [basis for basis, own in records.items() if not own]
    page = Page(
        heading=f"{benchmark.title or benchmark.name}: related benchmarks",
        facts={"categories": sorted(benchmark.categories)},
        tables=tables,
        notes=[f"None {'by ' * (b != 'declared')}{b}." for b in none] + [EXPLAINED] * bool(every),
    )
    show_page(page, item, style)


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"[{low:.3f}, {high:.3f}]"


def _q(value: float | None) -> str:
    if value is None:
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
