"""What a run asks: which samples, and how much of the benchmark that is."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from evaluators.samples import Samples
from evaluators.selection import Narrowing, narrowed, select
from registry import (
    Benchmark,
    Dataset,
    DatasetError,
    Excluded,
    Sample,
    Setting,
    Task,
    UnknownName,
    Variant,
    exact_match,
)
from registry.tables import Scope

ALL = Narrowing()


def question(name: str, subject: str = "") -> Sample:
    groups = {"subject": subject} if subject else {}
    return Sample(id=name, input=f"{name}?", target="a", groups=groups)


SIX = [question(f"{s}{n}", s) for n in (1, 2) for s in ("anatomy", "botany", "clocks")]


def benchmark(items: Iterable[Sample | Excluded] = SIX, sample: Path | None = None) -> Benchmark:
    """Return a benchmark that reads a folder and finds the items there."""
    dataset = Dataset(
        "quiz", lambda _root: items, sample=sample, layout="quiz.csv", hub="acme/quiz", revision="r"
    )
    return Benchmark(name="quiz", summary="A quiz.", dataset=dataset, metrics=(exact_match(),))


def generated(items: Iterable[Sample | Excluded] = SIX) -> Benchmark:
    return Benchmark(
        name="quiz",
        summary="A quiz.",
        dataset=Dataset("quiz", lambda: items),
        metrics=(exact_match(),),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "quiz.csv").touch()
    return tmp_path


def chosen(narrowing: Narrowing) -> list[str]:
    return list(narrowed("quiz", Samples(SIX), narrowing))


# --- Narrowing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("narrowing", "ids"),
    [
        (ALL, ["anatomy1", "botany1", "clocks1", "anatomy2", "botany2", "clocks2"]),
        (Narrowing(limit=2), ["anatomy1", "botany1"]),
        (Narrowing(limit=99), ["anatomy1", "botany1", "clocks1", "anatomy2", "botany2", "clocks2"]),
        (Narrowing(limit_per_subject=1), ["anatomy1", "botany1", "clocks1"]),
        (Narrowing(subjects=("clocks", "anatomy")), ["anatomy1", "clocks1", "anatomy2", "clocks2"]),
        (Narrowing(subjects=("clocks",), limit=1), ["clocks1"]),
        (Narrowing(subjects=("clocks", "botany"), limit_per_subject=1), ["botany1", "clocks1"]),
        (Narrowing(limit_per_subject=2, limit=4), ["anatomy1", "botany1", "clocks1", "anatomy2"]),
    ],
)
def test_samples_are_narrowed_in_the_dataset_s_order(narrowing: Narrowing, ids: list[str]) -> None:
    assert chosen(narrowing) == ids


def test_an_unknown_subject_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName) as caught:
        chosen(Narrowing(subjects=("clock",)))
    assert caught.value.exit_code == 2
    assert caught.value.message == (
        "no subject of quiz named 'clock'. Did you mean 'clocks'? "
        "List all 3 with: podium run quiz --subjects NAME,NAME"
    )


@pytest.mark.parametrize("narrowing", [Narrowing(subjects=("a",)), Narrowing(limit_per_subject=1)])
def test_a_benchmark_without_subjects_says_how_else_it_is_narrowed(narrowing: Narrowing) -> None:
    with pytest.raises(DatasetError, match=r"quiz has no subjects\. Narrow it with: --limit N$"):
        narrowed("quiz", Samples([question("1")]), narrowing)


# --- Scope ----------------------------------------------------------------------------------------

GONE = Excluded("x", "files missing", incomplete=True)
ODD = Excluded("y", "no answer key")


@pytest.mark.parametrize(
    ("items", "narrowing", "scope", "reason"),
    [
        (SIX, ALL, Scope.FULL, ""),
        ([*SIX, ODD], ALL, Scope.FULL, ""),
        ([*SIX, GONE, GONE], ALL, Scope.PARTIAL, "2 files missing"),
        (SIX, Narrowing(limit=2), Scope.PARTIAL, "2 of 6 samples asked"),
        ([*SIX, GONE], Narrowing(limit=2), Scope.PARTIAL, "2 of 6 samples asked; 1 files missing"),
    ],
)
def test_a_run_is_full_only_where_nothing_of_the_official_data_is_left_out(
    folder: Path,
    items: list[Sample | Excluded],
    narrowing: Narrowing,
    scope: Scope,
    reason: str,
) -> None:
    selection = select(benchmark(items), [], folder, narrowing, sample=False)
    assert (selection.scope, selection.scope_reason) == (scope, reason)


def test_the_offline_sample_has_a_scope_of_its_own_and_a_part_of_it_is_partial(
    folder: Path,
) -> None:
    quiz = benchmark([*SIX, GONE], sample=folder)
    whole = select(quiz, [], None, ALL, sample=True)
    assert (whole.scope, whole.revision) == (Scope.SAMPLE, "offline sample")
    part = select(quiz, [], None, Narrowing(limit=1), sample=True)
    assert (part.scope, part.revision) == (Scope.PARTIAL, "offline sample")


def test_generated_questions_are_the_whole_benchmark_sample_or_not() -> None:
    for sample in (False, True):
        selection = select(generated(), [], None, ALL, sample=sample)
        assert (selection.scope, selection.dataset) == (Scope.FULL, "quiz")


def test_local_files_say_so_in_place_of_a_revision(folder: Path) -> None:
    selection = select(benchmark(), [], folder, ALL, sample=False)
    assert (selection.dataset, selection.revision) == ("acme/quiz", "local files")


def test_what_falls_out_is_counted_by_its_reason(folder: Path) -> None:
    selection = select(benchmark([*SIX, ODD, GONE, ODD]), [], folder, ALL, sample=False)
    assert selection.excluded == {"no answer key": 2, "files missing": 1}
    assert len(selection.samples) == 6


# --- What cannot be asked -------------------------------------------------------------------------


def test_a_folder_with_nothing_to_ask_says_why_and_what_to_type(folder: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        select(benchmark([ODD, ODD, GONE]), [], folder, ALL, sample=False)
    assert caught.value.message == (
        f"quiz: nothing to ask in {folder} (2 no answer key, 1 files missing). "
        "Name another folder with: --data quiz=DIR"
    )


def test_two_samples_of_one_id_are_the_plugin_s_fault() -> None:
    with pytest.raises(DatasetError, match=r"two samples have the id '1'.*podium plugins$"):
        select(generated([question("1"), question("1")]), [], None, ALL, sample=False)


def test_an_unknown_word_suggests_the_nearest_setting() -> None:
    def task(_variant: Variant) -> Task:
        return Task(dataset=Dataset("quiz", lambda: SIX), metrics=(exact_match(),))

    settings = (Setting("shots", ("5-shot", "0-shot")), Setting("parser", ("strict", "loose")))
    quiz = Benchmark(name="quiz", summary="A quiz.", settings=settings, task=task)
    selection = select(quiz, ["loose"], None, ALL, sample=False)
    assert selection.variant.name == "5-shot,loose"
    with pytest.raises(UnknownName, match=r"Did you mean '0-shot'.*podium benchmarks quiz$"):
        select(quiz, ["0-shots"], None, ALL, sample=False)


def test_the_items_hash_is_of_the_samples_asked() -> None:
    whole = select(generated(), [], None, ALL, sample=False)
    part = select(generated(), [], None, Narrowing(limit=5), sample=False)
    again = select(generated(), [], None, Narrowing(limit=6), sample=False)
    assert whole.items_hash == again.items_hash != part.items_hash
