"""`podium leaderboard --explain MODEL`: why a model stands where it stands, or is not there."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from registry.cli.context import Podium
from registry.cli.output import Column, Page, Record, Table, show_page
from registry.errors import RegistryError
from registry.leaderboard import Board, Standing, named, with_error

if TYPE_CHECKING:
    from registry.plan import Spread
    from registry.store import BoardRow

NUMBERS = (
    Column("score", "value"),
    Column("metric", "metric"),
    Column("variant", "variant"),
    Column("kind", "kind"),
    Column("date", "date"),
    Column("source", "source"),
    Column("why not shown", "why"),
)
NEIGHBOURS = (
    Column("rank", "rank"),
    Column("model", "model"),
    Column("score", "value"),
    Column("low", "low"),
    Column("high", "high"),
    Column("more items", lambda s: "" if s["more_items"] is None else f"{s['more_items']:,}"),
    Column("by", "basis"),
)
NEAREST = 50
"""How many neighbours are compared item by item, which takes a twentieth of a second each."""

RULE = "Of a model counts our newest run, else what others measured, else what its maker says."
MORE = (
    "more items: so many beyond those at hand, asked of both, let a test of the difference find it "
    "(5 % level, 80 % power) if it is as large as it looks. Paired is by the differences on the "
    "items of both runs; unpaired by the two errors, as if no item were shared, which asks for "
    "more; assumed where only the number of items gives an error. 0 says that such a test needs "
    "none: that two intervals overlap does not show that two models are alike."
)


def explain_page(
    podium: Podium, rows: Sequence["BoardRow"], board: Board, typed: str, style: str
) -> None:
    """Print what the board's row of a model rests on. Raises RegistryError where it has nothing."""
    model = podium.model(typed)
    own = [row for row in rows if row.model == model and not row.baseline]
    if not own:
        raise RegistryError(
            f"{model} has no score of {board.group.benchmark}. "
            f"See what it has with: podium models {model}"
        )
    standing = next((each for each in board.standings if each.model == model), None)
    neighbours = list(_neighbours(podium, board, standing)) if standing else []
    item = _item(board, standing, own) | {"not_told_apart": neighbours}
    show_page(_page(board, standing, own[0], item), item, style)


def _item(board: Board, standing: Standing | None, own: Sequence["BoardRow"]) -> dict[str, Any]:
    shown = _shown(standing, own)
    return {
        "benchmark": board.group.benchmark,
        "group": board.group.label,
        "metric": board.group.metric,
        "model": own[0].model,
        "standing": standing._asdict() if standing else None,
        "raw_setting": shown.raw_setting if shown else None,
        "publisher": shown.publisher if shown else None,
        "report_note": shown.report_note if shown else None,
        "other_numbers": [_number(row, board, shown) for row in own if row is not shown],
    }


def _shown(standing: Standing | None, own: Sequence["BoardRow"]) -> "BoardRow | None":
    """Return the number that the standing shows."""
    if standing is None:
        return None
    key = (standing.run_id, standing.source, standing.variant, standing.value)
    return next((r for r in own if (r.run_id, r.source, r.variant, r.value) == key), None)


def _neighbours(podium: Podium, board: Board, standing: Standing) -> Iterator[Record]:
    """Yield the models not told apart from this one, with the items that a test would need."""
    # Inside: statistics needs SciPy, which takes longer to import than help may take.
    from registry.plan import more_items, unpaired_spread

    others = _overlapping(board, standing)
    paired = _paired(podium, board, standing, others)
    for other in others:
        more = more_items(
            standing.value - other.value,
            paired.get(other.model) or unpaired_spread(standing, other),
        )
        basis = "paired" if other.model in paired else "unpaired"
        if standing.is_assumed or other.is_assumed:
            basis = "unpaired, assumed"
        names = ("rank", "model", "value", "low", "high")
        yield {
            **{name: getattr(other, name) for name in names},
            "more_items": more,
            "basis": None if more is None else basis,
        }


def _paired(
    podium: Podium, board: Board, standing: Standing, others: Iterable[Standing]
) -> "dict[str, Spread]":
    """Return the spread against the nearest of others whose runs answered the same items.

    A metric that is no mean of its items, as macro F1, has no items to pair.
    """
    # Inside: see `_neighbours`.
    from registry.compare import NotComparable, align, is_mean
    from registry.plan import spread

    runs = [other for other in others if other.run_id and standing.run_id]
    nearest = sorted(runs, key=lambda other: abs(other.value - standing.value))[:NEAREST]
    ours = podium.store.sample_values(standing.run_id, board.group.metric) if nearest else {}
    found = {}
    for other in nearest:
        theirs = podium.store.sample_values(other.run_id, board.group.metric)
        try:
            items = align(ours, theirs)
        except NotComparable:
            continue  # of other items the two errors speak
        apart = spread(standing.model, other.model, items)
        if apart and is_mean(standing.value, items.a_mean) and is_mean(other.value, items.b_mean):
            found[other.model] = apart
    return found


def _overlapping(board: Board, standing: Standing) -> list[Standing]:
    """Return the models whose intervals meet that of this one, which decide its rank range."""
    if standing.low is None or standing.high is None:
        return []
    return [
        other
        for other in board.standings
        if other.model != standing.model
        and (other.value if other.low is None else other.low) <= standing.high
        and (other.value if other.high is None else other.high) >= standing.low
    ]


def _number(row: "BoardRow", board: Board, shown: "BoardRow | None") -> Record:
    """Return a number that the board does not show, and why not."""
    return {
        "value": row.value,
        "metric": row.metric,
        "variant": row.variant,
        "kind": row.kind,
        "date": row.finished_at.date() if row.finished_at else row.valid_from,
        "source": f"run {row.run_id}" if row.run_id else row.source,
        "url": row.url,
        "why": _why_not(row, board, shown),
    }


def _why_not(row: "BoardRow", board: Board, shown: "BoardRow | None") -> str:
    if row.disputed:
        return f"disputed: {row.dispute}"
    if board.group.label not in (row.group, row.variant):
        return "another group of variants"
    if row.metric != board.group.metric:
        return "another metric"
    if row not in board.numbers.get(row.model, ()):
        return "a filter leaves it out"
    if shown is None:
        return ""
    return "an older one of its kind" if row.kind == shown.kind else f"{shown.kind} counts first"


def _page(board: Board, standing: Standing | None, any_row: "BoardRow", item: Record) -> Page:
    where = f"{board.group.benchmark} ({board.group.label})"
    heading = f"{named(any_row)} is not on the board of {where}"
    facts: dict[str, object] = {}
    if standing:
        heading = (
            f"{named(standing)} is number {standing.rank} of {len(board.standings)} on {where}"
        )
        facts = {
            "score": f"{with_error(standing)} ({board.group.metric})",
            "rank range": _ranks(standing),
            "kind": standing.kind,
            "variant": standing.variant,
            "in the source's words": item["raw_setting"],
            "items": standing.n,
            "date": standing.date,
            "that is the": standing.date_basis,
            "source": standing.source_title
            or (f"run {standing.run_id}" if standing.run_id else ""),
            "publisher": item["publisher"],
            "url": standing.url,
            "note": item["report_note"],
        }
    return Page(
        heading=heading,
        text=RULE,
        facts=facts,
        tables=(
            Table(item["not_told_apart"], NEIGHBOURS, "Not told apart by the 95 % intervals"),
            Table(item["other_numbers"], NUMBERS, "Other numbers of this model"),
        ),
        notes=(MORE,) if any(each["basis"] for each in item["not_told_apart"]) else (),
    )


def _ranks(standing: Standing) -> str:
    if standing.best_rank is None:
        return "not known: the source gives neither a standard error nor a number of items"
    return f"{standing.best_rank} to {standing.worst_rank}"
