"""`podium run`, `resume` and `rescore` as they are typed, over a plugin's own spy engine."""

import json
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner, Result
from registries import Files

from evaluators.session import Command
from registry import (
    Benchmark,
    Choice,
    Dataset,
    EngineError,
    EngineOptions,
    Excluded,
    Identity,
    Outcome,
    Prediction,
    Prompt,
    Request,
    Review,
    Sample,
    Setting,
    Task,
    Terms,
    Variant,
    Verdict,
    choice_accuracy,
    csv_records,
    exact_match,
    hookimpl,
)
from registry.cli import main
from registry.cli.context import Podium
from registry.datasets import podium_home
from registry.store import Store

SECRET = "The heart of patient ten is enlarged, with a small effusion on the left."
SUBJECTS = ("clocks", "sums")
Type = Callable[..., Result]


# --- The plugin -----------------------------------------------------------------------------------


@dataclass
class Told:
    """What a test tells the spy to do, and what the spy was asked."""

    asked: list[tuple[int, str, str]] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    broken: dict[str, Exception] = field(default_factory=dict)
    meeting: threading.Barrier | None = None
    hanging: str = ""
    predictions: int = 0
    dies_after: int | None = None
    interrupted_at: int | None = None
    error: BaseException = field(default_factory=lambda: EngineError("the engine died. Try again"))
    revision: str = "1"
    identity: dict[str, Any] = field(default_factory=dict)
    version: str = "1"
    extra: int = 0


class Spy:
    """`spy:TEXT` answers TEXT, as `Spy.told` says; `far:TEXT` does so from elsewhere."""

    told: ClassVar[Told] = Told()

    def __init__(self, reply: str, _options: EngineOptions, *, local: bool = True) -> None:
        self.identity = Identity(
            model=f"spy:{reply}",
            engine="spy",
            revision=self.told.revision,
            takes_images=False,
            **self.told.identity,
        )
        self.local = local
        self._reply = reply
        self._stopped = threading.Event()

    def predict(self, requests: Iterable[Request]) -> Iterator[Prediction]:
        self.told.predictions += 1
        if self._reply in self.told.broken:
            raise self.told.broken[self._reply]
        if self.told.meeting:
            self.told.meeting.wait(timeout=60)
        for place, request in enumerate(requests):
            if place and self._reply == self.told.hanging:
                self._interrupt()
                os.kill(os.getpid(), signal.SIGINT)
                threading.Event().wait()
            if place == self.told.dies_after:
                raise self.told.error
            if self._stopped.is_set():
                return
            if place == self.told.interrupted_at:
                self._interrupt()
            self.told.asked.append((request.run_id, request.stage, request.sample_id))
            failed = request.sample_id in self.told.failing
            yield Prediction(
                sample_id=request.sample_id,
                run_id=request.run_id,
                stage=request.stage,
                text="" if failed else self.told.replies.get(request.sample_id, self._reply),
                outcome=Outcome.FAILED if failed else Outcome.ANSWERED,
                reason="out of memory" if failed else "",
            )

    def _interrupt(self) -> None:
        """Type Ctrl-C, and wait until it is heard: only the main thread hears it at once."""
        os.kill(os.getpid(), signal.SIGINT)
        assert self._stopped.wait(timeout=60)

    def stop(self) -> None:
        """End with the answer that is being given."""
        self._stopped.set()

    def close(self) -> None:
        """Nothing is held."""


def far(reply: str, options: EngineOptions) -> Spy:
    return Spy(reply, options, local=False)


@hookimpl
def register_engines() -> Mapping[str, Callable[[str, EngineOptions], Spy]]:
    return {"spy": Spy, "far": far}


def sums() -> Iterator[Sample]:
    """Yield six sums; three of them are 4."""
    for n, target in enumerate("444567"[: 6 - Spy.told.extra], 1):
        subject = SUBJECTS[n % 2]
        yield Sample(id=str(n), input=f"{target}+0", target=target, groups={"subject": subject})


def answers(root: Path) -> Iterator[Sample | Excluded]:
    """Yield the rows of a folder's `quiz.csv`; one without an answer falls out."""
    for row in csv_records(root / "quiz.csv"):
        if row["answer"]:
            yield Sample(id=row["id"], input=row["question"], target=row["answer"])
        else:
            yield Excluded(row["id"], "no answer key")


def reports() -> Iterator[Sample]:
    """Yield two questions about a text that must stay where it is."""
    for name in ("1", "2"):
        yield Sample(id=name, input=f"{SECRET} Is it enlarged?", target="yes")


def letters(sample: Sample) -> Prompt:
    return Prompt(question=sample.input, choices=(Choice("4", (" 4",)), Choice("5", (" 5",))))


JUDGED = replace(
    exact_match(name="judged"),
    judge=lambda _sample, made: Verdict(float(made.review is not None and made.review.text == "y")),
)
JUDGE = Review(
    name="judge",
    prompt=lambda sample, made: Prompt(question=f"{sample.input} = {made.text}?"),
    prompt_text="Is it so?",
    official="o3-mini",
)
FIRST_WORD = exact_match(extract=lambda text: text.partition(" ")[0])


def task(variant: Variant) -> Task:
    asked = variant["asked"]
    return Task(
        dataset=Dataset("sums", sums),
        metrics=(JUDGED if variant["parser"] == "judge" else FIRST_WORD,)
        if variant["parser"] != "whole"
        else (exact_match(),),
        prompt=(lambda s: Prompt(question=f"Please: {s.input}"))
        if asked == "politely"
        else (lambda s: Prompt(question=s.input)),
        review=JUDGE if variant["parser"] == "judge" else None,
        baselines={"always-4": lambda s: Prediction(sample_id=s.id, text="4")},
    )


@hookimpl
def register_benchmarks() -> list[Benchmark]:
    def simple(name: str, read: Callable[..., Any], **settings: Any) -> Benchmark:
        known = {"metrics": (exact_match(),), "dataset": Dataset(name, read)}
        return Benchmark(**{"name": name, "summary": f"The {name}."} | known | settings)

    settings = (
        Setting("parser", ("first-word", "whole", "judge")),
        Setting("asked", ("curtly", "politely")),
    )
    return [
        Benchmark(
            name="sums", summary="Sums.", settings=settings, task=task, version=Spy.told.version
        ),
        simple("letters", sums, metrics=(choice_accuracy(),), prompt=letters),
        simple("quiz", answers, dataset=Dataset("quiz", answers, layout="quiz.csv")),
        simple("reports", reports, terms=Terms.CREDENTIALED),
        simple("gated", reports, terms=Terms.GATED),
        Benchmark(
            name="graded-reports",
            summary="Graded reports.",
            terms=Terms.CREDENTIALED,
            task=lambda _variant: Task(
                dataset=Dataset("reports", reports), metrics=(JUDGED,), review=JUDGE
            ),
        ),
    ]


# --- What a test types ----------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    fresh = Told()
    monkeypatch.setattr(Spy, "told", fresh)
    return fresh


@pytest.fixture(autouse=True)
def _migrated(files: Files) -> None:
    podium_home().mkdir(parents=True)
    files.make(podium_home())


@pytest.fixture
def podium(tmp_path: Path) -> Type:
    """Type a command with the plugin of this file; what is expected is success."""
    plugin = tmp_path / "spying.py"
    plugin.write_text(f"from {__name__} import register_benchmarks, register_engines\n")

    def podium(*words: object, exit_code: int = 0) -> Result:
        arguments = ["--plugin", str(plugin), *map(str, words)]
        result = CliRunner().invoke(main, arguments, prog_name="podium")
        assert result.exit_code == exit_code, (result.output, result.exception)
        return result

    return podium


@pytest.fixture
def quiz(tmp_path: Path) -> Path:
    folder = tmp_path / "quiz"
    folder.mkdir()
    (folder / "quiz.csv").write_text("id,question,answer\na,2+2,4\nb,2+3,5\nc,?,\n")
    return folder


def reported(result: Result) -> list[dict[str, Any]]:
    """Return the runs that a command reports with `--format json`."""
    runs: list[dict[str, Any]] = json.loads(result.stdout)
    return runs


def run(podium: Type, *words: object, exit_code: int = 0) -> dict[str, Any]:
    """Type a command that reports one run, and return the report."""
    (only,) = reported(podium(*words, "--format", "json", exit_code=exit_code))
    return only


def samples(told: Told, run_id: int, stage: str = "answer") -> list[str]:
    return [sample for asked, at, sample in told.asked if (asked, at) == (run_id, stage)]


def last_line(result: Result) -> str:
    return result.stderr.strip().splitlines()[-1]


# --- The whole path -------------------------------------------------------------------------------


def test_a_plugin_s_benchmark_is_asked_stored_scored_and_ranked(podium: Type, store: Store) -> None:
    for text, right in (("4", 3), ("5", 1), ("x", 0)):
        report = run(podium, "run", "sums", "--model", f"echo:{text}")
        assert (report["score"], report["n"], report["failed"]) == (right / 6, 6, 0)
    board = json.loads(podium("leaderboard", "sums", "--format", "json").stdout)
    standings = [(s["rank"], s["model"], s["value"], s["n"]) for s in board["standings"]]
    assert standings == [(1, "echo:4", 0.5, 6), (2, "echo:5", 1 / 6, 6), (3, "echo:x", 0.0, 6)]
    # Wilson's interval of 3 in 6.
    assert board["standings"][0]["low"] == pytest.approx(0.18761, abs=1e-5)
    assert board["standings"][0]["high"] == pytest.approx(0.81239, abs=1e-5)
    assert [(b["name"], b["value"]) for b in board["baselines"]] == [("always-4", 0.5)]
    assert [p.text for p in store.predictions(1)] == ["4"] * 6


def test_weighed_choices_are_ranked_too(podium: Type) -> None:
    report = run(podium, "run", "letters", "--model", "echo:5")
    assert (report["metric"], report["score"], report["ties"]) == ("accuracy", 1 / 6, 0)


def test_benchmarks_of_one_command_share_the_model_and_have_a_run_each(
    podium: Type, told: Told, quiz: Path
) -> None:
    result = podium(
        "run", "sums", "quiz", "--model", "spy:4", "--data", f"quiz={quiz}", "--format", "json"
    )
    first, second = reported(result)
    assert [(r["benchmark"], r["score"], r["n"]) for r in (first, second)] == [
        ("sums", 0.5, 6),
        ("quiz", 0.5, 2),
    ]
    assert second["excluded"] == {"no answer key": 1}
    assert samples(told, first["id"]) == list("123456")
    assert samples(told, second["id"]) == ["a", "b"]


def test_a_narrowed_run_says_so_and_has_its_own_board(podium: Type) -> None:
    result = podium("run", "sums", "--model", "echo:4", "--subjects", "sums", "--limit", 2)
    assert "partial: 2 of 6 samples asked; it has a board of its own" in result.stderr
    report = run(podium, "run", "sums", "--model", "echo:4", "--limit-per-subject", 1)
    assert (report["scope"], report["n"], report["score"]) == ("partial", 2, 1.0)


def test_the_variant_asked_is_that_of_the_words(podium: Type) -> None:
    report = run(podium, "run", "sums", "--model", "echo:4", "--variant", "politely,whole")
    assert report["variant"] == "whole,politely"


# --- Replayed responses ---------------------------------------------------------------------------


def responses(tmp_path: Path, **texts: str) -> Path:
    file = tmp_path / "responses.jsonl"
    file.write_text(
        "".join(json.dumps({"id": i[1:], "output": t}) + "\n" for i, t in texts.items())
    )
    return file


def test_missing_responses_keep_a_run_off_the_board_until_they_are_accepted(
    podium: Type, tmp_path: Path
) -> None:
    file = responses(tmp_path, n1="4", n2="four", n3="4", n4="5 !")
    result = podium("run", "sums", "--model", f"replay:{file}", exit_code=1)
    assert last_line(result) == (
        "Run 1 is unfinished: 2 failed (first: responses.jsonl has no response for this sample). "
        "Go on with: podium resume 1, or accept them with: podium resume 1 --accept-failures"
    )
    assert json.loads(podium("leaderboard", "sums", "--format", "json").stdout)["standings"] == []
    report = run(podium, "resume", 1, "--accept-failures")
    assert (report["status"], report["score"], report["n"]) == ("finished", 0.75, 4)
    assert "replay:responses.jsonl" in podium("leaderboard", "sums").stdout


def test_a_malformed_line_stops_before_a_run_is_begun(
    podium: Type, tmp_path: Path, store: Store
) -> None:
    file = responses(tmp_path, n1="4")
    file.write_text(file.read_text() + "{oops\n")
    result = podium("run", "sums", "--model", f"replay:{file}", exit_code=1)
    assert result.stderr.startswith(f"Error: {file}, line 2: is no JSON")
    assert last_line(result).endswith(f"Look at it with: cat {file} | sed -n 2p")
    assert store.runs() == []


# --- Stopped and resumed --------------------------------------------------------------------------


def test_an_engine_that_dies_loses_no_answer_and_resume_asks_the_rest_only(
    podium: Type, told: Told, store: Store
) -> None:
    told.dies_after = 4
    result = podium("run", "sums", "--model", "spy:4", exit_code=1)
    assert "All answers so far are kept. Go on with: podium resume 1\n" in result.stderr
    assert last_line(result) == "Error: the engine died. Try again"
    assert store.answered(1) == set("1234")
    assert store.run(1).status == "unfinished"
    told.asked.clear()
    told.dies_after = None
    report = run(podium, "resume", 1)
    assert samples(told, 1) == ["5", "6"]
    assert (report["status"], report["score"], report["n"]) == ("finished", 0.5, 6)


def test_ctrl_c_keeps_the_answers_and_says_how_to_go_on(
    podium: Type, told: Told, store: Store
) -> None:
    told.dies_after, told.error = 2, KeyboardInterrupt()
    words = ("run", "sums", "letters", "--model", "spy:4")
    result = podium(*words, exit_code=130)
    assert last_line(result) == (
        "Stopped; all answers so far are kept. Go on with: podium resume 1 && podium resume 2"
    )
    assert len(store.answered(1) | store.answered(2)) == 2
    assert {view.status for view in store.runs()} == {"unfinished"}


def test_the_first_ctrl_c_waits_for_what_is_in_flight(
    podium: Type, told: Told, store: Store
) -> None:
    told.interrupted_at = 2
    result = podium("run", "sums", "--model", "spy:4", exit_code=130)
    assert "Waiting for the answers in flight; Ctrl-C again stops at once." in result.stderr
    assert last_line(result).endswith("Go on with: podium resume 1")
    assert store.answered(1) == {"1", "2", "3"}


def test_failed_samples_are_tried_again_and_their_answers_replace_the_failures(
    podium: Type, told: Told, store: Store
) -> None:
    told.failing = {"2", "5"}
    podium("run", "sums", "--model", "spy:4", exit_code=1)
    told.failing = {"5"}
    told.asked.clear()
    result = podium("resume", 1, exit_code=1)
    assert samples(told, 1) == ["2", "5"]
    assert "Run 1 is unfinished: 1 failed (first: out of memory)" in result.stderr
    told.failing = set()
    assert run(podium, "resume", 1)["score"] == 0.5
    assert store.run(1).outcomes == {"answered": 6}


def test_resume_of_a_finished_run_asks_nothing(podium: Type, told: Told) -> None:
    podium("run", "sums", "--model", "spy:4")
    told.asked.clear()
    assert run(podium, "resume", 1)["score"] == 0.5
    assert told.asked == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"extra": 1}, "the samples of run 1 changed since it began."),
        ({"revision": "2"}, "the model of run 1 changed since it began (1, now 2)."),
        (
            {"identity": {"template_hash": "ab"}},
            "the chat template of run 1 changed since it began (none, now ab).",
        ),
        (
            {"identity": {"engine_version": "2"}},
            "the engine of run 1 changed since it began (spy, now spy 2).",
        ),
        (
            {"identity": {"dtype": "float32"}},
            "the dtype of run 1 changed since it began (none, now float32).",
        ),
        (
            {"identity": {"settings": {"seed": "1"}}},
            "the engine's seed of run 1 changed since it began (none, now 1).",
        ),
        ({"version": "2"}, "the version of sums of run 1 changed since it began."),
    ],
)
def test_resume_refuses_to_mix_what_it_would_ask_now_with_what_was_asked(
    podium: Type, told: Told, change: dict[str, Any], says: str
) -> None:
    told.failing = {"2"}
    podium("run", "sums", "--model", "spy:4", exit_code=1)
    for name, value in change.items():
        setattr(told, name, value)
    told.asked.clear()
    result = podium("resume", 1, exit_code=1)
    assert last_line(result) == (f"Error: {says} Start another with: podium run sums --model spy:4")
    assert told.asked == []


def test_a_replay_that_changed_is_another_model(podium: Type, tmp_path: Path) -> None:
    file = responses(tmp_path, n1="4")
    podium("run", "sums", "--model", f"replay:{file}", exit_code=1)
    responses(tmp_path, n1="4", n2="4")
    assert "the model of run 1 changed" in podium("resume", 1, exit_code=1).stderr


def test_an_unknown_run_is_refused(podium: Type) -> None:
    podium("run", "sums", "--model", "echo:4")
    for verb in ("resume", "rescore"):
        result = podium(verb, 7, exit_code=2)
        assert last_line(result).startswith("Error: no run named '7'.")
        assert last_line(result).endswith("podium runs")


# --- The same command again -----------------------------------------------------------------------


def test_the_same_command_again_goes_on_with_what_has_no_response(
    podium: Type, told: Told, store: Store
) -> None:
    told.dies_after = 4
    words = ("run", "sums", "--model", "spy:4")
    podium(*words, exit_code=1)
    told.dies_after = None
    told.asked.clear()
    result = podium(*words, "--format", "json")
    assert "going on with run 1. To begin another, add: --fresh" in result.stderr
    (report,) = reported(result)
    assert (report["id"], report["status"], report["score"]) == (1, "finished", 0.5)
    assert samples(told, 1) == ["5", "6"]
    assert run(podium, *words)["id"] == 2
    assert len(store.runs()) == 2


@pytest.mark.parametrize(
    ("change", "more"),
    [
        ({}, ("--fresh",)),
        ({}, ("--variant", "whole")),
        ({}, ("--limit", 5)),
        ({}, ("--engine-arg", "seed=1")),
        ({}, ("--tensor-parallel-size", 2)),
        ({"revision": "2"}, ()),
        ({"version": "2"}, ()),
        ({"extra": 1}, ()),
    ],
)
def test_another_command_or_what_changed_begins_another_run(
    podium: Type, told: Told, change: dict[str, Any], more: tuple[object, ...]
) -> None:
    told.dies_after = 4
    podium("run", "sums", "--model", "spy:4", exit_code=1)
    told.dies_after = None
    for name, value in change.items():
        setattr(told, name, value)
    assert run(podium, "run", "sums", "--model", "spy:4", *more)["id"] == 2


def test_where_it_is_served_does_not_make_it_another_run(podium: Type, told: Told) -> None:
    told.dies_after = 4
    podium("run", "sums", "--model", "spy:4", exit_code=1)
    told.dies_after = None
    assert run(podium, "run", "sums", "--model", "spy:4", "--replicas", 2)["id"] == 1


def test_what_a_stopped_command_has_finished_is_shown_and_not_asked_again(
    podium: Type, told: Told
) -> None:
    words = ("run", "sums", "--model", "spy:4", "--model", "spy:5", "--format", "json")
    told.broken = {"5": EngineError("no memory. Try again")}
    podium(*words, exit_code=1)
    told.broken = {}
    told.asked.clear()
    result = podium(*words)
    assert "run 1 (sums) is finished, and kept. To ask all again, add: --fresh" in result.stderr
    assert [(r["id"], r["model"], r["score"]) for r in reported(result)] == [
        (1, "spy:4", 0.5),
        (2, "spy:5", 1 / 6),
    ]
    assert {asked for asked, _, _ in told.asked} == {2}
    assert [r["id"] for r in reported(podium(*words))] == [3, 4]


def test_a_run_that_another_process_asks_is_left_to_it(
    podium: Type, told: Told, registry_url: str
) -> None:
    told.dies_after = 4
    podium("run", "sums", "--model", "spy:4", exit_code=1)
    told.dies_after = None
    other = Command(Podium(registry=registry_url))
    assert other.claims.take(1)
    assert run(podium, "run", "sums", "--model", "spy:4")["id"] == 2
    for verb in ("resume", "rescore"):
        assert last_line(podium(verb, 1, exit_code=1)) == (
            "Error: another process is asking run 1 at this moment. "
            "See how far it is with: podium runs 1"
        )
    other.claims.release()
    assert run(podium, "resume", 1)["score"] == 0.5


# --- Several models -------------------------------------------------------------------------------


TWO = ("--model", "spy:4", "--model", "spy:5")


@pytest.mark.parametrize("how", [(), ("--side-by-side",)])
def test_each_model_of_a_command_has_runs_and_rows_of_its_own(
    podium: Type, told: Told, quiz: Path, how: tuple[str, ...]
) -> None:
    words = ("run", "sums", "quiz", *TWO, "--data", f"quiz={quiz}", *how, "--format", "json")
    rows = [(r["id"], r["model"], r["benchmark"], r["score"]) for r in reported(podium(*words))]
    assert rows == [
        (1, "spy:4", "sums", 0.5),
        (2, "spy:4", "quiz", 0.5),
        (3, "spy:5", "sums", 1 / 6),
        (4, "spy:5", "quiz", 0.5),
    ]
    assert len(told.asked) == len(set(told.asked)) == 16


def test_models_are_asked_one_after_the_other_by_default(podium: Type, told: Told) -> None:
    podium("run", "sums", *TWO)
    assert [asked for asked, _, _ in told.asked] == [1] * 6 + [2] * 6


def test_side_by_side_they_are_asked_at_the_same_time(podium: Type, told: Told) -> None:
    told.meeting = threading.Barrier(2)  # nobody gets past it alone
    rows = reported(podium("run", "sums", *TWO, "--side-by-side", "--format", "json"))
    assert [(r["model"], r["score"]) for r in rows] == [("spy:4", 0.5), ("spy:5", 1 / 6)]


@pytest.mark.parametrize("how", [(), ("--side-by-side",)])
@pytest.mark.parametrize(
    ("error", "says"),
    [
        (EngineError("it could not be loaded. Try another"), "Error: spy:4: it could not be"),
        (ZeroDivisionError("a bug"), "ZeroDivisionError: a bug"),
    ],
)
def test_a_model_that_cannot_be_asked_does_not_stop_the_others(
    podium: Type, told: Told, how: tuple[str, ...], error: Exception, says: str
) -> None:
    told.broken = {"4": error}
    result = podium("run", "sums", *TWO, *how, "--format", "json", exit_code=1)
    assert says in result.stderr
    assert [(r["model"], r["status"]) for r in reported(result)] == [
        ("spy:4", "unfinished"),
        ("spy:5", "finished"),
    ]
    assert last_line(result) == "Run 1 is unfinished: 6 have no answer. Go on with: podium resume 1"


def test_what_is_wrong_with_any_model_s_name_is_said_before_anything_is_asked(
    podium: Type, told: Told, store: Store
) -> None:
    result = podium("run", "sums", "--model", "spy:4", "--model", "replay:gone", exit_code=1)
    assert "no such file of recorded responses" in result.stderr
    assert (told.asked, store.runs()) == ([], [])
    result = podium("run", "sums", "--model", "spy:4", "--model", "spy:4", exit_code=2)
    assert "'spy:4' is given twice." in result.stderr


def test_one_judge_reviews_all_models_in_one_stream(podium: Type, told: Told) -> None:
    words = ("run", "sums", "--variant", "judge", "--model", "echo:4", "--model", "echo:5")
    rows = reported(podium(*words, "--judge", "spy:y", "--format", "json"))
    assert [r["score"] for r in rows] == [1.0, 1.0]
    assert [asked for asked, _, _ in told.asked] == [1] * 6 + [2] * 6
    assert told.predictions == 1


def test_on_a_sample_each_model_may_judge_itself(podium: Type, told: Told, store: Store) -> None:
    podium("run", "hle", "--sample", *TWO, "--limit", 2, "--accept-failures")
    variants = [view.run.variant for view in reversed(store.runs())]
    assert ["judge=spy:4@1" in variants[0], "judge=spy:5@1" in variants[1]] == [True, True]


def test_the_first_ctrl_c_stops_all_models_and_keeps_what_is_in_flight(
    podium: Type, told: Told, store: Store
) -> None:
    told.meeting, told.interrupted_at = threading.Barrier(2), 2
    result = podium("run", "sums", *TWO, "--side-by-side", exit_code=130)
    assert last_line(result).endswith("Go on with: podium resume 1 && podium resume 2")
    answered = store.answered(1), store.answered(2)
    assert [len(some) for some in answered] == [len(samples(told, run_id)) for run_id in (1, 2)]
    assert len(answered[0] | answered[1]) < 6


def test_the_second_ctrl_c_leaves_a_model_that_hangs_and_keeps_what_came_back(
    podium: Type, told: Told, store: Store
) -> None:
    told.hanging = "5"
    result = podium("run", "sums", *TWO, "--side-by-side", exit_code=130)
    assert last_line(result).startswith("Stopped; all answers so far are kept.")
    assert store.answered(2) == {"1"}


# --- Scored again ---------------------------------------------------------------------------------


def test_rescoring_in_place_asks_nobody_and_gives_the_same_number(
    podium: Type, told: Told, store: Store
) -> None:
    told.replies = {"1": "4 of course"}
    first = run(podium, "run", "sums", "--model", "spy:4")
    told.asked.clear()
    again = run(podium, "rescore", 1)
    assert (again["id"], again["score"]) == (first["id"], first["score"]) == (1, 0.5)
    assert told.asked == []
    assert len(store.runs()) == 1


def test_another_parser_gives_a_run_of_its_own_over_the_same_responses(
    podium: Type, told: Told, store: Store
) -> None:
    told.replies = {"1": "4 of course"}
    podium("run", "sums", "--model", "spy:4")
    told.asked.clear()
    other = run(podium, "rescore", 1, "--variant", "whole")
    assert (other["id"], other["variant"], other["score"]) == (2, "whole,curtly", 2 / 6)
    assert store.run(1).score == 0.5
    assert told.asked == []
    assert run(podium, "rescore", 2)["score"] == 2 / 6


def test_other_prompts_cannot_be_rescored(podium: Type, store: Store) -> None:
    podium("run", "sums", "--model", "echo:4")
    result = podium("rescore", 1, "--variant", "politely", exit_code=1)
    assert last_line(result) == (
        "Error: first-word,politely asks other prompts than run 1 did, so its responses cannot be "
        "used. Ask them with: podium run sums --variant first-word,politely"
    )
    assert len(store.runs()) == 1


def test_responses_are_not_scored_against_other_samples(podium: Type, told: Told) -> None:
    podium("run", "sums", "--model", "echo:4")
    told.extra = 1
    result = podium("rescore", 1, exit_code=1)
    assert "the samples of run 1 changed since it began" in result.stderr
    assert last_line(result).endswith("podium run sums --model echo:4")


def test_a_new_version_s_numbers_do_not_go_under_the_old_version(podium: Type, told: Told) -> None:
    podium("run", "sums", "--model", "echo:4")
    told.version = "2"
    assert run(podium, "rescore", 1)["id"] == 2
    versions = [
        json.loads(podium("runs", number, "--format", "json").stdout)["benchmark_version"]
        for number in (1, 2)
    ]
    assert versions == ["1", "2"]


@pytest.mark.usefixtures("registry_url")
def test_an_unfinished_run_stays_so_when_it_is_rescored(podium: Type, told: Told) -> None:
    told.dies_after = 2
    podium("run", "sums", "--model", "spy:4", exit_code=1)
    result = podium("rescore", 1, exit_code=1)
    assert last_line(result) == "Run 1 is unfinished: 4 have no answer. Go on with: podium resume 1"


# --- The second model -----------------------------------------------------------------------------


def test_who_judges_and_with_which_words_is_part_of_the_variant(podium: Type, told: Told) -> None:
    told.replies = {}
    words = ("run", "sums", "--variant", "judge", "--model", "echo:4")
    report = run(podium, *words, "--judge", "spy:y")
    assert (report["metric"], report["score"]) == ("judged", 1.0)
    assert report["variant"].startswith("judge,curtly,judge=spy:y@1#")
    assert samples(told, 1, "judge") == list("123456")
    other = run(podium, *words, "--judge", "echo:n")
    assert other["score"] == 0.0
    assert other["variant"] != report["variant"]
    assert other["variant"].startswith("judge,curtly,judge=echo:n#")


def test_a_benchmark_that_needs_a_judge_asks_for_one_before_anything_else(
    podium: Type, told: Told, store: Store
) -> None:
    result = podium("run", "sums", "--variant", "judge", "--model", "spy:4", exit_code=1)
    assert last_line(result) == (
        "Error: sums (judge,curtly) needs a second model, its judge (the authors use o3-mini). "
        "Name one with: --judge SPEC"
    )
    assert (told.asked, store.runs()) == ([], [])


@pytest.mark.usefixtures("registry_url")
def test_a_judge_that_fails_is_asked_again_by_resume(podium: Type, told: Told) -> None:
    told.failing = {"3"}
    words = ("run", "sums", "--variant", "judge", "--model", "echo:4", "--judge", "spy:y")
    result = podium(*words, exit_code=1)
    assert "Run 1 is unfinished: 1 failed (first: its judge failed: out of memory)" in result.stderr
    told.failing = set()
    told.asked.clear()
    assert run(podium, "resume", 1)["score"] == 1.0
    assert samples(told, 1, "judge") == ["3"]


def test_ctrl_c_while_judging_never_finishes_the_run_with_half_its_verdicts(
    podium: Type, told: Told, store: Store
) -> None:
    told.dies_after, told.error = 2, KeyboardInterrupt()
    words = ("run", "sums", "--variant", "judge", "--model", "echo:4", "--judge", "spy:y")
    podium(*words, exit_code=130)
    for again in (("rescore", 1), ("rescore", 1, "--accept-failures")):
        assert "Run 1 is unfinished: 4 have no answer" in podium(*again, exit_code=1).stderr
    told.dies_after = None
    told.asked.clear()
    assert run(podium, "resume", 1, "--accept-failures")["score"] == 1.0
    assert len(samples(told, 1, "judge")) == 4
    assert store.run(1).status == "finished"


def test_another_judge_grades_the_same_responses_in_a_run_of_its_own(
    podium: Type, told: Told, store: Store
) -> None:
    words = ("run", "sums", "--variant", "judge", "--model", "spy:4", "--judge", "echo:y")
    first = run(podium, *words)
    told.asked.clear()
    other = run(podium, "rescore", 1, "--judge", "spy:n")
    assert (first["score"], other["score"], other["id"]) == (1.0, 0.0, 2)
    assert samples(told, 2) == []
    assert samples(told, 2, "judge") == list("123456")
    assert store.run(1).score == 1.0


def test_a_resumed_run_keeps_its_judge(podium: Type, told: Told) -> None:
    told.failing = {"3"}
    words = ("run", "sums", "--variant", "judge", "--model", "echo:4", "--judge", "spy:y")
    podium(*words, exit_code=1)
    told.revision = "2"
    result = podium("resume", 1, exit_code=1)
    assert "the second model, or what it is asked, of run 1 changed" in result.stderr


# --- Restricted data ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("reports", "--model", "far:yes"),
        ("gated", "--model", "far:yes"),
        ("sums", "reports", "--model", "far:yes"),
        ("graded-reports", "--model", "spy:yes", "--judge", "far:y"),
    ],
)
def test_restricted_data_is_not_sent_elsewhere_and_nothing_is_begun(
    podium: Type, told: Told, store: Store, words: tuple[str, ...]
) -> None:
    result = podium("run", *words, exit_code=1)
    assert "data and must not be sent to spy:" in result.stderr
    assert last_line(result).endswith("add: --allow-remote")
    assert (told.asked, store.runs()) == ([], [])


def test_open_data_and_unreviewed_benchmarks_may_meet_a_distant_judge(podium: Type) -> None:
    assert run(podium, "run", "sums", "--model", "far:4")["score"] == 0.5
    assert run(podium, "run", "reports", "--model", "spy:yes", "--judge", "far:y")["score"] == 1.0


def test_a_rescored_run_does_not_meet_a_distant_judge_either(podium: Type, store: Store) -> None:
    podium("run", "graded-reports", "--model", "spy:yes", "--judge", "spy:y")
    result = podium("rescore", 1, "--judge", "far:y", exit_code=1)
    assert "must not be sent to spy:y" in result.stderr
    assert len(store.runs()) == 1


def test_that_it_was_allowed_is_recorded_in_the_run(podium: Type, store: Store) -> None:
    podium("run", "reports", "--model", "far:yes", "--allow-remote")
    assert store.run(1).run.options["allow_remote"] is True


def registry_bytes() -> bytes:
    return b"".join(file.read_bytes() for file in podium_home().glob("registry.db*"))


@pytest.mark.parametrize(
    "words",
    [
        ("reports", "--model", "spy:yes"),
        ("graded-reports", "--model", "spy:yes", "--judge", "spy:y"),
    ],
)
def test_restricted_texts_never_enter_the_registry(
    podium: Type, told: Told, words: tuple[str, ...]
) -> None:
    told.replies = {"1": SECRET, "2": f"yes. {SECRET}"}
    podium("run", *words)
    podium("rescore", 1)
    private = [file.read_text() for file in (podium_home() / "private").rglob("run-1-*.jsonl")]
    assert len(private) == 1 + ("--judge" in words)
    assert all(text.count(SECRET) == 2 for text in private)
    assert b"reports" in registry_bytes()
    assert SECRET.encode() not in registry_bytes()
    assert SECRET[:30].encode() not in registry_bytes()


def test_private_texts_are_scored_after_they_left_and_after_a_second_judge(podium: Type) -> None:
    words = ("run", "graded-reports", "--model", "spy:yes", "--judge", "spy:n")
    assert run(podium, *words)["score"] == 0.0
    assert run(podium, "rescore", 1, "--judge", "spy:y")["score"] == 1.0
    assert run(podium, "rescore", 2)["score"] == 1.0


def test_two_registries_keep_their_private_texts_apart(
    podium: Type, told: Told, tmp_path: Path
) -> None:
    other = ("--registry", tmp_path / "other.db")
    assert run(podium, "run", "reports", "--model", "spy:yes")["score"] == 1.0
    assert run(podium, *other, "run", "reports", "--model", "spy:no")["score"] == 0.0
    assert run(podium, "rescore", 1)["score"] == 1.0


def test_a_registry_without_its_private_texts_gives_no_number(
    podium: Type, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    registry = ("--registry", podium_home() / "registry.db")
    podium(*registry, "run", "reports", "--model", "spy:yes")
    monkeypatch.setenv("PODIUM_HOME", str(tmp_path / "another-machine"))
    result = podium(*registry, "rescore", 1, exit_code=1)
    assert "2 failed (first: its text is private and not on this machine" in result.stderr


# --- What is typed wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says", "ends"),
    [
        (
            ("sumz", "--model", "echo:4"),
            "no benchmark named 'sumz'. Did you mean 'sums'?",
            "podium benchmarks",
        ),
        (
            ("sums", "--model", "ecco:4"),
            "no engine named 'ecco'. Did you mean 'echo'?",
            "podium plugins",
        ),
        (
            ("sums", "--model", "echo:4", "--variant", "hole"),
            "no setting of sums named 'hole'. Did you mean 'whole'?",
            "podium benchmarks sums",
        ),
        (
            ("sums", "--model", "echo:4", "--subjects", "sum"),
            "no subject of sums named 'sum'. Did you mean 'sums'?",
            "podium run sums --subjects NAME,NAME",
        ),
        (
            ("sums", "--model", "echo:4", "--data", "sumz=DIR"),
            "no benchmark in this run named 'sumz'. Did you mean 'sums'?",
            "podium run … --data NAME=…",
        ),
        (
            ("sums", "--model", "echo:4", "--variant", "quiz=whole"),
            "no benchmark in this run named 'quiz'.",
            "podium run … --variant NAME=…",
        ),
        (
            ("sums", "quiz", "--model", "echo:4", "--data", "DIR"),
            "Say which benchmark --data is for",
            "--data sums=DIR",
        ),
        (("--model", "echo:4"), "Name benchmarks, or give --all.", "podium benchmarks"),
        (
            ("sums", "--all", "--model", "echo:4"),
            "Name benchmarks, or give --all.",
            "podium benchmarks",
        ),
        (
            ("sums", "--model", "echo:4", "--sample", "--data", "DIR"),
            "--sample reads the built-in samples.",
            "Leave out --sample or --data",
        ),
        (
            ("sums", "--model", "echo:4", "--engine-arg", "4096"),
            "'4096' has no name.",
            "--engine-arg KEY=VALUE",
        ),
        (
            ("sums", "--model", "echo:4", "--engine-arg", "a=1", "--engine-arg", "a=2"),
            "'a' is given twice.",
            "",
        ),
        (("sums", "--model", "echo:4", "--limit", "0"), "0 is not in the range x>=1", ""),
        (("sums",), "Missing option '--model'", ""),
    ],
)
def test_what_is_typed_wrong_is_answered_with_what_to_type(
    podium: Type, store: Store, words: tuple[str, ...], says: str, ends: str
) -> None:
    result = podium("run", *words, exit_code=2)
    assert says in result.stderr
    assert result.stderr.strip().endswith(ends)
    assert store.runs() == []


@pytest.mark.parametrize(
    ("words", "says", "ends"),
    [
        (("quiz", "--model", "echo:4"), "quiz is on no hub; it needs quiz.csv", "--sample"),
        (("quiz", "--model", "echo:4", "--sample"), "has no offline sample", "quiz=DIR"),
        (
            ("quiz", "--model", "echo:4", "--data", "gone"),
            "no such data folder: gone; looked for quiz.csv",
            "--data quiz=DIR",
        ),
        (
            ("sums", "--model", "echo:4", "--data", "gone"),
            "sums makes its questions itself",
            "--data sums=gone",
        ),
        (("sums", "--model", "replay:gone"), "no such file of recorded responses", "replay:FILE"),
    ],
)
def test_what_is_not_there_is_answered_with_what_to_type(
    podium: Type, store: Store, words: tuple[str, ...], says: str, ends: str
) -> None:
    result = podium("run", *words, exit_code=1)
    assert says in result.stderr
    assert last_line(result).endswith(ends)
    assert store.runs() == []


def test_a_folder_for_the_only_benchmark_needs_no_name(podium: Type, quiz: Path) -> None:
    assert run(podium, "run", "quiz", "--model", "echo:5", "--data", quiz)["score"] == 0.5


def test_a_run_that_was_not_made_here_cannot_go_on(podium: Type, store: Store) -> None:
    from stored_runs import add_run

    add_run(store, "acme/one", 0.5)
    for verb in ("resume", "rescore"):
        result = podium(verb, 1, exit_code=1)
        assert last_line(result) == (
            "Error: run 1 was not made by this command, so it cannot go on. "
            "Start another with: podium run clock --model SPEC"
        )
