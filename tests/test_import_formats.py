"""Results as other tools write them: lm-eval, Every Eval Ever, Inspect, the hub, Podium's JSON."""

import json
import sys
from collections.abc import Callable
from datetime import date
from math import sqrt
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from registry.cli import main
from registry.errors import ImportFailure, MissingExtra
from registry.importing import FORMATS, read_path
from registry.importing.documents import as_proportion, slug
from registry.importing.records import AliasFacts, Batch, BenchmarkFacts, ModelFacts, ReportedScore
from registry.importing.storing import store_batch
from registry.reported import board_rows
from registry.store import Store


def scores(batch: Batch) -> dict[tuple[str, str, str], ReportedScore]:
    """Return the scores by benchmark, variant and metric."""
    found = [record for record in batch.records if isinstance(record, ReportedScore)]
    return {(score.benchmark, score.variant, score.metric): score for score in found}


def reasons(batch: Batch) -> list[str]:
    return [refusal.reason for refusal in batch.refused]


def write(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


# --- lm-evaluation-harness ------------------------------------------------------------------------

LM_EVAL: dict[str, Any] = {
    "results": {
        "mmlu": {"alias": "mmlu", "acc,none": 0.625, "acc_stderr,none": 0.0171},
        "mmlu_anatomy": {"alias": " - anatomy", "acc,none": 0.75, "acc_stderr,none": 0.25},
        "mmlu_law": {"alias": " - law", "acc,none": 0.5, "acc_stderr,none": 0.25},
        "gsm8k": {
            "alias": "gsm8k",
            "exact_match,strict-match": 0.25,
            "exact_match_stderr,strict-match": "N/A",
            "exact_match,flexible-extract": 0.5,
            "exact_match_stderr,flexible-extract": 0.0138,
        },
        "wikitext": {"word_perplexity,none": 12.5, "word_perplexity_stderr,none": "N/A"},
    },
    "group_subtasks": {"mmlu": ["mmlu_anatomy", "mmlu_law"], "gsm8k": [], "wikitext": []},
    "configs": {},
    "versions": {"mmlu": 2, "gsm8k": 3.0, "wikitext": 2.0},
    "n-shot": {"mmlu": 5, "mmlu_anatomy": 5, "mmlu_law": 5, "gsm8k": 8, "wikitext": 0},
    "higher_is_better": {
        "mmlu": {"acc": True},
        "gsm8k": {"exact_match": True},
        "wikitext": {"word_perplexity": False},
    },
    "n-samples": {
        "mmlu_anatomy": {"original": 4, "effective": 4},
        "mmlu_law": {"original": 6, "effective": 6},
        "gsm8k": {"original": 4, "effective": 4},
        "wikitext": {"original": 62, "effective": 62},
    },
    "config": {"model": "vllm", "model_args": "pretrained=acme/one,dtype=auto", "limit": None},
    "date": 1751371200.5,
    "lm_eval_version": "0.4.9",
    "model_name": "acme/one",
}
STAMP = "2025-07-01T12-00-00.123456"


def lm_eval(folder: Path, **changed: Any) -> Path:
    return write(folder / "acme__one" / f"results_{STAMP}.json", LM_EVAL | changed)


def samples_of(file: Path, task: str, rows: list[dict[str, Any]]) -> None:
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    (file.parent / f"samples_{task}_{STAMP}.jsonl").write_text(lines)


def test_lm_eval_s_tasks_become_scores_and_its_subtasks_do_not(tmp_path: Path) -> None:
    batch = read_path(lm_eval(tmp_path))
    found = scores(batch)
    assert list(found) == [
        ("gsm8k", "8-shot, flexible-extract", "accuracy"),
        ("gsm8k", "8-shot, strict-match", "accuracy"),
        ("mmlu", "5-shot", "accuracy"),
        ("wikitext", "0-shot", "word_perplexity"),
    ]
    mmlu = found["mmlu", "5-shot", "accuracy"]
    assert (mmlu.value, mmlu.stderr, mmlu.n, mmlu.model) == (0.625, 0.0171, 10, "acme/one")
    assert (mmlu.valid_from, mmlu.self_reported) == (date(2025, 7, 1), False)
    assert "task version 2" in mmlu.raw_setting
    assert found["gsm8k", "8-shot, strict-match", "accuracy"].stderr is None
    perplexity = found["wikitext", "0-shot", "word_perplexity"]
    assert (perplexity.value, perplexity.higher_is_better, perplexity.fault) == (12.5, False, "")


def test_samples_beside_give_n_and_a_standard_error(tmp_path: Path) -> None:
    file = lm_eval(tmp_path)
    rows = [
        {"doc_id": i, "filter": kept, "exact_match": float(right)}
        for kept, judged in (("strict-match", (1, 0, 0, 0)), ("flexible-extract", (1, 1, 0, 0)))
        for i, right in enumerate(judged)
    ]
    samples_of(file, "gsm8k", rows)
    strict = scores(read_path(file))["gsm8k", "8-shot, strict-match", "accuracy"]
    assert (strict.n, strict.stderr) == (4, pytest.approx(0.25))


def test_samples_that_give_another_number_are_refused(tmp_path: Path, store: Store) -> None:
    file = lm_eval(tmp_path)
    rows = [{"filter": "strict-match", "exact_match": 1.0}]
    samples_of(file, "gsm8k", [*rows, {"filter": "flexible-extract", "exact_match": 0.5}])
    batch = read_path(tmp_path)
    assert reasons(batch) == ["gsm8k: exact_match is 0.25, but its 1 samples give 1"]
    assert not store_batch(store, batch).stored


@pytest.mark.parametrize(
    ("changed", "variant"),
    [
        ({"config": LM_EVAL["config"] | {"limit": 2.0}}, "5-shot [partial: 10 asked]"),
        (
            {"n-samples": LM_EVAL["n-samples"] | {"mmlu_law": {"original": 60, "effective": 6}}},
            "5-shot [partial: 10 asked]",
        ),
    ],
)
def test_what_was_asked_in_part_stands_apart(
    tmp_path: Path, changed: dict[str, Any], variant: str
) -> None:
    assert ("mmlu", variant, "accuracy") in scores(read_path(lm_eval(tmp_path, **changed)))


@pytest.mark.parametrize(
    ("changed", "model"),
    [
        ({"model_name": "/home/someone/models/llama-3"}, "llama-3"),
        ({"model_name": ""}, "acme/one"),
        ({"model_name": "", "config": {"model_args": {"pretrained": "acme/two"}}}, "acme/two"),
    ],
)
def test_the_model_is_named_without_somebody_s_folders(
    tmp_path: Path, changed: dict[str, Any], model: str
) -> None:
    assert {s.model for s in scores(read_path(lm_eval(tmp_path, **changed))).values()} == {model}


def test_both_kinds_of_accuracy_keep_their_names(tmp_path: Path) -> None:
    result = {"acc,none": 0.5, "exact_match,none": 0.25}
    found = scores(read_path(lm_eval(tmp_path, results={"gsm8k": result})))
    assert {metric for _, _, metric in found} == {"accuracy", "exact_match"}


# --- Every Eval Ever ------------------------------------------------------------------------------


def record(**changed: Any) -> dict[str, Any]:
    """Return a record as another tool writes it."""
    return {
        "schema_version": "0.3.0",
        "evaluation_id": "clock/acme/one/1751371200",
        "retrieved_timestamp": "1751371200",
        "source_metadata": {
            "source_name": "Clock board",
            "source_type": "documentation",
            "source_organization_name": "Clockwork",
            "source_organization_url": "https://example.org/clock",
            "evaluator_relationship": "third_party",
        },
        "eval_library": {"name": "inspect_ai", "version": "unknown"},
        "model_info": {
            "name": "One",
            "id": "acme/one",
            "developer": "Acme",
            "additional_details": {
                "deployment_type": "unknown",
                "model_availability": "open_weights",
            },
        },
        "evaluation_results": [
            {
                "evaluation_name": "Clock_Hard",
                "evaluation_timestamp": "2025-06-30T12:00:00Z",
                "source_data": {"dataset_name": "clock", "source_type": "other"},
                "metric_config": {
                    "metric_id": "accuracy",
                    "metric_unit": "percent",
                    "lower_is_better": False,
                    "score_type": "continuous",
                    "min_score": 0,
                    "max_score": 100,
                },
                "score_details": {
                    "score": 62.5,
                    "uncertainty": {"standard_error": {"value": 1.5}, "num_samples": 400},
                },
            }
        ],
    } | changed


def test_a_record_of_every_eval_ever_becomes_a_score(tmp_path: Path) -> None:
    batch = read_path(write(tmp_path / "a.json", record()))
    ((key, score),) = scores(batch).items()
    assert key == ("clock-hard", "unspecified", "accuracy")
    assert (score.value, score.stderr, score.n) == (0.625, 0.015, 400)
    assert (score.valid_from, score.self_reported) == (date(2025, 6, 30), False)
    (model,) = (r for r in batch.records if isinstance(r, ModelFacts))
    assert (model.title, model.organization, model.open_weights) == ("One", "Acme", True)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"schema_version": "1.0"}, "schema_version: 1.0 is none that Podium reads"),
        ({"model_info": {"name": "One"}}, "id is missing"),
        ({"evaluation_results": {}}, "evaluation_results: no list"),
        ({"source_metadata": 7}, "source_metadata: no object"),
    ],
)
def test_a_record_that_is_wrong_is_refused_and_stops_the_rest(
    tmp_path: Path, store: Store, changed: dict[str, Any], reason: str
) -> None:
    write(tmp_path / "data" / "a.json", record())
    write(tmp_path / "data" / "b.json", record(**changed))
    batch = read_path(tmp_path / "data")
    assert [refusal.where for refusal in batch.refused] == ["b.json"]
    assert reason in reasons(batch)[0]
    assert not store_batch(store, batch).stored
    assert store.models() == []


# --- The hub --------------------------------------------------------------------------------------

CARD = """---
license: mit
model-index:
- name: one
  results:
  - task: {type: text-generation}
    dataset:
      name: MMLU-Pro (5-Shot)
      type: TIGER-Lab/MMLU-Pro
      config: main
      split: test
      args: {num_few_shot: 5}
    metrics:
    - {type: acc, value: 46.5, name: accuracy}
    source: {url: "https://example.org/board", name: A board}
  - task: {type: text-generation}
    dataset: {name: Clock, type: acme/clock}
    metrics:
    - {type: exact_match, value: 0.25}
---
# One
"""
RESULTS = """- dataset:
    id: cais/hle
    task_id: default
  value: 20.9
  date: "2025-01-15T10:30:00Z"
  source: {url: "https://example.org/logs", name: Logs, user: someone}
  notes: no-tools
- dataset: {id: Idavidrein/gpqa, task_id: gpqa_diamond}
  value: 0.412
"""


def repository(folder: Path, card: str = CARD, results: str = RESULTS) -> Path:
    """Write a model's repository as the hub has it."""
    root = folder / "acme" / "one"
    (root / ".eval_results").mkdir(parents=True)
    (root / "README.md").write_text(card)
    (root / ".eval_results" / "board.yaml").write_text(results)
    return root


def test_a_model_s_repository_gives_what_its_card_and_its_results_say(tmp_path: Path) -> None:
    batch = read_path(repository(tmp_path))
    assert reasons(batch) == []
    found = {key: (s.value, s.self_reported) for key, s in scores(batch).items()}
    assert found == {
        ("hle", "no-tools", "accuracy"): (pytest.approx(0.209), False),
        ("gpqa", "gpqa_diamond", "accuracy"): (0.412, True),
        ("mmlu-pro", "5-shot, main, test", "accuracy"): (pytest.approx(0.465), False),
        ("clock", "unspecified", "accuracy"): (0.25, True),
    }
    assert {score.model for score in scores(batch).values()} == {"acme/one"}
    assert scores(batch)["hle", "no-tools", "accuracy"].valid_from == date(2025, 1, 15)


def test_a_card_alone_knows_but_the_model_s_name(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(CARD)
    found = scores(read_path(tmp_path / "README.md"))
    assert {score.model for score in found.values()} == {"one"}


def test_an_entry_that_is_wrong_is_refused_by_its_place(tmp_path: Path) -> None:
    results = "- dataset: {id: cais/hle}\n  value: high\n- nothing\n"
    batch = read_path(repository(tmp_path, results=results))
    assert [(r.where, r.reason) for r in batch.refused] == [
        (".eval_results/board.yaml[0]", "value: no number: 'high'"),
        (".eval_results/board.yaml[1]", "no entry: 'nothing'"),
    ]


def test_yaml_runs_nothing(tmp_path: Path) -> None:
    results = "- !!python/object/apply:os.system ['touch evil']\n"
    with pytest.raises(ImportFailure, match="cannot be read as YAML"):
        read_path(repository(tmp_path, results=results))


def test_without_yaml_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingExtra, match=r"podium\[hub\]"):
        read_path(repository(tmp_path))


# --- Inspect --------------------------------------------------------------------------------------

INSPECT: dict[str, Any] = {
    "version": 2,
    "status": "success",
    "eval": {
        "eval_id": "k3nWx",
        "task_id": "t1",
        "created": "2025-07-02T09:00:00+00:00",
        "task": "inspect_evals/gpqa_diamond",
        "task_version": 0,
        "task_args": {"cot": True},
        "model": "openai/gpt-4o",
        "dataset": {"name": "gpqa", "samples": 198},
        "config": {"epochs": 4},
        "packages": {"inspect_ai": "0.3.100"},
    },
    "results": {
        "total_samples": 792,
        "completed_samples": 792,
        "scores": [
            {
                "name": "choice",
                "scorer": "choice",
                "metrics": {
                    "accuracy": {"name": "accuracy", "value": 0.5},
                    "stderr": {"name": "stderr", "value": 0.03},
                },
            }
        ],
    },
}


class Log:
    """What Inspect's reader returns, as far as it is used here."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        assert mode == "json"
        return self._values


@pytest.fixture
def inspect_ai(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it look as if Inspect were installed: its reader, without its hundred libraries."""

    def read_eval_log(file: str, *, header_only: bool) -> Log:
        assert header_only
        return Log(json.loads(Path(file).read_text()))

    package, module = ModuleType("inspect_ai"), ModuleType("inspect_ai.log")
    vars(module)["read_eval_log"] = read_eval_log
    monkeypatch.setitem(sys.modules, "inspect_ai", package)
    monkeypatch.setitem(sys.modules, "inspect_ai.log", module)


@pytest.mark.usefixtures("inspect_ai")
@pytest.mark.parametrize("name", ["log.eval", "log.json"])
def test_a_log_of_inspect_becomes_a_score(tmp_path: Path, name: str) -> None:
    ((key, score),) = scores(read_path(write(tmp_path / name, INSPECT))).items()
    assert key == ("gpqa-diamond", "cot=True", "accuracy")
    assert (score.value, score.stderr, score.n) == (0.5, 0.03, 198)
    assert (score.model, score.source) == ("openai/gpt-4o", "inspect-k3nWx")
    assert score.valid_from == date(2025, 7, 2)


@pytest.mark.usefixtures("inspect_ai")
def test_a_log_with_a_limit_stands_apart(tmp_path: Path) -> None:
    limited = INSPECT | {"eval": INSPECT["eval"] | {"config": {"limit": 10, "epochs": 4}}}
    ((key, _),) = scores(read_path(write(tmp_path / "log.json", limited))).items()
    assert key[1] == "cot=True [partial: 198 asked]"


@pytest.mark.usefixtures("inspect_ai")
def test_a_log_that_did_not_end_well_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "logs" / "a.json", INSPECT)
    write(tmp_path / "logs" / "b.json", INSPECT | {"status": "error"})
    batch = read_path(tmp_path / "logs")
    assert reasons(batch) == ["the evaluation did not end well: status 'error'"]


LOGS = Path(__file__).parent / "inspect_logs"


@pytest.fixture(params=["stand-in", "inspect-ai"])
def reader(request: pytest.FixtureRequest) -> str:
    """Read logs as our tests do, then as Inspect does, where it is installed.

    It is in no lock: it asks for older python-dateutil and fsspec than Ray and pandas are locked
    with here, and brings 29 packages of 138 MB.
    """
    if request.param == "stand-in":
        request.getfixturevalue("inspect_ai")
    else:
        pytest.importorskip("inspect_ai", reason="needs Inspect: pip install 'podium[inspect]'")
    return str(request.param)


def read_log(name: str) -> tuple[dict[tuple[str, str, str], ReportedScore], list[Any]]:
    """Return the scores of a log in this repository, and whose they are."""
    batch = read_path(LOGS / name)
    assert reasons(batch) == []
    return scores(batch), [r for r in batch.records if not isinstance(r, ReportedScore)]


@pytest.mark.usefixtures("reader")
def test_a_genuine_log_has_a_score_of_each_scorer_over_its_questions() -> None:
    found, facts = read_log("epochs.json")
    assert {key: (s.value, s.n) for key, s in found.items()} == {
        ("clock-sums", "hours=12, match", "accuracy"): (0.625, 8),
        ("clock-sums", "hours=12, includes", "accuracy"): (0.625, 8),
    }
    # Of eight questions, not of the sixteen answers that two epochs gave.
    assert [s.stderr for s in found.values()] == [pytest.approx(sqrt(0.625 * 0.375 / 7))] * 2
    assert [fact.name for fact in facts[1:]] == ["mockllm/clockwork", "clock-sums"]
    assert facts[0].title == "Inspect 0.3.285: clock_sums by mockllm/clockwork"


def test_a_genuine_log_in_inspect_s_own_format_is_of_the_questions_that_were_asked() -> None:
    pytest.importorskip("inspect_ai", reason="needs Inspect: pip install 'podium[inspect]'")
    found, _ = read_log("limited.eval")
    assert {key[1]: (s.value, s.n) for key, s in found.items()} == {
        "hours=12, match [partial: 4 asked]": (1.0, 4),
        "hours=12, includes [partial: 4 asked]": (1.0, 4),
    }


@pytest.mark.parametrize(
    ("name", "kept"),
    [("limited.eval", n) for n in (0, 9, 5000)] + [("epochs.json", 2), ("epochs.json", 1500)],
)
def test_a_log_that_was_cut_off_cannot_be_read(tmp_path: Path, name: str, kept: int) -> None:
    pytest.importorskip("inspect_ai", reason="needs Inspect: pip install 'podium[inspect]'")
    file = tmp_path / name
    file.write_bytes((LOGS / name).read_bytes()[:kept])
    with pytest.raises(ImportFailure, match=r"cannot be read as a log of Inspect: .*log dump"):
        read_path(file, "inspect")


def test_a_log_without_what_inspect_expects_cannot_be_read(tmp_path: Path) -> None:
    pytest.importorskip("inspect_ai", reason="needs Inspect: pip install 'podium[inspect]'")
    with pytest.raises(ImportFailure, match=r"cannot be read as a log of Inspect: .*log dump"):
        read_path(write(tmp_path / "log.json", INSPECT))


@pytest.mark.usefixtures("inspect_ai")
def test_the_scores_of_a_log_that_was_marked_as_invalid_are_disputed(tmp_path: Path) -> None:
    ((_, score),) = scores(
        read_path(write(tmp_path / "log.json", INSPECT | {"invalidated": True}))
    ).items()
    assert (score.disputed, score.dispute) == (True, "the log is marked as invalid")


def test_without_inspect_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "inspect_ai.log", None)
    with pytest.raises(MissingExtra, match=r"podium\[inspect\]"):
        read_path(write(tmp_path / "log.json", INSPECT))


# --- Podium's JSON --------------------------------------------------------------------------------


def test_podium_s_json_is_checked_field_by_field(tmp_path: Path) -> None:
    document = {
        "format": "podium-scores/1",
        "models": [{"name": "acme/one", "parameters_b": "seven"}, {"title": "nameless"}, 7],
        "scores": [{"benchmark": "clock", "value": 0.5, "valid_from": "yesterday"}],
    }
    refused = read_path(write(tmp_path / "a.json", document)).refused
    assert [refusal.where for refusal in refused] == [
        *(f"a.json:models[{number}]" for number in range(3)),
        "a.json:scores[0]",
    ]
    assert "parameters_b" in refused[0].reason
    assert "name: " in refused[1].reason


def test_a_newer_json_says_to_upgrade(tmp_path: Path) -> None:
    file = write(tmp_path / "a.json", {"format": "podium-scores/2"})
    with pytest.raises(ImportFailure, match="pip install --upgrade podium"):
        read_path(file)


# --- What holds of all ----------------------------------------------------------------------------


def of_lm_eval(folder: Path) -> Path:
    return lm_eval(folder).parent.parent


def of_eee(folder: Path) -> Path:
    return write(folder / "data" / "a.json", record()).parent


MAKERS: dict[str, Callable[[Path], Path]] = {
    "lm-eval": of_lm_eval,
    "eee": of_eee,
    "hub": repository,
    "inspect": lambda folder: write(folder / "logs" / "log.eval", INSPECT).parent,
}


@pytest.mark.usefixtures("inspect_ai")
@pytest.mark.parametrize("kind", MAKERS)
def test_importing_twice_changes_nothing(tmp_path: Path, store: Store, kind: str) -> None:
    path = MAKERS[kind](tmp_path / "in")
    assert FORMATS[kind].recognises(path)
    first, second = (store_batch(store, read_path(path)) for _ in range(2))
    assert first.stored, first.stops
    assert first.counts["score"]["added"] == len(scores(read_path(path)))  # type: ignore[index]
    assert {outcome.verdict for outcome in second.outcomes} == {"unchanged"}


@pytest.mark.parametrize("content", ["", "{", "[]", "7", "null", "\x00", '{"results": Infinity}'])
def test_what_is_of_no_format_says_which_there_are(tmp_path: Path, content: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(content)
    with pytest.raises(
        ImportFailure, match=r"of no format that Podium knows \(.*lm-eval.*--from NAME"
    ):
        read_path(file)


@pytest.mark.parametrize("kind", ["json", "eee", "lm-eval"])
@pytest.mark.parametrize("content", ["[]", "7", '{"results": 7}', "[" * 100_000])
def test_a_format_that_is_named_still_checks(tmp_path: Path, kind: str, content: str) -> None:
    file = tmp_path / "results.json"
    file.write_text(content)
    try:
        batch = read_path(file, kind)
    except ImportFailure:
        return
    assert reasons(batch)


def test_a_hub_id_goes_to_the_model_that_the_registry_knows(tmp_path: Path, store: Store) -> None:
    facts = [ModelFacts(name="acme/one-7b"), AliasFacts(alias="acme/one", model="acme/one-7b")]
    assert store_batch(store, Batch([*facts, BenchmarkFacts(name="gsm8k")])).stored
    assert store_batch(store, read_path(of_lm_eval(tmp_path))).stored
    assert [row.name for row in store.models()] == ["acme/one-7b"]
    assert {row.model for row in board_rows(store, "gsm8k")} == {"acme/one-7b"}


def test_the_command_takes_them_by_itself(tmp_path: Path) -> None:
    typed = ["--registry", str(tmp_path / "r.db"), "import", str(of_lm_eval(tmp_path / "in"))]
    result = CliRunner().invoke(main, [*typed, "--format", "json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["stored"]


@pytest.mark.parametrize(
    ("name", "spelt"), [("TIGER-Lab/MMLU_Pro", "mmlu-pro"), ("MMMU", "mmmu"), ("A  b!", "a-b")]
)
def test_benchmarks_are_spelt_as_podium_spells_them(name: str, spelt: str) -> None:
    assert slug(name) == spelt


@pytest.mark.parametrize(
    ("metric", "value", "proportion"),
    [("accuracy", 46.5, 0.465), ("accuracy", 1.0, 1.0), ("bleu", 46.5, 46.5), ("acc", 0.5, 0.5)],
)
def test_percentages_of_proportions_are_proportions(
    metric: str, value: float, proportion: float
) -> None:
    assert as_proportion(metric, value, None)[0] == pytest.approx(proportion)
