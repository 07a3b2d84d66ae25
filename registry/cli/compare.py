"""`podium compare`: two runs or models on the same items, and which items they differ on."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from registry.benchmark import Terms
from registry.cli.completion import complete_benchmark, complete_model
from registry.cli.context import Podium, examples, pass_podium
from registry.cli.output import Column, Page, Record, Table, format_option, show, show_page
from registry.errors import RegistryError
from registry.leaderboard import SCOPES

if TYPE_CHECKING:
    from registry.compare import Comparison, Items, Pair
    from registry.store import BoardRow

COLUMNS = (
    Column("benchmark", "benchmark"),
    Column("variant", "variant"),
    Column("scope", "scope"),
    Column("metric", "metric"),
    Column("A", "a_value"),
    Column("B", "b_value"),
    Column("A − B", "difference"),
    Column("interval", lambda c: interval_text(c["low"], c["high"])),
    Column("p", lambda c: p_text(c["p_value"])),
    Column("p (Holm)", lambda c: p_text(c["p_holm"]) if c["family"] > 1 else ""),
    Column("only A", "only_a"),
    Column("only B", "only_b"),
    Column("flipped", "n_flipped"),
    Column("items", "n"),
    Column("clusters", "clusters"),
    Column("runs", lambda c: f"{c['a_run']}, {c['b_run']}"),
)
ITEMS = (
    Column("benchmark", "benchmark"),
    Column("item", "sample_id"),
    Column("A", "a_answer"),
    Column("B", "b_answer"),
    Column("target", "target"),
    Column("better", "better"),
)


class Within(click.FloatRange):
    """A number within a range, and not "nan", which click lets through any."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"'{value}' is no finite number.", param, ctx)
        return number


items_option = click.option("--items", is_flag=True, help="List the items that flipped.")
intersect_option = click.option(
    "--intersect", is_flag=True, help="Compare the items that both have, and say how many."
)


@click.command(
    epilog=examples(
        "podium compare 41 42 --items",
        "podium compare google/gemma-3-4b-it google/medgemma-4b-it",
        "podium compare acme/new acme/old mmlu mmlu-pro --format json",
    )
)
@click.argument("a", shell_complete=complete_model)
@click.argument("b", shell_complete=complete_model)
@click.argument("benchmarks", nargs=-1, shell_complete=complete_benchmark)
@click.option("--variant", default="", help="Only runs of this variant.")
@click.option("--scope", type=click.Choice(SCOPES), help="Only runs of all questions, or of some.")
@click.option(
    "--confidence",
    type=Within(0.5, 1, max_open=True),
    default=0.95,
    show_default=True,
    help="How often the intervals should hold the truth.",
)
@intersect_option
@items_option
@format_option
@pass_podium
def compare(
    podium: Podium,
    a: str,
    b: str,
    benchmarks: tuple[str, ...],
    variant: str,
    scope: str | None,
    confidence: float,
    intersect: bool,
    items: bool,
    style: str,
) -> None:
    """Compare two runs, or two models, item by item.

    A and B are runs' IDs or models, by any of their names; of a model it is the newest finished
    run. Compared are runs that may stand on one leaderboard, over the same items: the paired
    difference A − B with its interval, p by McNemar's exact test for right and wrong (else by t),
    and how many items only one of them got right.
    """
    # Inside: statistics needs SciPy, which takes longer to import than help may take.
    from registry.compare import compare as compared

    found = comparable(podium, a, b, benchmarks, variant=variant, scope=scope or "")
    aligned = [items_of(podium, pair, intersect=intersect) for pair in found]
    comparisons = [
        compared(*pair, each, level=confidence) for pair, each in zip(found, aligned, strict=True)
    ]
    records = _records(comparisons)
    flips = [
        flip
        for pair, each in zip(found, aligned, strict=True)
        if items
        for flip in flip_records(podium, *pair, each)
    ]
    _show(a, b, comparisons, records, flips if items else None, style)


# --- Which runs -----------------------------------------------------------------------------------


def comparable(
    podium: Podium,
    a: str,
    b: str,
    benchmarks: Sequence[str] = (),
    *,
    variant: str = "",
    scope: str = "",
) -> "list[Pair]":
    """Return the pairs of runs that two words name, each pair on one board.

    Raises UnknownName for a run, model or benchmark that is not there, and NotComparable where
    nothing may be compared.
    """
    from registry.compare import pairs

    rows = [
        [
            row
            for row in rows_of(podium, word)
            if (not benchmarks or row.benchmark in benchmarks)
            and variant in ("", row.variant)
            and scope in ("", row.scope)
        ]
        for word in (a, b)
    ]
    found = pairs(*rows)
    missing = [name for name in benchmarks if name not in {one.benchmark for one, _ in found}]
    if missing or not found:
        _check_names(podium, missing)
        raise _nothing_to_compare(a, b, rows[0], rows[1], missing[0] if missing else "")
    return found


def rows_of(podium: Podium, word: str) -> "list[BoardRow]":
    """Return the headline scores of the run, or of the model's finished runs.

    Raises UnknownName where there is none of that name, RegistryError for a run that is unfinished.
    """
    if not word.isdecimal():
        model = podium.model(word)
        rows = podium.store.headlines(model=model)
        if not rows:
            raise RegistryError(
                f"no run of {model} is finished. See its runs with: podium runs --model {model}"
            )
        return rows
    rows = podium.store.headlines(run_ids=[int(word)])
    if not rows:
        podium.store.run(int(word))
        raise RegistryError(
            f"run {word} is not finished, so it has no scores. Go on with: podium resume {word}"
        )
    return rows


def items_of(podium: Podium, pair: "Pair", *, intersect: bool = False) -> "Items":
    """Return the values of two runs item by item. Raises NotComparable for other items."""
    from registry.compare import align

    a, b = (podium.store.sample_values(row.run_id, row.metric) for row in pair)
    runs = f"runs {pair.a.run_id} and {pair.b.run_id} of {pair.a.benchmark}"
    return align(a, b, runs=runs, intersect=intersect)


def _check_names(podium: Podium, benchmarks: Sequence[str]) -> None:
    stored = podium.store.benchmark_names()
    for name in benchmarks:
        if name not in stored:
            podium.plugins.benchmark(name)


def _nothing_to_compare(
    a: str, b: str, ours: "Sequence[BoardRow]", theirs: "Sequence[BoardRow]", benchmark: str
) -> RegistryError:
    """Return why there is nothing to compare: the field that differs, or who has not run what."""
    from registry.compare import NotComparable, check_comparable, nearest

    if benchmark:
        ours = [row for row in ours if row.benchmark == benchmark]
        theirs = [row for row in theirs if row.benchmark == benchmark]
    pair = nearest(ours, theirs)
    if pair:
        try:
            check_comparable(*pair)
        except NotComparable as error:
            return error
    if a == b or (ours and {r.run_id for r in ours} == {r.run_id for r in theirs}):
        return NotComparable(f"'{a}' and '{b}' are the same run. Name two: podium runs")
    named = [
        f"{word} ran {', '.join(sorted({r.benchmark for r in rows})) or 'nothing that fits'}"
        for word, rows in ((a, ours), (b, theirs))
    ]
    return NotComparable(f"there is nothing to compare: {'; '.join(named)}. See: podium runs")


# --- How it is shown ------------------------------------------------------------------------------


def interval_text(low: float | None, high: float | None) -> str:
    """Return an interval of differences, signs and all."""
    return "" if low is None or high is None else f"[{low:+.3f}, {high:+.3f}]"


def p_text(value: float | None) -> str:
    """Return a p-value as people read it; it is never 0."""
    if value is None:
        return ""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _records(comparisons: "Sequence[Comparison]") -> list[Record]:
    from registry.statistics import holm

    known = [c.p_value for c in comparisons if c.p_value is not None]
    corrected = iter(holm(known).tolist())
    return [
        record(each)
        | {"p_holm": next(corrected) if each.p_value is not None else None, "family": len(known)}
        for each in comparisons
    ]


def record(comparison: "Comparison") -> dict[str, object]:
    """Return a comparison as programs have it."""
    from registry.compare import COMPARABLE, sentence

    a, b, interval = comparison.a, comparison.b, comparison.interval
    names = ("a_value", "b_value", "difference", "stderr", "level", "p_value", "test", "by_items")
    counts = ("n", "clusters", "only_a", "only_b", "n_flipped", "only_in_a", "only_in_b")
    return {
        **{name: getattr(a, name) for name in COMPARABLE},
        "higher_is_better": a.higher_is_better,
        **{"a_run": a.run_id, "a_model": a.model, "b_run": b.run_id, "b_model": b.model},
        **{name: getattr(comparison, name) for name in names},
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "method": interval.method if interval else None,
        **{name: getattr(comparison, name) for name in counts},
        "sentence": sentence(comparison),
    }


def flip_records(
    podium: Podium, a: "BoardRow", b: "BoardRow", items: "Items"
) -> list[dict[str, object]]:
    """Return the items that flipped; of a benchmark whose data is not open, their ids alone."""
    sign = 1 if a.higher_is_better else -1
    board = {"benchmark": a.benchmark, "variant": a.variant}
    flips = [
        asdict(flip) | {"better": "A" if sign * (flip.a_value - flip.b_value) > 0 else "B"}
        for flip in items.flips()
    ]
    if not _is_open(podium, a.benchmark):
        flips = [dict.fromkeys(flip) | {"sample_id": flip["sample_id"]} for flip in flips]
    return [board | flip for flip in flips]


def _is_open(podium: Podium, benchmark: str) -> bool:
    """Whether answers may be shown; what no plugin speaks for stays closed."""
    try:
        return podium.plugins.benchmark(benchmark).terms is Terms.OPEN
    except RegistryError:
        return False


def _show(
    a: str,
    b: str,
    comparisons: "Sequence[Comparison]",
    records: Sequence[Record],
    flips: Sequence[Record] | None,
    style: str,
) -> None:
    if style == "csv":
        show(Table(records if flips is None else flips, ()), style)
        return
    item = {"a": a, "b": b, "comparisons": records}
    item |= {} if flips is None else {"items": flips}
    level = comparisons[0].level
    page = Page(
        heading=f"A = {a}, B = {b}",
        text="\n".join(str(each["sentence"]) for each in records),
        tables=(
            Table(records, COLUMNS, f"Paired differences, {level:.0%} intervals"),
            Table(flips or (), ITEMS, "Items that flipped"),
        ),
        notes=[note for each in comparisons for note in notes(each)],
    )
    show_page(page, item, style)


def notes(comparison: "Comparison") -> list[str]:
    """Return what the reader must know of how a comparison was made."""
    said = []
    where = f"{comparison.a.benchmark} ({comparison.a.variant})"
    if comparison.only_in_a or comparison.only_in_b:
        said.append(
            f"{where}: over the {comparison.n:,} items that both have; left out are "
            f"{comparison.only_in_a:,} of A and {comparison.only_in_b:,} of B."
        )
    if not comparison.by_items:
        said.append(
            f"{where}: {comparison.a.metric} is not the mean of its items. Compared are the two "
            "scores as if their items were not the same, so the interval is too wide."
        )
    return said
