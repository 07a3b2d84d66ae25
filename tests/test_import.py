"""Importing published scores: every row gets a verdict, all are stored or none, nothing is lost."""

import csv
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlmodel import SQLModel
from stored_runs import add_run, clock

from registry.cli import main
from registry.errors import AmbiguousName, ImportFailure, UnknownName
from registry.filters import as_of, current, recorded_by
from registry.importing import FORMATS, read_path, storing
from registry.importing.records import (
    AliasFacts,
    Batch,
    BenchmarkFacts,
    GroupFacts,
    ModelFacts,
    Record,
    ReportedScore,
    SourceFacts,
)
from registry.importing.storing import ImportReport, store_batch
from registry.reported import board_rows, resolve
from registry.store import Store

SCORES = "benchmark,variant,metric,model_id,value,self_reported,date,source_id"
ROW = "clock,5-shot,accuracy,acme/one,0.5,true,2025-05-20,card"
FILES = {
    "sources.csv": "source_id,title,url,publisher,accessed_note\n"
    "card,Model card,https://example.org/card,Acme,read\n",
    "models.csv": "model_id,name,organization,parameters_b,active_parameters_b,context_length,"
    "license,open_weights,modalities,release_date,price_input_per_mtok_usd,"
    "price_output_per_mtok_usd\nacme/one,Acme One,Acme,7,,128000,mit,true,"
    "text;image,2025-05-01,,\n",
    "benchmarks.csv": "id,name,metric,higher_is_better,max_score,licence\n"
    "clock,Clock,accuracy,true,1.0,MIT\n",
    "model_aliases.csv": "alias,model_id,alias_source\nAcme-1,acme/one,a board's name\n",
    "variant_groups.csv": "benchmark,variant,group,in_default_leaderboard\n"
    "clock,5-shot,full,true\n",
    "scores.csv": f"{SCORES}\n{ROW}\n",
    "score_details.csv": "benchmark,variant,metric,model_id,source_id,raw_setting,date_basis,"
    "stderr,n_items,comment\nclock,5-shot,accuracy,acme/one,card,five hours,card date,0.02,400,\n",
    "baselines.csv": "benchmark,variant,metric,name,value,source_id\n"
    "clock,5-shot,accuracy,Human,0.9,card\n",
}

Type = Callable[..., Result]


@pytest.fixture
def podium() -> Type:
    def podium(*words: object, exit_code: int = 0) -> Result:
        result = CliRunner().invoke(main, [*map(str, words)], prog_name="podium")
        assert result.exit_code == exit_code, result.output
        return result

    return podium


def folder(path: Path, **files: str | None) -> Path:
    """Write a small catalogue; `scores=` replaces the text of scores.csv, None leaves it out."""
    path.mkdir(exist_ok=True)
    texts: Mapping[str, str | None] = FILES | {f"{name}.csv": text for name, text in files.items()}
    for name, text in texts.items():
        if text is not None:
            (path / name).write_text(text, newline="")
    return path


def scores(*rows: str) -> str:
    return "\n".join([SCORES, *rows, ""])


def verdicts(report: ImportReport) -> dict[str, dict[str, int]]:
    return {
        kind: {verdict.value: n for verdict, n in counts.items()}
        for kind, counts in report.counts.items()
    }


def dump(store: Store) -> dict[str, list[Any]]:
    """Return everything that the registry holds."""
    with store.session() as session:
        return {
            table.name: list(session.execute(table.select().order_by(*table.primary_key)))
            for table in SQLModel.metadata.sorted_tables
        }


def values(store: Store, benchmark: str = "clock") -> list[float]:
    return [row.value for row in current(board_rows(store, benchmark))]


SOURCE, MODEL = SourceFacts(name="card"), ModelFacts(name="acme/one")
CLOCK = BenchmarkFacts(name="clock", metric="accuracy")


def score(**changes: Any) -> ReportedScore:
    plain: dict[str, Any] = {
        "benchmark": "clock",
        "variant": "5-shot",
        "metric": "accuracy",
        "model": "acme/one",
        "source": "card",
        "value": 0.5,
        "self_reported": True,
        "valid_from": date(2025, 5, 20),
    }
    return ReportedScore(**(plain | changes))


def batch(*records: Record) -> Batch:
    return Batch([SOURCE, MODEL, CLOCK, *records])


# --- What is stored -------------------------------------------------------------------------------


def test_everything_that_a_folder_says_is_stored(store: Store, tmp_path: Path) -> None:
    report = store_batch(store, read_path(folder(tmp_path / "in")))
    assert report.stored
    kinds = ("source", "model", "benchmark", "alias", "group", "score", "baseline")
    assert verdicts(report) == {kind: {"added": 1} for kind in kinds}
    (row,) = board_rows(store, "clock")
    assert (row.value, row.stderr, row.n) == (0.5, 0.02, 400)
    assert (row.valid_from, row.date_basis) == (date(2025, 5, 20), "card date")
    assert (row.raw_setting, row.kind, row.group) == ("five hours", "self-reported", "full")
    assert (row.publisher, row.url) == ("Acme", "https://example.org/card")
    (model,) = store.models()
    assert (model.parameters_b, model.active_parameters_b) == (7.0, None)
    assert (model.modalities, model.price_input) == ("image, text", None)


def test_importing_twice_changes_nothing(store: Store, tmp_path: Path) -> None:
    source = folder(tmp_path / "in")
    store_batch(store, read_path(source))
    before = dump(store)
    report = store_batch(store, read_path(source))
    assert {verdict for counts in verdicts(report).values() for verdict in counts} == {"unchanged"}
    assert dump(store) == before


def test_a_dry_run_says_the_same_and_writes_nothing(store: Store, tmp_path: Path) -> None:
    source = read_path(folder(tmp_path / "in"))
    before = dump(store)
    dry = store_batch(store, source, dry_run=True)
    assert not dry.stored
    assert dump(store) == before
    assert verdicts(dry) == verdicts(store_batch(store, source))


def test_bom_crlf_and_another_order_of_columns_are_no_matter(store: Store, tmp_path: Path) -> None:
    columns = SCORES.split(",")
    cells = dict(zip(columns, ROW.split(","), strict=True))
    order = sorted(columns)
    lines = [",".join(order), ",".join(cells[name] for name in order), ""]
    text = "\ufeff" + "\r\n".join(lines)
    assert store_batch(store, read_path(folder(tmp_path / "in", scores=text))).stored
    assert values(store) == [0.5]


def test_one_file_alone_leans_on_what_the_registry_knows(store: Store, tmp_path: Path) -> None:
    store_batch(store, read_path(folder(tmp_path / "in")))
    other = tmp_path / "more.csv"
    other.write_text(scores(ROW.replace("5-shot", "0-shot").replace("acme/one", "Acme-1")))
    assert store_batch(store, read_path(other)).stored
    assert {(row.variant, row.model) for row in board_rows(store, "clock")} == {
        ("5-shot", "acme/one"),
        ("0-shot", "acme/one"),
    }


# --- What is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (ROW.replace("2025-05-20", "2025-02-30"), "no date of the form 2025-07-09: '2025-02-30'"),
        (ROW.replace("2025-05-20", "20.5.2025"), "no date of the form"),
        (ROW.replace("2025-05-20", "20250520"), "no date of the form"),
        (ROW.replace("2025-05-20", ""), "date is blank"),
        (ROW.replace("0.5", "50"), "the value 50 is not within 0 to 1"),
        (ROW.replace("0.5", "-0.1"), "the value -0.1 is not within 0 to 1"),
        (ROW.replace("0.5", "nan"), "value: no number: 'nan'"),
        (ROW.replace("0.5", "0,5"), "9 cells under 8 columns"),
        (ROW.replace("0.5", "half"), "value: no number: 'half'"),
        (ROW.replace("0.5", ""), "value is blank"),
        (ROW.replace("true", "perhaps"), "self_reported: not true or false: 'perhaps'"),
        (ROW.replace("acme/one", "acme/two"), "there is no model acme/two"),
        (ROW.replace("card", "post"), "there is no source post"),
        (ROW.replace("clock", "dials"), "there is no benchmark dials"),
        (ROW.replace("5-shot", ""), "variant is blank"),
        (ROW, "a duplicate of scores.csv:2"),
    ],
)
def test_a_wrong_row_is_refused_with_its_line_and_stops_the_import(
    row: str, reason: str, store: Store, tmp_path: Path
) -> None:
    before = dump(store)
    good = ROW if row == ROW else ROW.replace("5-shot", "1-shot")
    source = folder(tmp_path / "in", scores=scores(good, row), score_details=None)
    report = store_batch(store, read_path(source))
    (stop,) = report.stops
    assert stop.where == "scores.csv:3"
    assert reason in stop.reason
    assert not report.stored
    assert dump(store) == before


def test_what_is_said_of_no_score_is_refused(store: Store, tmp_path: Path) -> None:
    suspect = "benchmark,variant,metric,model_id,source_id,value,reason\n"
    suspect += "clock,9-shot,accuracy,acme/one,card,0.5,odd\n"
    report = store_batch(store, read_path(folder(tmp_path / "in", suspect=suspect)))
    assert [(s.where, s.reason) for s in report.stops] == [
        ("suspect.csv:2", "there is no such score")
    ]


def test_a_name_of_several_models_is_no_model(store: Store) -> None:
    two = ModelFacts(name="acme/two")
    names = [AliasFacts(alias="Acme", model=m) for m in ("acme/one", "acme/two")]
    report = store_batch(store, batch(two, *names, score(model="Acme")))
    assert [s.reason for s in report.stops] == ["Acme may be any of acme/one, acme/two"]
    assert store_batch(store, batch(two, *names)).stored
    with pytest.raises(AmbiguousName, match=r"may mean any of acme/one, acme/two"):
        resolve(store, "acme")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"n": 0}, "a score of 0 items is none"),
        ({"stderr": -0.1}, "the standard error -0.1"),
        ({"value": float("inf")}, "the value inf"),
    ],
)
def test_a_number_that_cannot_be_is_refused(
    changes: dict[str, Any], reason: str, store: Store
) -> None:
    (stop,) = store_batch(store, batch(score(**changes))).stops
    assert reason in stop.reason


def test_a_metric_beyond_one_is_taken_where_its_range_is_known(store: Store) -> None:
    assert store_batch(store, batch(score(metric="perplexity", value=8.5, high=1e9))).stored


def test_an_import_that_dies_after_its_first_writes_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dump(store)
    real = storing._with_keys

    def dying(row: dict[str, Any], keys: Any) -> dict[str, Any]:
        if row.get("variant") == "30-shot":  # its source, model and benchmark are written by now
            raise KeyboardInterrupt
        return real(row, keys)

    monkeypatch.setattr(storing, "_with_keys", dying)
    with pytest.raises(KeyboardInterrupt):
        store_batch(store, batch(*(score(variant=f"{i}-shot") for i in range(50))))
    assert dump(store) == before


# --- Corrections ----------------------------------------------------------------------------------


def test_another_number_of_the_same_source_is_a_conflict_and_stores_nothing(store: Store) -> None:
    store_batch(store, batch(score()))
    before = dump(store)
    report = store_batch(store, batch(score(value=0.6), score(variant="0-shot")))
    (stop,) = report.stops
    assert (stop.verdict, stop.reason) == (
        "conflicting",
        "acme/one: value is 0.5, the file says 0.6",
    )
    assert dump(store) == before


def test_a_correction_keeps_the_old_number_and_each_day_has_its_own(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock_of = {"now": datetime(2025, 6, 1, tzinfo=UTC)}
    monkeypatch.setattr("registry.importing.storing.now", lambda: clock_of["now"])
    store_batch(store, batch(score()))
    clock_of["now"] = datetime(2025, 9, 1, tzinfo=UTC)
    later = score(value=0.6, valid_from=date(2025, 8, 15))
    report = store_batch(store, batch(later), correct=True)
    assert verdicts(report)["score"] == {"corrected": 1}
    rows = board_rows(store, "clock")
    assert [row.value for row in rows] == [0.5, 0.6]
    assert [row.value for row in current(rows)] == [0.6]

    def public(day: str) -> list[float]:
        return [row.value for row in as_of(rows, date.fromisoformat(day))]

    def held(day: str) -> list[float]:
        return [row.value for row in recorded_by(rows, date.fromisoformat(day))]

    assert [public(day) for day in ("2025-05-19", "2025-05-20", "2025-08-14", "2025-08-15")] == [
        *([], [0.5], [0.5]),
        [0.6],
    ]
    assert [held(day) for day in ("2025-05-31", "2025-06-01", "2025-08-31", "2025-09-01")] == [
        *([], [0.5], [0.5]),
        [0.6],
    ]
    assert verdicts(store_batch(store, batch(later)))["score"] == {"unchanged": 1}


def test_facts_of_a_model_fill_blanks_and_keep_what_is_known(store: Store) -> None:
    store_batch(store, batch(score()))
    facts = ModelFacts(name="acme/one", license="mit", context_tokens=128_000)
    report = store_batch(store, Batch([facts]))
    assert verdicts(report) == {"model": {"filled": 1}}
    report = store_batch(store, Batch([ModelFacts(name="acme/one", license="apache-2.0")]))
    assert report.stored
    (said,) = (o for o in report.outcomes if o.reason)
    assert said.reason == "acme/one: license is 'mit', the file says 'apache-2.0'"
    (model,) = store.models()
    assert (model.license, model.context_tokens) == ("mit", 128_000)
    store_batch(store, Batch([ModelFacts(name="acme/one", license="apache-2.0")]), correct=True)
    assert [row.license for row in store.models()] == ["apache-2.0"]


def test_a_benchmark_that_was_run_is_described_by_its_plugin(store: Store) -> None:
    add_run(store, "acme/one", 0.5, benchmark=clock("2"))
    report = store_batch(store, batch(BenchmarkFacts(name="dials", title="Dials")))
    assert report.stored
    facts = BenchmarkFacts(name="clock", title="Clock", summary="Another text.", license="MIT")
    assert verdicts(store_batch(store, Batch([facts]))) == {"benchmark": {"filled": 1}}
    assert verdicts(store_batch(store, Batch([facts]))) == {"benchmark": {"unchanged": 1}}


def test_a_group_that_says_otherwise_is_reported_and_kept(store: Store) -> None:
    group = GroupFacts(benchmark="clock", variant="5-shot", group="full")
    other = GroupFacts(benchmark="clock", variant="5-shot", group="half")
    store_batch(store, batch(group, score()))
    assert verdicts(store_batch(store, Batch([other]))) == {"group": {"conflicting": 1}}
    assert [row.group for row in board_rows(store, "clock")] == ["full"]
    store_batch(store, Batch([other]), correct=True)
    assert [row.group for row in board_rows(store, "clock")] == ["half"]


# --- Names ----------------------------------------------------------------------------------------


def test_a_run_under_a_hub_id_is_a_run_of_the_model_that_it_means(store: Store) -> None:
    hub = AliasFacts(alias="Acme-Labs/One", model="acme/one")
    store_batch(store, batch(hub, AliasFacts(alias="one", model="acme/one")))
    for typed in ("acme-labs/one", "Acme-Labs/One", "ACME/one", "acme/one"):
        assert store.run(add_run(store, typed, 0.5)).model == "acme/one"
    assert store.run(add_run(store, "one", 0.5)).model == "one"
    assert store.run(add_run(store, "other/one", 0.5)).model == "other/one"


def test_an_unknown_name_suggests_the_nearest(store: Store) -> None:
    store_batch(store, batch())
    assert resolve(store, "acme/one") == "acme/one"
    with pytest.raises(UnknownName, match="Did you mean 'acme/one'"):
        resolve(store, "acme/on")


# --- The command ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("store")
def test_the_command_reports_and_exits_by_what_was_stored(podium: Type, tmp_path: Path) -> None:
    source = folder(tmp_path / "in")
    dry = podium("import", source, "--dry-run").stdout
    assert dry.startswith("this would be stored\n")
    assert podium("import", source).stdout.startswith("stored\n")
    assert podium("import", source).stdout.startswith("nothing to store: all of it is known\n")
    folder(source, scores=scores(ROW.replace("0.5", "0.75")))
    result = podium("import", source, exit_code=1)
    assert "value is 0.5, the file says 0.75" in result.stdout
    assert "--correct" in result.stderr
    podium("import", source, "--correct")
    folder(source, scores=scores(ROW.replace("0.5", "75")))
    result = podium("import", source, "--format", "json", exit_code=1)
    report = json.loads(result.stdout)
    assert report["stored"] is False
    assert [row["where"] for row in report["rows"] if row["verdict"] == "refused"] == [
        "scores.csv:2"
    ]
    assert "nothing was stored, 1 row cannot be taken" in result.stderr


@pytest.mark.parametrize("words", [(), ("--builtin", "scores.csv")])
def test_a_path_or_the_built_in_catalogue_is_named(words: tuple[str, ...], podium: Type) -> None:
    assert "--builtin" in podium("import", *words, exit_code=2).stderr


def test_a_path_that_no_format_knows_says_which_there_are(podium: Type, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    error = podium("import", tmp_path / "notes.txt", exit_code=1).stderr
    assert all(name in error for name in FORMATS)
    assert "there is no file" in podium("import", tmp_path / "no.csv", exit_code=1).stderr
    (tmp_path / "odd.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ImportFailure, match="cannot be read as CSV"):
        read_path(tmp_path / "odd.csv")


def test_two_files_that_hold_the_same_are_not_guessed_at(tmp_path: Path) -> None:
    source = folder(tmp_path / "in")
    (source / "scores-old.csv").write_text(scores(ROW))
    with pytest.raises(ImportFailure, match=r"both hold scores"):
        read_path(source)


# --- The genuine catalogue ------------------------------------------------------------------------


def test_the_whole_catalogue_is_taken_without_an_error_and_quickly(
    store: Store, shared: Path
) -> None:
    started = time.process_time()  # not of the clock on the wall: other work is no matter here
    report = store_batch(store, read_path(shared / "catalog"))
    seconds = time.process_time() - started
    assert verdicts(report) == {
        "source": {"added": 165},
        "model": {"added": 601},
        "benchmark": {"added": 38},
        "alias": {"added": 747},
        "group": {"added": 291},
        "score": {"added": 4347},
        "baseline": {"added": 25},
    }
    assert seconds < 10
    with (shared / "catalog" / "suspect.csv").open(newline="") as file:
        assert sum(1 for _ in csv.DictReader(file)) == 51
    numbers = [row for name in store.benchmark_names() for row in board_rows(store, name)]
    assert sum(row.disputed for row in numbers) == 51
    before = dump(store)
    again = store_batch(store, read_path(shared / "catalog"))
    assert {verdict for counts in verdicts(again).values() for verdict in counts} == {"unchanged"}
    assert dump(store) == before
