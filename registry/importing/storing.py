"""Put a batch of published facts into a registry: in one transaction, all of it or nothing.

Every record gets a verdict. A score that differs from the stored one of the same source is a
conflict, since a source says one thing of a setting; where the publisher corrected itself, the old
number stays and is marked superseded. Facts about models, sources and benchmarks only fill blanks.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import select as select_columns
from sqlalchemy import update
from sqlmodel import Session, SQLModel, insert

from registry.importing.records import (
    AliasFacts,
    Batch,
    BenchmarkFacts,
    Fact,
    GroupFacts,
    ModelFacts,
    ReportedBaseline,
    ReportedScore,
    SourceFacts,
)
from registry.store import Store
from registry.tables import (
    AliasRow,
    BenchmarkRow,
    GroupRow,
    ModelRow,
    ReportedBaselineRow,
    ReportedScoreRow,
    SourceRow,
    now,
)

F = TypeVar("F", bound=Fact)
Key = tuple[str, ...]
Values = dict[str, Any]


class Verdict(StrEnum):
    """What becomes of a record."""

    ADDED = "added"
    FILLED = "filled"
    UNCHANGED = "unchanged"
    CORRECTED = "corrected"
    CONFLICTING = "conflicting"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record, and why where it was not simply taken."""

    kind: str
    verdict: Verdict
    where: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of every record, and whether anything was written."""

    outcomes: Sequence[Outcome]
    dry_run: bool = False

    @property
    def counts(self) -> dict[str, Counter[Verdict]]:
        """How many records of each kind got which verdict."""
        found: dict[str, Counter[Verdict]] = {}
        for outcome in self.outcomes:
            found.setdefault(outcome.kind, Counter())[outcome.verdict] += 1
        return found

    @property
    def stops(self) -> list[Outcome]:
        """What keeps the whole from being stored: refused rows, and scores in conflict."""
        return [
            outcome
            for outcome in self.outcomes
            if outcome.verdict is Verdict.REFUSED
            or (outcome.verdict is Verdict.CONFLICTING and outcome.kind in STRICT)
        ]

    @property
    def stored(self) -> bool:
        """Whether the registry now holds what was imported."""
        return not self.dry_run and not self.stops


STRICT = ("score", "baseline")
"""The kinds of which a conflict stops the import; of the others the registry keeps its own word."""

NEVER_RUN = {"version": ""}
NAMED: tuple[type[SQLModel], ...] = (SourceRow, ModelRow, BenchmarkRow)
NAMING: tuple[type[SQLModel], ...] = (AliasRow, GroupRow, ReportedScoreRow, ReportedBaselineRow)
"""The tables whose rows are named by others, and those whose rows name them."""


def store_batch(
    store: Store, batch: Batch, *, correct: bool = False, dry_run: bool = False
) -> ImportReport:
    """Store the batch, and say of every record what became of it.

    With any refused row, or a score in conflict, nothing is stored. `correct` says that the new
    numbers replace the old, which are kept as superseded. `dry_run` writes nothing.
    """
    with store.writing() as session:
        plan = _Plan(session, correct)
        plan.add_all(batch)
        report = ImportReport(plan.outcomes, dry_run)
        if report.stored:
            plan.write()
    return report


@dataclass
class _Changes:
    """What is to be written to one table: rows to insert, and columns of rows to set."""

    table: type[SQLModel]
    new: list[Values] = field(default_factory=list)
    changed: list[Values] = field(default_factory=list)


class _Plan:
    """Compares a batch with the registry by names, then writes what is new."""

    def __init__(self, session: Session, correct: bool) -> None:
        self._session = session
        self._correct = correct
        self._recorded_at = now()
        self.outcomes: list[Outcome] = []
        self._changes: dict[type[SQLModel], _Changes] = {}
        self._seen: dict[tuple[str, Key], str] = {}

    def add_all(self, batch: Batch) -> None:
        """Give every record its verdict."""
        for refusal in batch.refused:
            self.outcomes.append(Outcome("row", Verdict.REFUSED, refusal.where, refusal.reason))
        self._sources = self._facts("source", SourceRow, _of(batch, SourceFacts))
        self._models = self._facts("model", ModelRow, self._by_own_names(_of(batch, ModelFacts)))
        self._benchmarks = self._facts("benchmark", BenchmarkRow, _of(batch, BenchmarkFacts))
        self._aliases = self._aliased(_of(batch, AliasFacts))
        self._groups(_of(batch, GroupFacts))
        self._scores(_of(batch, ReportedScore))
        self._baselines(_of(batch, ReportedBaseline))

    def write(self) -> None:
        """Write what was planned; names become keys as soon as they have one."""
        for table in NAMED:
            self._insert(table, {})
        keys = {
            "source": _keys(self._session, SourceRow),
            "model": _keys(self._session, ModelRow),
            "benchmark": _keys(self._session, BenchmarkRow),
        }
        for changes in self._changes.values():
            self._update(changes, keys)
        for table in NAMING:
            self._insert(table, keys)

    def _insert(self, table: type[SQLModel], keys: Mapping[str, Mapping[str, int]]) -> None:
        rows = [_with_keys(row, keys) for row in self._of_table(table).new]
        if rows:
            self._session.execute(insert(table), rows)

    def _update(self, changes: _Changes, keys: Mapping[str, Mapping[str, int]]) -> None:
        for row in changes.changed:
            values = _with_keys(row, keys)
            statement = update(changes.table)
            for name in _primary(changes.table):
                column = changes.table.__table__.c[name]  # type: ignore[attr-defined]
                statement = statement.where(column == values.pop(name))
            self._session.execute(statement.values(**values))

    def _of_table(self, table: type[SQLModel]) -> _Changes:
        return self._changes.setdefault(table, _Changes(table))

    def _say(self, kind: str, verdict: Verdict, fact: Fact, reason: str = "") -> None:
        self.outcomes.append(Outcome(kind, verdict, fact.where, reason))

    def _repeats(self, kind: str, key: Key, fact: Fact) -> bool:
        """Whether the batch had a record of this key before, which is refused."""
        first = self._seen.get((kind, key))
        self._seen[kind, key] = fact.where or "this import"
        if first is not None:
            reason = f"a duplicate of {first}: {', '.join(key)}"
            self._say(kind, Verdict.REFUSED, fact, reason)
        return first is not None

    # --- What is named by others ---

    def _by_own_names(self, facts: Iterable[ModelFacts]) -> Iterator[ModelFacts]:
        """Yield facts under the registry's own name of a model where it knows another of its."""
        own = {key: name for name, key in _keys(self._session, ModelRow).items()}
        meant: dict[str, set[str]] = {}
        for row in _rows(self._session, AliasRow):
            meant.setdefault(row["alias"], set()).add(own[row["model_id"]])
        for fact in facts:
            names = meant.get(fact.name, set())
            is_other = fact.name not in own.values() and len(names) == 1
            yield replace(fact, name=next(iter(names))) if is_other else fact

    def _facts(self, kind: str, table: type[SQLModel], facts: Iterable[Any]) -> set[str]:
        """Plan sources, models or benchmarks; return all names that there will be."""
        stored = {row["name"]: row for row in _rows(self._session, table)}
        for fact in facts:
            if not self._repeats(kind, (fact.name,), fact):
                self._fact(kind, table, fact, stored.get(fact.name))
        return {*stored, *(row["name"] for row in self._of_table(table).new)}

    def _fact(
        self, kind: str, table: type[SQLModel], fact: Any, stored: Mapping[str, Any] | None
    ) -> None:
        said = _values(fact)
        changes = self._of_table(table)
        if stored is None:
            changes.new.append(said | NEVER_RUN if table is BenchmarkRow else said)
            self._say(kind, Verdict.ADDED, fact)
            return
        known = {name: value for name, value in said.items() if _is_known(value)}
        blanks = {name: value for name, value in known.items() if not _is_known(stored[name])}
        differing = [n for n, v in known.items() if _is_known(stored[n]) and stored[n] != v]
        if stored.get("version"):
            differing = []  # a benchmark that was run is described by its plugin
        if differing and self._correct:
            blanks |= {name: said[name] for name in differing}
        if blanks:
            changes.changed.append({"id": stored["id"], **blanks})
        verdict, reason = self._judged(fact.name, stored, said, differing, bool(blanks))
        self._say(kind, verdict, fact, reason)

    def _judged(
        self,
        name: str,
        stored: Mapping[str, Any],
        said: Values,
        differing: Sequence[str],
        is_filled: bool,
    ) -> tuple[Verdict, str]:
        reason = _difference(name, stored, said, differing)
        if differing:
            return (Verdict.CORRECTED if self._correct else Verdict.CONFLICTING), reason
        return (Verdict.FILLED if is_filled else Verdict.UNCHANGED), ""

    def _aliased(self, facts: Iterable[AliasFacts]) -> dict[str, set[str]]:
        """Plan aliases; return the models that each will stand for."""
        names = {key: name for name, key in _keys(self._session, ModelRow).items()}
        stored: dict[str, set[str]] = {}
        for row in _rows(self._session, AliasRow):
            stored.setdefault(row["alias"], set()).add(names[row["model_id"]])
        for fact in facts:
            if self._repeats("alias", (fact.alias, fact.model), fact):
                continue
            if fact.model not in self._models:
                self._say("alias", Verdict.REFUSED, fact, f"there is no model {fact.model}")
            elif fact.model in stored.setdefault(fact.alias, set()):
                self._say("alias", Verdict.UNCHANGED, fact)
            else:
                stored[fact.alias].add(fact.model)
                row = {"alias": fact.alias, "model": fact.model, "kind": fact.kind}
                self._of_table(AliasRow).new.append(row)
                self._say("alias", Verdict.ADDED, fact)
        return stored

    def _groups(self, facts: Iterable[GroupFacts]) -> None:
        benchmarks = {key: name for name, key in _keys(self._session, BenchmarkRow).items()}
        stored = {
            (benchmarks[row["benchmark_id"]], row["variant"]): row
            for row in _rows(self._session, GroupRow)
        }
        for fact in facts:
            key = (fact.benchmark, fact.variant)
            if self._repeats("group", key, fact):
                continue
            if fact.benchmark not in self._benchmarks:
                reason = f"there is no benchmark {fact.benchmark}"
                self._say("group", Verdict.REFUSED, fact, reason)
                continue
            said = {"name": fact.group, "in_default": fact.in_default}
            self._group(fact, said, stored.get(key))

    def _group(self, fact: GroupFacts, said: Values, stored: Mapping[str, Any] | None) -> None:
        changes = self._of_table(GroupRow)
        if stored is None:
            row = {"benchmark": fact.benchmark, "variant": fact.variant, **said}
            changes.new.append(row)
            self._say("group", Verdict.ADDED, fact)
            return
        differing = [name for name, value in said.items() if stored[name] != value]
        if differing and self._correct:
            key = {name: stored[name] for name in ("benchmark_id", "variant")}
            changes.changed.append(key | {name: said[name] for name in differing})
        verdict, reason = self._judged(fact.variant, stored, said, differing, False)
        self._say("group", verdict, fact, reason)

    # --- Numbers ---

    def _scores(self, facts: Iterable[ReportedScore]) -> None:
        names = ("benchmark", "variant", "metric", "model", "source")
        stored = self._current(ReportedScoreRow, names)
        for score in facts:
            model = self._model(score.model)
            fault = score.fault or self._missing(score) or self._unresolved(score.model, model)
            key = (score.benchmark, score.variant, score.metric, model, score.source)
            if fault:
                self._say("score", Verdict.REFUSED, score, fault)
            elif not self._repeats("score", key, score):
                said = _values(score) | {"model": model}
                self._number("score", ReportedScoreRow, score, said, stored.get(key))

    def _baselines(self, facts: Iterable[ReportedBaseline]) -> None:
        names = ("benchmark", "variant", "metric", "name", "source")
        stored = self._current(ReportedBaselineRow, names)
        for baseline in facts:
            key = tuple(str(getattr(baseline, name)) for name in names)
            fault = self._missing(baseline)
            if fault:
                self._say("baseline", Verdict.REFUSED, baseline, fault)
            elif not self._repeats("baseline", key, baseline):
                said = _values(baseline)
                self._number("baseline", ReportedBaselineRow, baseline, said, stored.get(key))

    def _number(
        self,
        kind: str,
        table: type[SQLModel],
        fact: Fact,
        said: Values,
        stored: Mapping[str, Any] | None,
    ) -> None:
        """Plan a number; a corrected one is added, and the old one marked as superseded."""
        changes = self._of_table(table)
        new = said | {"recorded_at": self._recorded_at}
        if stored is None:
            changes.new.append(new)
            self._say(kind, Verdict.ADDED, fact)
            return
        differing = [n for n, value in said.items() if n in stored and stored[n] != value]
        if differing and self._correct:
            changes.new.append(new)
            changes.changed.append({"id": stored["id"], "superseded_at": self._recorded_at})
        what = str(said.get("model") or said.get("name"))
        verdict, reason = self._judged(what, stored, said, differing, False)
        self._say(kind, verdict, fact, reason)

    def _current(self, table: type[SQLModel], names: Sequence[str]) -> dict[Key, Mapping[str, Any]]:
        """Return the rows that no correction has superseded, by the names of their keys."""
        lookups: dict[str, dict[Any, str]] = {
            name: {key: text for text, key in _keys(self._session, row).items()}
            for name, row in (
                ("benchmark", BenchmarkRow),
                ("model", ModelRow),
                ("source", SourceRow),
            )
        }
        found: dict[Key, Mapping[str, Any]] = {}
        for row in _rows(self._session, table):
            if row["superseded_at"] is None:
                named = {n: lookup.get(row.get(f"{n}_id")) for n, lookup in lookups.items()}
                whole = {**row, **{n: text for n, text in named.items() if text is not None}}
                found[tuple(str(whole[name]) for name in names)] = whole
        return found

    def _model(self, name: str) -> str:
        """Return the model's own name, "" where there is none or more than one of that name."""
        if name in self._models:
            return name
        meant = self._aliases.get(name, set())
        return next(iter(meant)) if len(meant) == 1 else ""

    def _unresolved(self, name: str, model: str) -> str:
        if model:
            return ""
        meant = sorted(self._aliases.get(name, ()))
        return f"{name} may be any of {', '.join(meant)}" if meant else f"there is no model {name}"

    def _missing(self, fact: ReportedScore | ReportedBaseline) -> str:
        if fact.benchmark not in self._benchmarks:
            return f"there is no benchmark {fact.benchmark}"
        if fact.source not in self._sources:
            return f"there is no source {fact.source}"
        return ""


def _of(batch: Batch, kind: type[F]) -> Iterator[F]:
    return (record for record in batch.records if isinstance(record, kind))


def _values(fact: Any) -> Values:
    """Return what the record says, by the names of the table's columns."""
    return {f.name: getattr(fact, f.name) for f in fields(fact) if f.compare}


def _is_known(value: Any) -> bool:
    return value is not None and value != ""


def _difference(
    name: str, stored: Mapping[str, Any], said: Values, differing: Sequence[str]
) -> str:
    parts = [f"{n} is {_shown(stored[n])}, the file says {_shown(said[n])}" for n in differing]
    return f"{name}: {'; '.join(parts)}"


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else f"'{value}'"


def _rows(session: Session, table: type[SQLModel]) -> list[dict[str, Any]]:
    columns = table.__table__.c  # type: ignore[attr-defined]
    return [dict(row) for row in session.execute(select_columns(*columns)).mappings()]


def _keys(session: Session, table: Any) -> dict[str, int]:
    return {name: key for name, key in session.execute(select_columns(table.name, table.id))}


def _primary(table: type[SQLModel]) -> list[str]:
    return [column.name for column in table.__table__.primary_key]  # type: ignore[attr-defined]


def _with_keys(row: Values, keys: Mapping[str, Mapping[str, int]]) -> Values:
    """Return the row with the keys of what it names."""
    found = dict(row)
    for name, known in keys.items():
        if name in found:
            found[f"{name}_id"] = known[found.pop(name)]
    return found
