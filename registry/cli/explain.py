"""`podium leaderboard --explain MODEL`: why a model stands where it stands, or is not there."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from registry.cli.context import Podium
from registry.cli.output import Column, Page, Record, Table, show_page
from registry.errors import RegistryError
from registry.leaderboard import Board, Standing, named, with_error

if TYPE_CHECKING:
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
)
RULE = "Of a model counts our newest run, else what others measured, else what its maker says."


def explain_page(
    podium: Podium, rows: Sequence["BoardRow"], board: Board, typed: str, style: str
) -> None:
    """Print what the board's row of a model rests on. Raises RegistryError where it has nothing."""
    # Inside: the store takes longer to import than `podium --help` may take.
    from registry.reported import resolve

    model = resolve(podium.store, typed)
    own = [row for row in rows if row.model == model and not row.baseline]
    if not own:
        raise RegistryError(
            f"{model} has no score of {board.group.benchmark}. "
            f"See what it has with: podium models {model}"
        )
    standing = next((each for each in board.standings if each.model == model), None)
    item = _item(board, standing, own)
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
        "not_told_apart": [_neighbour(each) for each in _overlapping(board, standing)],
        "other_numbers": [_number(row, board, shown) for row in own if row is not shown],
    }


def _shown(standing: Standing | None, own: Sequence["BoardRow"]) -> "BoardRow | None":
    """Return the number that the standing shows."""
    if standing is None:
        return None
    key = (standing.run_id, standing.source, standing.variant, standing.value)
    return next((r for r in own if (r.run_id, r.source, r.variant, r.value) == key), None)


def _overlapping(board: Board, standing: Standing | None) -> list[Standing]:
    """Return the models whose intervals meet that of this one, which decide its rank range."""
    if standing is None or standing.low is None or standing.high is None:
        return []
    return [
        other
        for other in board.standings
        if other.model != standing.model
        and (other.value if other.low is None else other.low) <= standing.high
        and (other.value if other.high is None else other.high) >= standing.low
    ]


def _neighbour(standing: Standing) -> Record:
    names = ("rank", "model", "value", "low", "high")
    return {name: getattr(standing, name) for name in names}


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
    )


def _ranks(standing: Standing) -> str:
    if standing.best_rank is None:
        return "not known: the source gives neither a standard error nor a number of items"
    return f"{standing.best_rank} to {standing.worst_rank}"
