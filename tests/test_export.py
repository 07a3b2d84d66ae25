"""`podium export`: what is written can be read by others, comes back equal, and tells no secret."""

import csv
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result
from huggingface_hub import parse_eval_result_entries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registries import Backend, Copied, Files, Holding
from stored_runs import ACCURACY, add_run, answer, begin_run, dials, finish_run, sample_score

from registry import Benchmark, Dataset, Score
from registry.cli import main
from registry.errors import ExportFailure, UnknownName
from registry.exporting import FORMATS, catalog, export, places
from registry.exporting.snapshot import Snapshot, take
from registry.importing import BUILT_IN, read_path
from registry.importing.records import (
    Batch,
    BenchmarkFacts,
    ModelFacts,
    Record,
    ReportedScore,
    SourceFacts,
)
from registry.importing.storing import store_batch
from registry.store import Measured, Store, open_store

HOSTILE = (
    "=cmd|' /C calc'!A0",
    "'=1+1",
    "@SUM(A1)",
    "＝1+1",  # noqa: RUF001  (full width runs as well)
    'a "quoted", name',
    "it's fine",
    "../../../outside",
    "acme/..",
    "CON/NUL",
)


def fill(url: str) -> str:
    """Put whole and partial runs, and hostile names, into a registry."""
    store = open_store(url)
    add_run(store, "acme/one", 0.5, (0.4, 0.6), items_hash="aa" * 8)
    add_run(store, "acme/one", 1.0, scope="sample", items_hash="bb" * 8)
    add_run(store, "acme/one", 0.75, scope="partial", items_hash="cc" * 8)
    for number, name in enumerate(HOSTILE):
        add_run(store, name, number / 10, benchmark=dials())
    begin_run(store, "acme/unfinished")
    store.close()
    return url


@pytest.fixture(scope="module")
def filled(backend: Backend, holding: Holding, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a registry with the catalogue and these runs."""
    return fill(backend.copy(holding(backend, BUILT_IN), tmp_path_factory.mktemp("filled")))


@pytest.fixture
def store(filled: str) -> Iterator[Store]:
    with closing(open_store(filled)) as store:
        yield store


@pytest.fixture(scope="module")
def filled_file(files: Files, holding: Holding, tmp_path_factory: pytest.TempPathFactory) -> str:
    return fill(files.copy(holding(files, BUILT_IN), tmp_path_factory.mktemp("filled")))


@pytest.fixture
def local(filled_file: str) -> Iterator[Store]:
    """Return it in a file, where it is no matter what it is in: all is in the snapshot."""
    with closing(open_store(filled_file)) as store:
        yield store


@pytest.fixture
def own(filled: str, copied: Copied) -> Store:
    """Return a copy of it that a test may change."""
    return copied(filled)


def snapshot(store: Store, **options: Any) -> Snapshot:
    return take(store, podium_version="9.9", **options)


Imported = Callable[[Path], Store]


@pytest.fixture
def imported(backend: Backend, tmp_path: Path) -> Iterator[Imported]:
    """Return what imports a path into a new registry of the same kind."""
    with ExitStack() as stack:

        def imported(path: Path) -> Store:
            url = backend.make(tmp_path / "new")
            stack.callback(backend.remove, url)
            store = stack.enter_context(closing(open_store(url)))
            report = store_batch(store, read_path(path))
            assert report.stored, report.stops[:3]
            return store

        (tmp_path / "new").mkdir()
        yield imported


def of(kind: type[Any], records: list[Record]) -> list[Any]:
    return sorted((r for r in records if isinstance(r, kind)), key=repr)


# --- What is exported and imported again ----------------------------------------------------------


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_what_is_exported_and_imported_again_is_equal(
    store: Store, imported: Imported, tmp_path: Path, kind: str
) -> None:
    written = snapshot(store)
    path = tmp_path / f"out.{'json' if kind == 'json' else 'd'}"
    export(written, path, kind)
    again = imported(path)
    assert sorted(map(repr, snapshot(again).records)) == sorted(map(repr, written.records))
    assert len(written.entries) > 1400


@pytest.mark.parametrize("kind", list(FORMATS)[:3])
def test_importing_it_twice_changes_nothing(
    store: Store, imported: Imported, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f"out.{'json' if kind == 'json' else 'd'}"
    export(snapshot(store, benchmark="mimic-cxr"), path, kind)
    again = imported(path)
    report = store_batch(again, read_path(path))
    assert {outcome.verdict for outcome in report.outcomes} == {"unchanged"}


def test_every_eval_ever_keeps_scores_models_and_sources(
    store: Store, imported: Imported, tmp_path: Path
) -> None:
    written = snapshot(store)
    export(written, tmp_path / "out", "eee")
    again = imported(tmp_path / "out")
    came = snapshot(again)
    assert of(ReportedScore, came.records) == of(ReportedScore, written.records)
    named = {entry.score.model for entry in written.entries}
    models = [fact for fact in of(ModelFacts, written.records) if fact.name in named]
    assert of(ModelFacts, came.records) == models
    sources = {entry.score.source for entry in written.entries}
    assert of(SourceFacts, came.records) == [
        fact for fact in of(SourceFacts, written.records) if fact.name in sources
    ]
    titles = {fact.name: (fact.title, fact.metric) for fact in of(BenchmarkFacts, came.records)}
    assert titles["mmlu"] == ("MMLU", "accuracy")


words = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)
said = st.one_of(
    st.just(""), words, st.sampled_from(["=1+1", "'quoted'", '"', "a,b;c|d", "-", "NaN"])
)
amounts = st.none() | st.floats(0.001, 1e6)
days = st.none() | st.dates(date(1970, 1, 2))


def named(kind: Any, **fields: Any) -> st.SearchStrategy[list[Any]]:
    """Return lists of facts, each of a name of its own."""
    facts = st.builds(kind, name=words, **fields)
    return st.lists(facts, min_size=1, max_size=4, unique_by=lambda fact: fact.name.casefold())


sources = named(SourceFacts, title=said, url=said, publisher=said, note=said)
models = named(
    ModelFacts,
    title=said,
    organization=st.none() | words,
    parameters_b=amounts,
    active_parameters_b=amounts,
    context_tokens=st.none() | st.integers(1, 10**9),
    license=st.none() | words,
    open_weights=st.none() | st.booleans(),
    release_date=days,
    price_input=amounts,
    price_output=amounts,
)


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """Return scores as anybody may publish them, with their sources and models."""
    facts = [draw(sources), draw(models)]
    names = [st.sampled_from([fact.name for fact in some]) for some in facts]
    scores = st.builds(
        ReportedScore,
        benchmark=st.just("clock"),
        variant=words,
        metric=st.just("nats"),
        model=names[1],
        source=names[0],
        value=st.floats(-1e9, 1e9) | st.sampled_from([0.0, 1.0, 100.0]),
        self_reported=st.booleans(),
        valid_from=days,
        date_basis=said,
        raw_setting=said,
        n=st.none() | st.integers(1, 2**31 - 1),
        stderr=st.none() | st.floats(0, 1e6),
        note=said,
        low=st.just(-math.inf),
        high=st.just(math.inf),
    )
    one_each = {"unique_by": lambda s: (s.variant, s.model, s.source)}
    numbers = draw(st.lists(scores, min_size=1, max_size=12, **one_each))
    return Batch([*facts[0], *facts[1], BenchmarkFacts(name="clock", metric="nats"), *numbers])


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(batch=batches())
@pytest.mark.parametrize("kind", ["csv", "json", "eee"])
def test_whatever_was_published_comes_back_equal(
    backend: Backend, tmp_path_factory: pytest.TempPathFactory, kind: str, batch: Batch
) -> None:
    written = passed_through(backend, tmp_path_factory.mktemp("a"), batch)
    path = tmp_path_factory.mktemp("out") / f"scores.{'json' if kind == 'json' else 'd'}"
    export(written, path, kind)
    came = passed_through(backend, tmp_path_factory.mktemp("b"), read_path(path))
    assert of(ReportedScore, came.records) == of(ReportedScore, written.records)
    used = {score.model for score in of(ReportedScore, written.records)}
    assert [m for m in of(ModelFacts, came.records) if m.name in used] == [
        m for m in of(ModelFacts, written.records) if m.name in used
    ]


def passed_through(backend: Backend, folder: Path, batch: Batch) -> Snapshot:
    """Return what a registry says after the batch was stored in it."""
    url = backend.make(folder)
    with closing(open_store(url)) as store:
        report = store_batch(store, batch)
        assert report.stored, report.stops
        taken = snapshot(store)
    backend.remove(url)
    return taken


def test_a_run_is_elsewhere_a_source(store: Store) -> None:
    (entry,) = (
        e for e in snapshot(store, benchmark="clock").entries if e.score.variant == "default"
    )
    assert (entry.score.model, entry.score.value, entry.score.n) == ("acme/one", 0.5, 4)
    assert re.fullmatch(r"run-[0-9a-f]{12}", entry.score.source)
    assert not entry.score.self_reported
    assert entry.interval == (0.4, 0.6)


def test_partial_runs_and_samples_say_so_in_their_variant(store: Store) -> None:
    variants = {e.score.variant: e.score.value for e in snapshot(store, benchmark="clock").entries}
    assert variants == {
        "default": 0.5,
        "default [sample bbbbbbbb]": 1.0,
        "default [partial cccccccc]": 0.75,
    }


def test_a_number_that_was_corrected_is_not_exported(own: Store, tmp_path: Path) -> None:
    export(snapshot(own, benchmark="hle"), tmp_path / "out", "csv")
    scores = tmp_path / "out" / "scores.csv"
    changed = scores.read_text().replace(",0.177,", ",0.178,", 1)
    assert changed != scores.read_text()
    scores.write_text(changed)
    assert store_batch(own, read_path(tmp_path / "out"), correct=True).stored
    values = [entry.score.value for entry in snapshot(own, benchmark="hle").entries]
    assert (values.count(0.177), 0.178 in values) == (0, True)


def test_one_run_can_be_exported_alone(store: Store) -> None:
    only = snapshot(store, run_id=1)
    assert [(e.score.benchmark, e.score.value) for e in only.entries] == [("clock", 0.5)]
    assert (list(only.models), list(only.benchmarks)) == (["acme/one"], ["clock"])
    assert len(only.sources) == 1


@pytest.mark.parametrize("options", [{"benchmark": "clokc"}, {"run_id": 99}])
def test_what_is_not_there_is_an_error(store: Store, options: dict[str, Any]) -> None:
    with pytest.raises(UnknownName):
        snapshot(store, **options)


# --- CSV ------------------------------------------------------------------------------------------


def lines_of(file: Path) -> list[str]:
    return file.read_text().splitlines(keepends=True)


@pytest.mark.parametrize("name", ["out", "out.csv"])
def test_no_cell_can_be_run_by_a_spreadsheet(local: Store, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    export(snapshot(local), path, "csv")
    files = [path] if path.is_file() else sorted(path.glob("*.csv"))
    cells = [cell for file in files for row in csv.reader(lines_of(file)) for cell in row]
    texts = [cell for cell in cells if not re.fullmatch(r"[+-]?[\d.e+-]+", cell)]
    assert not [text for text in texts if text.lstrip().startswith(tuple("=+-@＝＋－＠"))]  # noqa: RUF001
    assert "'=cmd|' /C calc'!A0" in texts
    assert "''=1+1" in texts
    assert not [cell for cell in cells if "\x1b" in cell or "\0" in cell]


def test_control_characters_are_left_out_of_csv() -> None:
    assert catalog._cell("red\x1b[31m\x07 \u202eevil") == "red[31m evil"


def test_one_table_has_what_people_want_to_see(local: Store, tmp_path: Path) -> None:
    export(snapshot(local, benchmark="clock"), tmp_path / "clock.csv", "csv")
    rows = list(csv.DictReader(lines_of(tmp_path / "clock.csv")))
    assert [row["kind"] for row in rows] == ["measured"] * 3
    assert (rows[0]["low"], rows[0]["high"], rows[0]["run"]) == ("0.4", "0.6", "1")


def test_one_table_of_published_scores_is_known_to_its_registry(own: Store, tmp_path: Path) -> None:
    export(snapshot(own, benchmark="mmlu"), tmp_path / "mmlu.csv", "csv")
    report = store_batch(own, read_path(tmp_path / "mmlu.csv"))
    assert set(report.counts["score"]) == {"unchanged"}


# --- Every Eval Ever ------------------------------------------------------------------------------


def shape(required: str = "", **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required.split(), "properties": properties}


TEXT, NUMBER = {"type": "string", "minLength": 1}, {"type": "number"}
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
PARTY = {"enum": ["first_party", "third_party", "collaborative", "other"]}
DEPLOYED = {"enum": ["self_deployed", "externally_managed", "unknown"]}
WEIGHTS = {"enum": ["open_weights", "closed_weights", "unknown"]}
DETAILS = TEXTS | shape(
    "deployment_type model_availability", deployment_type=DEPLOYED, model_availability=WEIGHTS
)
RESULT = shape(
    "evaluation_name source_data metric_config score_details",
    evaluation_name=TEXT,
    source_data=shape(
        "dataset_name source_type",
        source_type={"enum": ["url", "hf_dataset", "other"]},
        url={"type": "array", "items": TEXT, "minItems": 1},
        hf_repo=TEXT,
    ),
    metric_config=shape(
        "lower_is_better min_score max_score",
        lower_is_better={"type": "boolean"},
        score_type={"const": "continuous"},
        min_score=NUMBER,
        max_score=NUMBER,
        additional_details=TEXTS,
    ),
    score_details=shape(
        "score",
        score=NUMBER,
        details=TEXTS,
        uncertainty=shape(
            standard_error=shape("value", value=NUMBER),
            confidence_interval=shape("lower upper", lower=NUMBER, upper=NUMBER),
            num_samples={"type": "integer"},
        ),
    ),
)
RECORD = shape(
    "schema_version evaluation_id retrieved_timestamp source_metadata model_info eval_library "
    "evaluation_results",
    schema_version={"const": "0.3.0"},
    evaluation_id=TEXT,
    evaluation_timestamp=TEXT,
    retrieved_timestamp={"type": "string", "pattern": r"^\d+$"},
    source_metadata=shape(
        "source_type source_organization_name evaluator_relationship",
        source_type={"enum": ["documentation", "evaluation_run"]},
        source_organization_name=TEXT,
        evaluator_relationship=PARTY,
        additional_details=TEXTS,
    ),
    eval_library=shape("name version", name=TEXT, version=TEXT),
    model_info=shape("name id additional_details", name=TEXT, id=TEXT, additional_details=DETAILS),
    evaluation_results={"type": "array", "items": RESULT, "minItems": 1},
) | {"additionalProperties": False}
"""What schema 0.3.0 asks of a record, and what its validator asks beside."""

PLACE = re.compile(
    r"data/[^/]+/[^/]+/[^/]+/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.json"
)


def test_every_record_is_of_the_schema_and_at_its_place(local: Store, tmp_path: Path) -> None:
    export(snapshot(local), tmp_path / "out", "eee")
    validator = jsonschema.Draft7Validator(RECORD)
    files = [file for file in sorted((tmp_path / "out").rglob("*")) if file.is_file()]
    for file in files:
        assert PLACE.fullmatch(str(file.relative_to(tmp_path / "out")))
        record = json.loads(file.read_text())
        assert [error.message for error in validator.iter_errors(record)] == []
        for result in record["evaluation_results"]:
            metric = result["metric_config"]
            assert metric["min_score"] <= result["score_details"]["score"] <= metric["max_score"]
    assert len(files) > 1000


def test_a_record_says_who_measured_and_with_what(local: Store, tmp_path: Path) -> None:
    export(snapshot(local, run_id=1), tmp_path / "out", "eee")
    (file,) = (tmp_path / "out").rglob("*.json")
    record = json.loads(file.read_text())
    assert record["source_metadata"]["source_type"] == "evaluation_run"
    assert record["source_metadata"]["evaluator_relationship"] == "third_party"
    assert record["eval_library"]["name"] == "podium"
    assert record["model_info"]["inference_engine"] == {"name": "echo", "version": "1.0"}
    (result,) = record["evaluation_results"]
    assert result["score_details"]["uncertainty"] == {
        "confidence_interval": {"lower": 0.4, "upper": 0.6, "confidence_level": 0.95},
        "num_samples": 4,
    }


# --- The hub's evaluation results -----------------------------------------------------------------


def test_the_hub_s_own_reader_reads_them(local: Store, tmp_path: Path) -> None:
    taken = snapshot(local, benchmark="mmlu-pro", datasets={"mmlu-pro": "TIGER-Lab/MMLU-Pro"})
    export(taken, tmp_path / "out", "eval-results")
    values = []
    for file in sorted((tmp_path / "out").rglob("*")):
        if file.is_file():
            assert (file.parent.name, file.name) == (".eval_results", "mmlu-pro.yaml")
            entries = parse_eval_result_entries(yaml.safe_load(file.read_text()))
            assert {entry.dataset_id for entry in entries} == {"TIGER-Lab/MMLU-Pro"}
            values += [entry.value for entry in entries]
    headline = [e.score.value for e in taken.entries if e.score.metric == "accuracy"]
    assert sorted(values) == sorted(headline)


IN_NOTES = ("benchmark", "model", "variant", "metric", "value", "n", "stderr", "valid_from")
IN_NOTES += ("self_reported", "disputed", "dispute")


@pytest.mark.parametrize("benchmark", ["hle", "mmmu", "clock"])
def test_they_come_back_with_their_setting(store: Store, tmp_path: Path, benchmark: str) -> None:
    taken = snapshot(store, benchmark=benchmark, datasets={benchmark: f"acme/{benchmark}"})
    export(taken, tmp_path / "out", "eval-results")
    batch = read_path(tmp_path / "out")
    assert not batch.refused
    headline = [entry.score for entry in taken.entries if entry.score.metric == "accuracy"]
    came = of(ReportedScore, list(batch.records))
    told = [
        sorted(repr([getattr(s, n) for n in IN_NOTES]) for s in those) for those in (came, headline)
    ]
    assert told[0] == told[1]
    assert len(came) >= 3


def test_a_benchmark_that_is_on_no_hub_has_no_such_results(local: Store, tmp_path: Path) -> None:
    with pytest.raises(ExportFailure, match=r"whose dataset is on the hub.*--as eee"):
        export(snapshot(local, benchmark="clock"), tmp_path / "out", "eval-results")
    assert not (tmp_path / "out").exists()


# --- Where it is written --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["eee", "eval-results"])
def test_no_name_leads_out_of_the_folder(local: Store, tmp_path: Path, kind: str) -> None:
    inside = tmp_path / "deep" / "er"
    taken = snapshot(local, benchmark="dials", datasets={"dials": "acme/dials"})
    export(taken, inside / "out", kind)
    files = [file for file in tmp_path.rglob("*") if file.is_file() and file.suffix != ".db"]
    written = [file for file in files if "registry.db" not in file.name]
    assert len(written) == len(HOSTILE)
    assert all(file.is_relative_to(inside / "out") for file in written)


@pytest.mark.parametrize("name", ["..", ".", "", "/", "a/../b", "NUL", "data", "x" * 500, "\0"])
def test_any_name_is_one_component_of_a_path(name: str) -> None:
    made = places.part(name)
    assert made
    assert Path(made).name == made
    assert made not in (".", "..")
    assert len(made) <= 110


def test_what_is_there_is_not_written_over(local: Store, tmp_path: Path) -> None:
    file, folder = tmp_path / "scores.json", tmp_path / "out"
    file.write_text("mine")
    folder.mkdir()
    (folder / "scores.csv").write_text("mine")
    for path, kind in ((file, "json"), (folder, "csv")):
        with pytest.raises(ExportFailure, match="--force"):
            export(snapshot(local, run_id=1), path, kind)
    assert (file.read_text(), (folder / "scores.csv").read_text()) == ("mine", "mine")
    export(snapshot(local, run_id=1), folder, "csv", force=True)
    assert "acme/one" in (folder / "scores.csv").read_text()
    with pytest.raises(ExportFailure, match="is a folder"):
        export(snapshot(local, run_id=1), folder, "json", force=True)


def test_a_write_that_fails_leaves_nothing(
    local: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_snapshot: Snapshot, path: Path) -> None:
        (path / "half.csv").write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(FORMATS, "csv", FORMATS["csv"].__class__("", full, lambda _: True))
    with pytest.raises(ExportFailure, match="No space left on device"):
        export(snapshot(local, run_id=1), tmp_path / "new" / "out", "csv")
    assert list((tmp_path / "new").iterdir()) == []


# --- The command, and what it never tells ---------------------------------------------------------

PLUGIN = """
from registry import Benchmark, Dataset, Sample, Terms, exact_match, hookimpl

TERMS = {"clock": Terms.OPEN, "ward": Terms.CREDENTIALED, "gate": Terms.GATED}

@hookimpl
def register_benchmarks():
    return [
        Benchmark(name=name, summary=name, dataset=Dataset(name, list), metrics=(exact_match(),),
                  terms=terms)
        for name, terms in TERMS.items()
    ]
"""


@pytest.fixture
def podium(registry_url: str, tmp_path: Path) -> Callable[..., Result]:
    """Return the command line over a registry with a run of each kind of data."""
    plugin = tmp_path / "terms.py"
    plugin.write_text(PLUGIN)
    store = open_store(registry_url)
    for name in ("clock", "ward", "gate", "gone"):
        benchmark = Benchmark(
            name=name, summary=name, dataset=Dataset(name, list), metrics=(ACCURACY,)
        )
        run_id = begin_run(store, f"acme/{name}", benchmark=benchmark, n_samples=2)
        store.append([answer(run_id, "1"), answer(run_id, "2")])
        finish_run(store, run_id, 0.5)
    store.close()

    def podium(*words: object) -> Result:
        typed = ["--plugin", str(plugin), *map(str, words)]
        return CliRunner().invoke(main, typed)

    return podium


def samples(file: Path) -> Mapping[str, int]:
    scores = json.loads(file.read_text())["scores"]
    return {score["benchmark"]: len(score.get("samples", [])) for score in scores}


def test_samples_are_told_only_where_the_data_is_open(
    podium: Callable[..., Result], tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    result = podium("export", out, "--as", "json", "--samples")
    assert result.exit_code == 0, result.output
    assert samples(out) == {"clock": 2, "gate": 0, "gone": 0, "ward": 0}
    assert "No samples of gate, gone, ward: their data is not open." in result.output


@pytest.mark.parametrize("kind", ["csv", "eee", "json"])
def test_of_private_data_only_whole_numbers_leave(
    podium: Callable[..., Result], tmp_path: Path, kind: str
) -> None:
    out = tmp_path / "out"
    more = ["--samples"] if kind == "json" else []
    assert podium("export", out, "--as", kind, "--benchmark", "ward", *more).exit_code == 0
    files = [out] if out.is_file() else [file for file in out.rglob("*") if file.is_file()]
    text = "".join(file.read_text() for file in files)
    assert "0.5" in text
    assert not re.search(r'sample_id|prompt_hash|response|"12"', text)


def test_samples_have_answers_and_scores(podium: Callable[..., Result], tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    podium("export", out, "--as", "json", "--run", 1, "--samples")
    (score,) = json.loads(out.read_text())["scores"]
    assert score["samples"][0] == {
        "id": "1",
        "outcome": "answered",
        "response": "12",
        "prompt_hash": "",
        "answer": "12",
        "target": "12",
        "value": 1.0,
        "prompt_tokens": 10,
        "output_tokens": 2,
        "seconds": 0.5,
    }


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["x", "--as", "csv", "--samples"], 2, "--samples goes with --as json"),
        (["x", "--as", "csv", "--benchmark", "clokc"], 2, "Did you mean 'clock'?"),
        (["x", "--as", "csv", "--run", "99"], 2, "podium runs"),
        (["x"], 2, "--as"),
    ],
)
def test_what_is_mistyped_says_what_to_type(
    podium: Callable[..., Result], words: list[str], status: int, said: str
) -> None:
    result = podium("export", *words)
    assert result.exit_code == status
    assert said in result.output


def test_without_a_score_there_is_nothing_to_export(registry_url: str, tmp_path: Path) -> None:
    with closing(open_store(registry_url)) as store:
        begin_run(store)
    typed = ["export", str(tmp_path / "x"), "--as", "csv"]
    result = CliRunner().invoke(main, typed)
    assert (result.exit_code, "no score to export" in result.output) == (1, True)


def test_further_metrics_go_with_the_headline(own: Store) -> None:
    run_id = begin_run(own, "acme/two")
    whole = Score(metric="accuracy", value=0.5, n=4)
    loss = Score(metric="nats", value=7.25, n=4)
    part = Score(metric="accuracy", value=1.0, n=1, part="hour=12")
    measured = [Measured(whole, ACCURACY, headline=True), Measured(loss, ACCURACY)]
    own.finish(run_id, [sample_score("1")], [*measured, Measured(part, ACCURACY)])
    taken = snapshot(own, run_id=run_id)
    assert [(e.score.metric, e.score.value, e.headline) for e in taken.entries] == [
        ("accuracy", 0.5, True),
        ("nats", 7.25, False),
    ]


def test_a_number_beyond_one_comes_back(own: Store, tmp_path: Path) -> None:
    run_id = begin_run(own, "acme/two")
    loss = Measured(Score(metric="nats", value=7.25, n=4), ACCURACY, headline=True)
    own.finish(run_id, [sample_score("1")], [loss])
    for kind, name in (("csv", "d"), ("json", "d.json"), ("eee", "e")):
        export(snapshot(own, run_id=run_id), tmp_path / name, kind)
        batch: Batch = read_path(tmp_path / name)
        (score,) = of(ReportedScore, list(batch.records))
        assert (score.value, score.fault) == (7.25, "")
