"""The catalogue: CSV files, each known by its columns, in one folder or alone.

`scores.csv` holds the numbers; the files beside it say more of the same rows (`score_details.csv`,
`suspect.csv`) or describe what the rows name. A file may lack, its columns may come in any order.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from registry.errors import ImportFailure
from registry.importing.records import (
    AliasFacts,
    Batch,
    BenchmarkFacts,
    GroupFacts,
    ModelFacts,
    Record,
    Refusal,
    ReportedBaseline,
    ReportedScore,
    SourceFacts,
)
from registry.importing.tabular import BadCell, Row, header, rows

T = TypeVar("T")
Key = tuple[str, ...]

KEY = ("benchmark", "variant", "metric", "model_id", "source_id")
UNKNOWN = "unknown"
"""What stands for the date of a score that has none; a blank is rather forgotten than unknown."""

COLUMNS: dict[str, frozenset[str]] = {
    "sources": frozenset(("source_id", "title", "url", "publisher", "accessed_note")),
    "models": frozenset(("model_id", "name", "organization", "parameters_b", "open_weights")),
    "benchmarks": frozenset(("id", "name", "metric", "higher_is_better", "max_score")),
    "model_aliases": frozenset(("alias", "model_id", "alias_source")),
    "variant_groups": frozenset(("benchmark", "variant", "group", "in_default_leaderboard")),
    "scores": frozenset((*KEY, "value", "self_reported", "date")),
    "score_details": frozenset((*KEY, "raw_setting", "date_basis", "stderr", "n_items")),
    "suspect": frozenset((*KEY, "value", "reason")),
    "baselines": frozenset(("benchmark", "variant", "metric", "name", "value", "source_id")),
}
"""The columns by which each file is known; those it has beside them are read where they are."""


def recognises(path: Path) -> bool:
    """Whether the path is a CSV file of the catalogue, or a folder that holds one."""
    return bool(_tables(path))


def read(path: Path) -> Batch:
    """Return all that the path holds; a row that is wrong is refused and the others are kept."""
    tables = _tables(path)
    if not tables:
        wanted = ", ".join(sorted(COLUMNS["scores"]))
        raise ImportFailure(f"{path} holds no CSV file of the catalogue; scores need: {wanted}")
    reader = _Reader(tables)
    return Batch(list(reader.records()), reader.refused)


def _tables(path: Path) -> dict[str, Path]:
    """Return the files of the catalogue by what they hold."""
    files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    found: dict[str, Path] = {}
    for file in files:
        for table in _tables_of(file):
            if table in found:
                raise ImportFailure(
                    f"{found[table]} and {file} both hold {table}. Import one of them alone: "
                    f"podium import {file}"
                )
            found[table] = file
    return found


def _tables_of(file: Path) -> Iterator[str]:
    if file.suffix.lower() == ".csv":
        columns = header(file)
        yield from (table for table, needed in COLUMNS.items() if needed <= columns)


@dataclass
class _Reader:
    """Reads one folder; what is wrong with a row is noted in `refused`."""

    tables: Mapping[str, Path]
    refused: list[Refusal] = field(default_factory=list)

    def records(self) -> Iterator[Record]:
        """Yield the records of every file that is there, the described before what names them."""
        yield from self._each("sources", _source)
        yield from self._each("models", _model)
        benchmarks = list(self._each("benchmarks", _benchmark))
        yield from benchmarks
        yield from self._each("model_aliases", _alias)
        yield from self._each("variant_groups", _group)
        yield from self._scores({benchmark.name: benchmark for benchmark in benchmarks})
        yield from self._each("baselines", _baseline)

    def _each(self, table: str, make: Callable[[Row], T]) -> Iterator[T]:
        """Yield what `make` makes of each row of a file, where the file is there."""
        if table not in self.tables:
            return
        for row in rows(self.tables[table]):
            if isinstance(row, Refusal):
                self.refused.append(row)
                continue
            try:
                yield make(row)
            except BadCell as error:
                self.refused.append(Refusal(row.where, str(error)))

    def _scores(self, benchmarks: Mapping[str, BenchmarkFacts]) -> Iterator[ReportedScore]:
        """Yield the scores with what the other files say of them."""
        details = self._keyed("score_details")
        suspects = self._keyed("suspect")
        for key, score in self._each("scores", _keyed_score):
            yield self._whole(
                _in_units(score, benchmarks), details.pop(key, None), suspects.pop(key, None)
            )
        for row in (*details.values(), *suspects.values()):
            self.refused.append(Refusal(row.where, "there is no such score"))

    def _keyed(self, table: str) -> dict[Key, Row]:
        """Return the rows of a file by the score that they speak of."""
        found: dict[Key, Row] = {}
        for row in self._each(table, lambda row: row):
            if found.setdefault(_key(row), row) is not row:
                self.refused.append(Refusal(row.where, "this score was spoken of before"))
        return found

    def _whole(
        self, score: ReportedScore, details: Row | None, suspect: Row | None
    ) -> ReportedScore:
        """Return the score with its details and what is doubted of it."""
        for row, add in ((details, _with_details), (suspect, _with_dispute)):
            if row is not None:
                try:
                    score = add(score, row)
                except BadCell as error:
                    self.refused.append(Refusal(row.where, str(error)))
        return score


def _source(row: Row) -> SourceFacts:
    return SourceFacts(
        where=row.where,
        name=row.text("source_id"),
        title=row["title"],
        url=row["url"],
        publisher=row["publisher"],
        note=row["accessed_note"],
    )


def _model(row: Row) -> ModelFacts:
    return ModelFacts(
        where=row.where,
        name=row.text("model_id"),
        title=row["name"],
        organization=row.known("organization"),
        parameters_b=row.number_or_none("parameters_b"),
        active_parameters_b=row.number_or_none("active_parameters_b"),
        context_tokens=row.whole_or_none("context_length"),
        license=row.known("license"),
        open_weights=row.flag_or_none("open_weights"),
        modalities=_listed(row, "modalities"),
        release_date=row.day_or_none("release_date"),
        price_input=row.number_or_none("price_input_per_mtok_usd"),
        price_output=row.number_or_none("price_output_per_mtok_usd"),
    )


def _benchmark(row: Row) -> BenchmarkFacts:
    return BenchmarkFacts(
        where=row.where,
        name=row.text("id"),
        title=row["name"],
        summary=row["description"],
        metric=row["metric"],
        higher_is_better=row.flag_or_none("higher_is_better"),
        max_score=row.number_or_none("max_score"),
        categories=_listed(row, "categories"),
        modalities=_listed(row, "modalities"),
        languages=_listed(row, "languages"),
        paper=row.known("paper_url"),
        homepage=row.known("homepage_url"),
        data=row.known("data_url"),
        license=row.known("licence"),
        size=row.known("size"),
        release_date=row.day_or_none("release_date"),
    )


def _listed(row: Row, column: str) -> str | None:
    """Return a list as the registry words it: "image, text"; the catalogue has semicolons."""
    words = sorted(filter(None, (word.strip() for word in row[column].split(";"))))
    return ", ".join(words) or None


def _alias(row: Row) -> AliasFacts:
    return AliasFacts(
        where=row.where,
        alias=row.text("alias"),
        model=row.text("model_id"),
        kind=row["alias_source"],
    )


def _group(row: Row) -> GroupFacts:
    return GroupFacts(
        where=row.where,
        benchmark=row.text("benchmark"),
        variant=row.text("variant"),
        group=row.text("group"),
        in_default=row.flag("in_default_leaderboard"),
    )


def _keyed_score(row: Row) -> tuple[Key, ReportedScore]:
    return _key(row), ReportedScore(
        where=row.where,
        benchmark=row.text("benchmark"),
        variant=row.text("variant"),
        metric=row.text("metric"),
        model=row.text("model_id"),
        source=row.text("source_id"),
        value=row.number("value"),
        self_reported=row.flag("self_reported"),
        valid_from=None if row["date"] == UNKNOWN else row.day("date"),
        higher_is_better=row.flag_or_none("higher_is_better") is not False,
        low=_or(row.number_or_none("lowest"), 0.0),
        high=_or(row.number_or_none("highest"), 1.0),
        disputed=row.flag_or_none("disputed") is True,
        dispute=row["dispute"],
    )


def _or(number: float | None, otherwise: float) -> float:
    return otherwise if number is None else number


def _key(row: Row) -> Key:
    return tuple(row[column] for column in KEY)


def _in_units(score: ReportedScore, benchmarks: Mapping[str, BenchmarkFacts]) -> ReportedScore:
    """Return the score with the direction and range that its benchmark gives the metric."""
    benchmark = benchmarks.get(score.benchmark)
    if benchmark is None or benchmark.metric != score.metric:
        return score
    return replace(
        score,
        high=score.high if benchmark.max_score is None else benchmark.max_score,
        higher_is_better=benchmark.higher_is_better is not False,
    )


def _with_details(score: ReportedScore, row: Row) -> ReportedScore:
    return replace(
        score,
        raw_setting=row["raw_setting"],
        date_basis=row["date_basis"],
        stderr=row.number_or_none("stderr"),
        n=row.whole_or_none("n_items"),
        note=row["comment"],
    )


def _with_dispute(score: ReportedScore, row: Row) -> ReportedScore:
    if row.number("value") != score.value:
        raise BadCell(f"value: {row['value']} is doubted, but {score.value:g} was published")
    return replace(score, disputed=True, dispute=row.text("reason"))


def _baseline(row: Row) -> ReportedBaseline:
    return ReportedBaseline(
        where=row.where,
        benchmark=row.text("benchmark"),
        variant=row.text("variant"),
        metric=row.text("metric"),
        name=row.text("name"),
        source=row.text("source_id"),
        value=row.number("value"),
    )
