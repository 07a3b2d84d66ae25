"""`podium leaderboard`: the rankings of one benchmark, and which comparable group they rank."""

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from registry.cli.completion import complete_benchmark, complete_model
from registry.cli.context import Podium, examples, pass_podium
from registry.cli.explain import explain_page
from registry.cli.output import Column, Page, Record, Table, format_option, show, show_page
from registry.errors import RegistryError, UnknownName
from registry.filters import (
    Condition,
    Sieve,
    as_of,
    costs_at_most,
    current,
    has_at_most,
    has_license,
    has_open_weights,
    is_by,
    is_since,
    reads_at_least,
    recorded_by,
    takes,
    tokens,
)
from registry.leaderboard import KINDS, SCOPES, Board, Group, Standing, leader_sentence
from registry.leaderboard import leaderboard as board_of

if TYPE_CHECKING:
    from registry.store import BoardRow, Store
    from registry.tables import ModelRow

COLUMNS: dict[str, Column] = {
    "rank": Column("rank", "rank"),
    "range": Column("range", lambda s: _range(s["best_rank"], s["worst_rank"])),
    "model": Column("model", lambda s: _model(s)),
    "organization": Column("organization", "organization"),
    "score": Column("score", "value"),
    "interval": Column("95 % interval", lambda s: _interval(s)),
    "n": Column("n", "n"),
    "variant": Column("variant", "variant"),
    "kind": Column("kind", "kind"),
    "date": Column("date", "date"),
    "source": Column("source", lambda s: f"run {s['run_id']}" if s["run_id"] else s["source"]),
    "others": Column("others", lambda s: _others(s["runs"], s["reports"], s["run_id"])),
    "note": Column("note", lambda s: "failures accepted" if s["failures_accepted"] else ""),
    "id": Column("id", lambda s: s["model"] or ""),
    "parameters": Column("parameters (B)", "parameters_b"),
    "context": Column("context", "context_tokens"),
    "price": Column("USD/M in, out", lambda s: _price(s["price_input"], s["price_output"])),
    "license": Column("license", "license"),
    "open-weights": Column("open weights", "open_weights"),
    "modalities": Column("modalities", "modalities"),
    "released": Column("released", "release_date"),
    "url": Column("url", "url"),
}
SHOWN = tuple(COLUMNS)[:13]
OTHERS = (
    Column("scope", "scope"),
    Column("variant or group", lambda g: g["group"] or g["variant"]),
    Column("metric", "metric"),
    Column("models", "n_models"),
    Column("to see it", "command"),
)
FACTS = (
    "parameters_b",
    "active_parameters_b",
    "context_tokens",
    "license",
    "open_weights",
    "modalities",
    "release_date",
    "price_input",
    "price_output",
)
SORTS: dict[str, str] = {
    "score": "value",
    "parameters": "parameters_b",
    "context": "context_tokens",
    "price": "price_input",
    "released": "release_date",
    **{name: name for name in ("rank", "model", "organization", "n", "kind", "date", "license")},
}
AROUND = 3
"""How many rows `--around` shows above a model, and below."""


def _tokens(_ctx: click.Context, _param: click.Parameter, typed: str | None) -> int | None:
    try:
        return tokens(typed) if typed is not None else None
    except ValueError as error:
        raise click.BadParameter(f"{error}. Write it as 8192 or 128k") from error


def _day(_ctx: click.Context, _param: click.Parameter, typed: datetime | None) -> date | None:
    return typed.date() if typed is not None else None


def _columns(_ctx: click.Context, _param: click.Parameter, typed: str | None) -> tuple[str, ...]:
    """Return the columns to show; words that begin with + are shown beside the usual ones."""
    words = [word.strip() for word in (typed or "").split(",") if word.strip()]
    for word in words:
        if word.removeprefix("+") not in COLUMNS:
            raise UnknownName("column", word, COLUMNS, "podium leaderboard --help")
    added = tuple(word.removeprefix("+") for word in words)
    return (*SHOWN, *added) if all(word.startswith("+") for word in words) else added


def _date_option(name: str, text: str) -> Callable[[Any], Any]:
    kind = click.DateTime(["%Y-%m-%d"])
    return click.option(name, type=kind, callback=_day, metavar="DATE", help=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was typed: which board, which of its rows, and what to show of them."""

    variant: str
    group: str
    scope: str | None
    metric: str
    version: str
    items: str
    measured: bool
    reported: bool
    independent: bool
    open_weights: bool | None
    license: tuple[str, ...]
    org: tuple[str, ...]
    max_params: float | None
    min_context: int | None
    max_price: float | None
    modality: str | None
    since: date | None
    as_of: date | None
    recorded_by: date | None
    include_unknown: bool
    top: int | None
    around: str | None
    sort: str
    columns: tuple[str, ...]
    all_variants: bool
    explain: str | None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of numbers that were asked for, all where nothing was said."""
        wanted = {KINDS[0]} if self.measured else set()
        wanted |= set(KINDS[1:]) if self.reported else set()
        wanted |= set(KINDS[:2]) if self.independent else set()
        return tuple(kind for kind in KINDS if kind in wanted or not wanted)

    @property
    def conditions(self) -> list[Condition]:
        """What a row must fulfil to stand on the board."""
        made: list[Condition | None] = [
            None if self.open_weights is None else has_open_weights(self.open_weights),
            has_license(self.license) if self.license else None,
            is_by(self.org) if self.org else None,
            None if self.max_params is None else has_at_most(self.max_params),
            None if self.min_context is None else reads_at_least(self.min_context),
            None if self.max_price is None else costs_at_most(self.max_price),
            takes(self.modality) if self.modality else None,
            is_since(self.since) if self.since else None,
        ]
        return [condition for condition in made if condition]


@click.command(
    epilog=examples(
        "podium leaderboard mmlu",
        "podium leaderboard mmlu --open-weights --max-params 8 --top 10",
        "podium leaderboard mmmu --group test --independent --columns +price,+license",
        "podium leaderboard mimic-cxr --explain google/medgemma-4b-it",
        "podium leaderboard mimic-cxr --scope sample --format markdown",
    )
)
@click.argument("benchmark", shell_complete=complete_benchmark)
@click.option("--variant", default="", help="Rank this variant alone; some words are enough.")
@click.option("--group", default="", help="Rank this group of comparable variants.")
@click.option("--scope", type=click.Choice(SCOPES), help="Rank runs of all questions, or of some.")
@click.option("--metric", default="", help="Rank by this metric in place of the headline.")
@click.option(
    "--benchmark-version", "version", default="", metavar="TEXT", help="Rank runs of this version."
)
@click.option("--items", default="", help="Rank partial runs whose items' hash begins like this.")
@click.option("--measured", is_flag=True, help="Only numbers of our own runs.")
@click.option("--reported", is_flag=True, help="Only published numbers.")
@click.option("--independent", is_flag=True, help="Only numbers that the maker did not report.")
@click.option("--open-weights/--closed-weights", default=None, help="Only such models.")
@click.option("--license", multiple=True, help="Only models under this licence; may be repeated.")
@click.option("--org", multiple=True, help="Only models of this maker; may be repeated.")
@click.option(
    "--max-params", type=float, metavar="BILLION", help="Only models of this size or less."
)
@click.option("--min-context", callback=_tokens, metavar="TOKENS", help="At least so much: 128k.")
@click.option("--max-price", type=float, metavar="USD", help="Per million tokens, 3 in to 1 out.")
@click.option("--modality", help="Only models that take it: text, image.")
@_date_option("--since", "Only numbers of this day or later.")
@_date_option("--as-of", "The board as it was public on that day.")
@_date_option("--recorded-by", "The board as this registry held it on that day.")
@click.option("--include-unknown", is_flag=True, help="Keep rows of which a filter knows nothing.")
@click.option("--top", type=click.IntRange(min=1), help="Show this many rows.")
@click.option(
    "--around", metavar="MODEL", shell_complete=complete_model, help="Show its neighbours only."
)
@click.option(
    "--sort", default="rank", metavar="COLUMN", help="Order of the rows; -COLUMN turns it round."
)
@click.option("--columns", callback=_columns, metavar="A,B | +A,+B", help=", ".join(COLUMNS) + ".")
@click.option("--all-variants", is_flag=True, help="Show every board of the benchmark.")
@click.option(
    "--explain", metavar="MODEL", shell_complete=complete_model, help="Say why it stands there."
)
@format_option
@pass_podium
def leaderboard(podium: Podium, /, benchmark: str, style: str, **options: Any) -> None:
    """Rank the models of one benchmark.

    A board ranks one group of comparable variants, measured and published numbers together and
    marked as such: one row a model, our newest run before what others measured before what its
    maker says. Shown is the default group with most models, of the widest scope; the other boards
    are named below the table. The range is how far the 95 % intervals allow a rank to be; a number
    without one counts by its value. Disputed numbers and other variants are left out and counted.
    """
    boards = Boards(podium, benchmark, Asked(**options))
    board = boards.main
    if board is None:
        click.echo(boards.why_empty(), err=True)
    if boards.asked.explain and board:
        explain_page(podium, boards.rows, board, boards.asked.explain, style)
        return
    shown = [board, *boards.others] if board and boards.asked.all_variants else [board]
    items = [boards.item(each) for each in shown]
    if style == "csv":
        show(Table([row for item in items for row in _rows(item)], ()), style)
    elif boards.asked.all_variants and style == "json":
        show_page(Page(heading=""), {"benchmark": benchmark, "boards": items}, style)
    else:
        for each, item in zip(shown, items, strict=True):
            if each or style == "json":
                show_page(boards.page(each, item), item, style)


@dataclass
class Boards:
    """One benchmark's boards as they were asked for."""

    podium: Podium
    benchmark: str
    asked: Asked

    @cached_property
    def rows(self) -> "list[BoardRow]":
        """The numbers of the kinds and the time that were asked for."""
        # Inside: the store takes longer to import than `podium --help` may take.
        from registry.reported import board_rows

        rows = board_rows(self.podium.store, self.benchmark)
        if self.asked.recorded_by:
            rows = recorded_by(rows, self.asked.recorded_by)
        rows = as_of(rows, self.asked.as_of) if self.asked.as_of else self._current(rows)
        return [row for row in rows if row.kind in self.asked.kinds]

    def _current(self, rows: "list[BoardRow]") -> "list[BoardRow]":
        """Return the rows in force; what was recorded by a day may be superseded by now."""
        return rows if self.asked.recorded_by else current(rows)

    @cached_property
    def models(self) -> "dict[str, ModelRow]":
        """What is known of each model."""
        return {row.name: row for row in self.podium.store.models()}

    @cached_property
    def sieve(self) -> Sieve:
        """The filters. Raises UnknownName for a licence or maker that no model has."""
        self._check("license", self.asked.license, [m.license for m in self.models.values()])
        self._check("org", self.asked.org, [m.organization for m in self.models.values()])
        return Sieve(self.models, self.asked.conditions, self.asked.include_unknown)

    @cached_property
    def main(self) -> Board | None:
        """The board that the options choose."""
        asked, rows = self.asked, self.rows
        if not rows:
            return None
        if asked.metric:
            metrics = {row.metric for row in rows if not row.baseline}
            self._check("metric", [asked.metric], metrics)
        if asked.group:
            self._check("group", [asked.group], {row.group for row in rows})
        variant = asked.variant and self._variant(asked.variant)
        if asked.group and variant:
            self._check_shared(variant, asked.group)
        board = board_of(
            rows,
            variant=variant,
            name="" if variant else asked.group,
            scope=asked.scope or "",
            version=asked.version,
            items=asked.items,
            metric=asked.metric,
            default_variant=self._default_variant,
            keep=self.sieve.keep,
        )
        return board and self._with_baselines(board)

    @property
    def others(self) -> list[Board]:
        """The other boards, each with its own ranks."""
        groups = self.main.others if self.main else ()
        found = (
            board_of(
                self.rows,
                variant=group.variant,
                name=group.name,
                scope=group.scope,
                version=group.benchmark_version,
                items=group.items_hash,
                metric=group.metric,
                keep=Sieve(self.models, self.asked.conditions, self.asked.include_unknown).keep,
            )
            for group in groups
        )
        return [self._with_baselines(board) for board in found if board and board.standings]

    def _with_baselines(self, board: Board) -> Board:
        """Return the board with what its sources say that humans and guessing get."""
        # Inside: see `rows`.
        from registry.reported import reported_baselines

        group = board.group
        own = [
            known.baseline
            for known in reported_baselines(self.podium.store, self.benchmark)
            if known.metric == group.metric
            and group.label in (known.group, known.variant)
            and KINDS[1] in self.asked.kinds
        ]
        return replace(board, baselines=[*board.baselines, *own])

    def _check(self, option: str, typed: Iterable[str], known: Iterable[str | None]) -> None:
        names = {name for name in known if name}
        folded = {name.casefold() for name in names}
        for word in typed:
            if word.casefold() not in folded:
                listing = f"podium leaderboard {self.benchmark} --columns +license"
                if option in ("metric", "group"):
                    listing = f"podium leaderboard {self.benchmark}"
                raise UnknownName(f"{option} of {self.benchmark}", word, names, listing)

    def _check_shared(self, variant: str, group: str) -> None:
        """Refuse to rank a variant in a group that it does not compare with."""
        own = {row.group for row in self.rows if row.variant == variant}
        if own and group not in own:
            (other,) = own
            whose = f"of the group '{other}'" if other else "a group of its own"
            alone = shlex.join(["podium", "leaderboard", self.benchmark, "--variant", variant])
            raise RegistryError(
                f"the group differs: '{variant}' is {whose}, and no score of it compares with "
                f"'{group}'. Rank it with: {alone}"
            )

    def _variant(self, typed: str) -> str:
        """Return the full name of the variant; some of its words are enough. Raises UnknownName."""
        stored = {row.variant for row in self.rows}
        if typed in stored:
            return typed
        if self.benchmark not in self.podium.plugins.benchmarks:
            listing = f"podium leaderboard {self.benchmark} --all-variants"
            raise UnknownName(f"variant of {self.benchmark}", typed, stored, listing)
        return self.podium.plugins.benchmark(self.benchmark).variant(typed.split(",")).name

    def _default_variant(self) -> str:
        """Return the variant that decides between boards of equal size, "" where none says."""
        try:
            return self.podium.plugins.benchmark(self.benchmark).variant().name
        except RegistryError:
            return ""  # the scores are in the registry, whatever became of the plugin

    def why_empty(self) -> str:
        """Say why there is no board, and what to type. Raises UnknownName for a misspelt name."""
        name, store = self.benchmark, self.podium.store
        known = {*self.podium.plugins.benchmarks, *store.benchmark_names()}
        if name not in known:
            raise UnknownName("benchmark", name, known, "podium benchmarks")
        if self.rows or _has_numbers(store, name):
            return (
                f"No score of {name} fits these options. "
                f"See which boards there are with: podium leaderboard {name}"
            )
        unfinished = store.runs(benchmark=name)
        if unfinished:
            key = unfinished[0].run.id
            return f"No run of {name} is finished yet. Go on with: podium resume {key}"
        return f"No run of {name} yet. Start one with: podium run {name} --model MODEL"

    # --- What is printed ---

    def item(self, board: Board | None) -> Record:
        """Return the board as JSON has it; one without a number has no standings."""
        if board is None:
            return {**NO_BOARD, "benchmark": self.benchmark}
        return {
            **_named(board.group),
            "higher_is_better": board.higher_is_better,
            "leader": leader_sentence(board),
            "n_models": len(board.standings),
            "standings": [self._standing(each) for each in self._chosen(board)],
            "baselines": [asdict(baseline) for baseline in board.baselines],
            "left_out": self._left_out(board),
            "other_boards": [
                _named(group) | {"n_models": n, "command": self._command(group, board)}
                for group, n in board.others.items()
            ],
            "other_metrics": list(board.other_metrics),
        }

    def _standing(self, standing: Standing) -> Record:
        model = self.models.get(standing.model)
        facts = {name: getattr(model, name) if model else None for name in FACTS}
        return {**standing._asdict(), **facts}

    def _chosen(self, board: Board) -> Sequence[Standing]:
        """Return the standings to show, in the order to show them in."""
        rows = list(board.standings)
        if self.asked.around:
            rows = self._neighbours(rows, self.asked.around)
        key = self.asked.sort.removeprefix("-")
        if key not in SORTS:
            raise UnknownName("column to sort by", key, SORTS, "podium leaderboard --help")
        values = {row.model: self._value(row, SORTS[key]) for row in rows}
        known = [row for row in rows if values[row.model] not in (None, "")]
        known.sort(key=lambda row: values[row.model], reverse=self.asked.sort.startswith("-"))
        unknown = [row for row in rows if values[row.model] in (None, "")]
        return [*known, *unknown][: self.asked.top]

    def _value(self, standing: Standing, name: str) -> Any:
        """Return a fact of the standing's model, None where it is not known, or of the standing."""
        owner = self.models.get(standing.model) if name in FACTS else standing
        return getattr(owner, name, None)

    def _neighbours(self, rows: list[Standing], typed: str) -> list[Standing]:
        model = self.podium.model(typed)
        at = next((i for i, row in enumerate(rows) if row.model == model), None)
        if at is None:
            raise RegistryError(
                f"{model} is not on this board. See why with: "
                f"podium leaderboard {self.benchmark} --explain {shlex.quote(model)}"
            )
        return rows[max(0, at - AROUND) : at + AROUND + 1]

    def _left_out(self, board: Board) -> dict[str, int]:
        """Return how many numbers are not on the board, by reason."""
        reasons = {
            "of other variants": board.other_rows.get("other variants", 0),
            "of other metrics": board.other_rows.get("other metrics", 0),
            "disputed": len(board.disputed),
            **self.sieve.dropped,
        }
        return {reason: n for reason, n in reasons.items() if n}

    def page(self, board: Board | None, item: Record) -> Page:
        """Return the board as people see it."""
        if board is None:
            return Page(heading=item["benchmark"])
        others = [] if self.asked.all_variants else item["other_boards"]
        return Page(
            heading=item["leader"],
            text=_what(board),
            tables=(
                Table(_rows(item), [COLUMNS[name] for name in self.asked.columns]),
                Table(others, OTHERS, "Other boards; their scores do not compare"),
            ),
            notes=self._notes(board, item),
        )

    def _notes(self, board: Board, item: Record) -> list[str]:
        notes = []
        if len(item["standings"]) < len(board.standings):
            notes.append(f"{len(item['standings'])} of {len(board.standings)} models are shown.")
        if item["left_out"]:
            reasons = (f"{n} {reason}" for reason, n in item["left_out"].items())
            notes.append(f"Left out: {', '.join(reasons)}.")
        if any(standing.is_assumed for standing in board.standings):
            notes.append("* assumed: only the number of items is known, taken as independent.")
        if board.other_metrics:
            whose = "these runs" if any(s.run_id for s in board.standings) else "this group"
            notes.append(
                f"Other metrics of {whose}: {', '.join(board.other_metrics)} (--metric NAME)"
            )
        return notes

    def _command(self, group: Group, shown: Board) -> str:
        """Return what to type to see a board from beside another."""
        words = ["podium", "leaderboard", group.benchmark]
        words += ["--group", group.name] if group.name else ["--variant", group.variant]
        words += ["--scope", group.scope]
        versions = {g.benchmark_version for g in (shown.group, *shown.others)} - {""}
        if len(versions) > 1 and group.benchmark_version:
            words += ["--benchmark-version", group.benchmark_version]
        if group.items_hash:
            words += ["--items", group.items_hash[:8]]
        if self.asked.metric or group.metric != shown.group.metric:
            words += ["--metric", group.metric]
        return shlex.join(words)


def _has_numbers(store: "Store", benchmark: str) -> bool:
    """Whether there would be a board without the options."""
    # Inside: see `Boards.rows`.
    from registry.reported import board_rows

    return bool(board_rows(store, benchmark))


def _named(group: Group) -> dict[str, Any]:
    """Return a group's fields; its name is called `group` where it stands alone."""
    item = group._asdict()
    name = item.pop("name")
    return item | {"group": name}


def _what(board: Board) -> str:
    """Say which group a board ranks, and how."""
    group = board.group
    version = f" version {group.benchmark_version}" if group.benchmark_version else ""
    items = f" · items {group.items_hash[:8]}" if group.items_hash else ""
    better = "higher" if board.higher_is_better else "lower"
    label = f"group {group.name}" if group.name else group.variant
    return (
        f"{group.benchmark}{version} · {label} · {group.scope}{items} · "
        f"by {group.metric}, {better} is better"
    )


GROUP_FIELDS = tuple("group" if name == "name" else name for name in Group._fields)
NO_BOARD: Record = {
    **dict.fromkeys(GROUP_FIELDS),
    "higher_is_better": None,
    "leader": None,
    "n_models": 0,
    "standings": [],
    "baselines": [],
    "left_out": {},
    "other_boards": [],
    "other_metrics": [],
}


def _rows(item: Record) -> list[Record]:
    """Return standings, then baselines, each with the same fields, as CSV and people have them."""
    group = {name: item.get(name) for name in GROUP_FIELDS}
    blank = dict.fromkeys([*Standing._fields, *FACTS])
    return [
        *(group | standing | {"baseline": ""} for standing in item["standings"]),
        *(
            {
                **group,
                **blank,
                **baseline,
                "variant": group["variant"],
                "baseline": baseline["name"],
            }
            for baseline in item["baselines"]
        ),
    ]


def _model(row: Record) -> str:
    """Return a model as people call it, or what stands in its place."""
    if row["baseline"]:
        whose = "reported" if row["source"] else "a trivial baseline"
        return f"({row['baseline']}, {whose})"
    return str(row["title"] or row["model"])


def _others(runs: int | None, reports: int | None, run_id: int | None) -> str:
    """Count the numbers of the model that are folded into this row."""
    older = (runs or 0) - bool(run_id)
    parts = [(older, "older run" if older == 1 else "older runs")]
    parts.append((reports or 0, "report" if reports == 1 else "reports"))
    return ", ".join(f"{n} {noun}" for n, noun in parts if n)


def _range(best: int | None, worst: int | None) -> str:
    if best is None or worst is None:
        return ""
    return str(best) if best == worst else f"{best}–{worst}"


def _interval(row: Mapping[str, Any]) -> str:
    low, high = row["low"], row["high"]
    if low is None or high is None:
        return ""
    return f"[{low:.3f}, {high:.3f}]{'*' if row.get('is_assumed') else ''}"


def _price(given: float | None, made: float | None) -> str:
    return "" if given is None or made is None else f"{given:g}, {made:g}"
