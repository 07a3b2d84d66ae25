"""The kit as plugin authors type it: a new package, a look inside, a table of questions."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from sandbox import Sandbox

from registry import Benchmark, Choice, DatasetError, Prediction, Sample, Task, multiple_choice
from registry.cli import main
from registry.cli.new_benchmark import KINDS, TEMPLATES
from registry.subject import Subject
from registry.testing import check

TESTS = Path(__file__).parent
CLOCK = TESTS / "third_party" / "acme_clock.py"

Type = Callable[..., Result]


@pytest.fixture
def podium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Type a command in an empty folder, with the clock's plugin; what is expected is success."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PODIUM_REGISTRY", str(tmp_path / "registry.db"))

    def podium(*words: object, exit_code: int = 0) -> Result:
        arguments = ["--plugin", str(CLOCK), *map(str, words)]
        result = CliRunner().invoke(main, arguments, prog_name="podium")
        assert result.exit_code == exit_code, result.output
        return result

    return podium


# --- podium new-benchmark -------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_new_benchmark_installs_keeps_the_contract_and_tests_itself(
    kind: str, tmp_path: Path
) -> None:
    sandbox = Sandbox(tmp_path)
    for command in (
        f"podium new-benchmark tree-rings --kind {kind}",
        "pip install ./tree-rings",
        "podium check-benchmark tree-rings --format json > rules.json",
        "podium run tree-rings --model echo:B",
        "podium inspect tree-rings --answer B",
        "cd tree-rings && pytest -q",
    ):
        done = sandbox.run(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    rules = json.loads((sandbox.folder / "rules.json").read_text())
    assert {rule["holds"] for rule in rules} <= {True, None}
    assert sum(rule["holds"] is None for rule in rules) <= 2


def test_the_python_of_a_multiple_choice_plugin_is_at_most_25_lines() -> None:
    source = (TEMPLATES / "multiple-choice/MODULE/__init__.py.template").read_text()
    _, _, code = source.split('"""', 2)
    assert len(code.strip().splitlines()) <= 25


def test_nothing_is_overwritten(podium: Type, tmp_path: Path) -> None:
    podium("new-benchmark", "tree-rings")
    written = tmp_path / "tree-rings" / "README.md"
    written.write_text("mine")
    result = podium("new-benchmark", "tree-rings", exit_code=1)
    assert "tree-rings is there already" in result.stderr
    assert written.read_text() == "mine"


def test_it_is_written_into_another_folder(podium: Type, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    out = podium("new-benchmark", "tree-rings", "--into", "there").stdout
    assert (tmp_path / "there/tree-rings/pyproject.toml").exists()
    assert "pip install -e there/tree-rings" in out
    assert not (tmp_path / "tree-rings").exists()


def test_no_placeholder_is_left_in_what_is_written(podium: Type, tmp_path: Path) -> None:
    for kind in KINDS:
        podium("new-benchmark", f"new-{kind}", "--kind", kind)
    for file in tmp_path.rglob("*"):
        if file.is_file() and file.suffix not in (".png", ".db"):
            assert "MODULE" not in str(file)
            assert "$name" not in file.read_text()
            assert "$module" not in file.read_text()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Tree Rings", "podium new-benchmark tree-rings"),
        ("9-lives", "podium new-benchmark lives"),
        ("../rings", "podium new-benchmark rings"),
        ("tree--rings", "podium new-benchmark tree-rings"),
        ("!", "podium new-benchmark my-benchmark"),
        ("clock", "a benchmark or plugin named 'clock' already"),
        ("acme-clock", "a benchmark or plugin named 'acme-clock' already"),
        ("json", "podium new-benchmark json-bench"),
        ("import", "podium new-benchmark import-bench"),
        ("registry", "podium new-benchmark registry-bench"),
    ],
)
def test_a_name_that_cannot_be_installed_is_refused(
    podium: Type, tmp_path: Path, name: str, says: str
) -> None:
    assert says in podium("new-benchmark", name, exit_code=1).stderr
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


# --- podium check-benchmark -----------------------------------------------------------------------


def test_broken_rules_are_named_and_the_exit_status_says_so(podium: Type) -> None:
    result = podium("check-benchmark", "clock", exit_code=1)
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("✗ broken")]
    assert "metadata-is-complete" in line
    assert "neither paper nor homepage" in line
    assert "clock breaks 1 of 12 rules" in result.stderr
    assert "– n/a" in result.stdout


def test_programs_get_the_findings(podium: Type) -> None:
    result = podium("check-benchmark", "clock", "--format", "json", exit_code=1)
    rules = {rule["rule"]: rule for rule in json.loads(result.stdout)}
    assert rules["loads-offline"]["holds"] is True
    assert rules["permuted-choices-permute-the-answer"]["holds"] is None
    assert len(rules["metadata-is-complete"]["findings"]) == 1


def test_an_unknown_benchmark_or_word_is_no_broken_rule(podium: Type) -> None:
    assert "Did you mean 'clock'" in podium("check-benchmark", "clok", exit_code=2).stderr
    result = podium("check-benchmark", "mmlu", "--variant", "0-shots", exit_code=2)
    assert "Did you mean '0-shot'" in result.stderr


# --- podium inspect -------------------------------------------------------------------------------


def shown(result: Result) -> Mapping[str, Any]:
    item: Mapping[str, Any] = json.loads(result.stdout)
    return item


def test_the_prompt_is_shown_exactly(podium: Type) -> None:
    item = shown(podium("inspect", "mmlu", "--sample-id", "anatomy/0", "--format", "json"))
    assert item["header"].endswith("about  anatomy.\n\n")
    assert len(item["examples"]) == 5
    assert item["question"].endswith("\nAnswer:")
    assert item["choices"]["A"] == [" A"]
    assert item["asked_as"] == "completion"
    assert item["sampling"]["max_tokens"] == 1
    assert item["groups"]["subject"] == "anatomy"


def test_blanks_that_end_a_line_are_seen(podium: Type, tmp_path: Path) -> None:
    file = tmp_path / "blank.py"
    file.write_text(
        CLOCK.read_text().replace("hours later?", "hours later?  ").replace('"clock"', '"blank"')
    )
    out = podium("--plugin", file, "inspect", "blank").stdout
    assert "1 hours later?··\n" in out


def test_an_answer_is_judged_without_a_model(podium: Type) -> None:
    typed = ("inspect", "clock", "--sample-id", "11+5", "--format", "json")
    right = shown(podium(*typed, "--answer", "I count 4"))
    assert right["judged"] == [
        {
            "metric": "accuracy",
            "understood": "4",
            "outcome": "answered",
            "value": 1.0,
            "tied": False,
        }
    ]
    assert shown(podium(*typed, "--answer", "none"))["judged"][0]["outcome"] == "unparseable"
    assert shown(podium(*typed))["judged"] == []


def test_an_answer_to_weighed_choices_must_be_one_of_them(podium: Type) -> None:
    (judged,) = shown(podium("inspect", "mmlu", "--answer", "C", "--format", "json"))["judged"]
    assert judged["understood"] == "C"
    assert (
        "'E' is none of A, B, C, D"
        in podium("inspect", "mmlu", "--answer", "E", exit_code=2).stderr
    )


def test_an_unknown_sample_suggests_the_nearest(podium: Type) -> None:
    result = podium("inspect", "clock", "--sample-id", "11+55", exit_code=1)
    assert "clock has no sample '11+55'. Did you mean '11+5'" in result.stderr


def test_images_are_shown_with_their_sizes(podium: Type) -> None:
    item = shown(podium("inspect", "mimic-cxr", "--format", "json"))
    (image,) = item["images"]
    assert image["size"] == "64 x 64"
    assert image["path"].endswith(".jpg")
    assert item["question"].startswith("[image]")


def test_restricted_data_is_withheld_unless_it_is_asked_for(podium: Type) -> None:
    folder = TESTS.parent / "plugins" / "mimic_cxr" / "sample"
    typed = ("inspect", "mimic-cxr", "--data", folder)
    out = podium(*typed).stdout
    for private in ("atelectasis", "p10000001", "target  ", ".jpg"):
        assert private not in out.replace("s50000001/Atelectasis", "")
    assert "--show-private" in out
    assert "64 x 64" in out
    for style in ("json", "csv", "markdown"):
        assert "p10000001" not in podium(*typed, "--format", style).stdout
    assert "p10000001" in podium(*typed, "--show-private").stdout


def test_a_second_model_s_prompt_is_shown_and_its_words_are_judged(podium: Type) -> None:
    typed = ("inspect", "hle", "--answer", "Answer: 7", "--format", "json")
    asked = shown(podium(*typed))
    assert "[response]: Answer: 7" in asked["review"]
    assert asked["judged"] == []
    verdict = {
        "extracted_final_answer": "7",
        "reasoning": "It is.",
        "correct": "yes",
        "confidence": 90,
        "strict": True,
    }
    judged = shown(podium(*typed, "--review", json.dumps(verdict)))["judged"]
    assert judged[0]["value"] == 1.0


# --- multiple_choice ------------------------------------------------------------------------------

ROWS = [
    {"question": "Which is prime?", "a": "4", "b": "7", "c": "9", "d": "", "answer": "B"},
    {"question": "Which is even?", "a": "1", "b": "3", "c": "5", "d": "8", "answer": "D"},
]


def read(task: Task, root: Path | None = None) -> list[Sample]:
    items = task.dataset.read() if root is None else task.dataset.read(root)
    return [item for item in items if isinstance(item, Sample)]


def table(tmp_path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write the rows as CSV, and return the file."""
    file = tmp_path / "questions.csv"
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    file.write_text("\n".join(lines) + "\n")
    return file


def task_of(file: Path | str, **options: Any) -> Task:
    made = multiple_choice("quiz", file, **{"choices": ("a", "b", "c", "d"), **options})
    benchmark = Benchmark(name="quiz", summary="A quiz.", task=made)
    return benchmark.task_for(benchmark.variant())


def test_a_table_is_asked_and_scored_by_letters(tmp_path: Path) -> None:
    task = task_of(table(tmp_path, ROWS))
    first, second = read(task)
    assert (first.id, first.choices, first.target) == ("0", ("4", "7", "9"), "B")
    prompt = task.prompt(first)
    assert prompt.question == "Which is prime?\nA. 4\nB. 7\nC. 9\nAnswer:"
    assert prompt.choices == tuple(Choice(letter, (f" {letter}",)) for letter in "ABC")
    assert not prompt.chat
    assert task.headline.chance == 0.25
    weighed = Prediction(sample_id="1", logprobs={"A": -2.0, "D": -0.1})
    assert task.headline.judge(second, weighed).value == 1


def test_a_file_that_the_plugin_brings_along_needs_no_data_folder(tmp_path: Path) -> None:
    assert not task_of(table(tmp_path, ROWS)).dataset.needs_files
    named = task_of("questions.csv", sample=tmp_path)
    assert named.dataset.needs_files
    assert read(named, tmp_path) == read(task_of(tmp_path / "questions.csv"))
    with pytest.raises(DatasetError, match=r"has no missing.csv. Name another folder with: --data"):
        read(task_of("missing.csv", sample=tmp_path), tmp_path)


def test_json_lines_and_parquet_give_the_same_samples(tmp_path: Path) -> None:
    rows = [
        {
            "q": "Which is prime?",
            "options": ["4", "7", "9"],
            "gold": 1,
            "subject": "sums",
            "k": "x",
        },
        {"q": "Which is even?", "options": ["1", "8"], "gold": 1, "subject": "sums", "k": "y"},
    ]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "q.parquet")
    columns = {
        "question": "q",
        "choices": "options",
        "answer": "gold",
        "answer_is": "number",
        "id": "k",
        "groups": ("subject",),
    }
    made = [read(task_of(tmp_path / name, **columns)) for name in ("q.jsonl", "q.parquet")]
    assert made[0] == made[1]
    assert [(s.id, s.target, s.groups) for s in made[0]] == [
        ("x", "B", {"subject": "sums"}),
        ("y", "B", {"subject": "sums"}),
    ]


def test_answers_may_be_the_choices_texts(tmp_path: Path) -> None:
    rows = [{**row, "answer": text} for row, text in zip(ROWS, ("7", "8"), strict=True)]
    assert [s.target for s in read(task_of(table(tmp_path, rows), answer_is="text"))] == ["B", "D"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"answer": "E"}, "question 1: the answer 'E' is no letter of its 4 choices"),
        ({"b": ""}, "question 1: choice 2 of 4 is empty"),
        ({"b": "", "c": "", "d": ""}, "question 1: 1 choices, not 2 to 26"),
    ],
)
def test_a_row_that_is_no_question_is_named(
    tmp_path: Path, change: dict[str, str], says: str
) -> None:
    with pytest.raises(DatasetError, match=says):
        read(task_of(table(tmp_path, [ROWS[0], {**ROWS[1], **change}])))


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no column 'gold', only question, a, b, c, d, answer"):
        read(task_of(table(tmp_path, ROWS), answer="gold"))


def test_a_table_keeps_the_contract(tmp_path: Path) -> None:
    rows = [
        {
            "question": f"How much is {n} and {n}?",
            **{c: str(2 * n + i - n % 4) for i, c in enumerate("abcd")},
            "answer": "ABCD"[n % 4],
        }
        for n in range(40)
    ]
    benchmark = Benchmark(
        name="quiz",
        summary="A quiz.",
        task=multiple_choice("quiz", table(tmp_path, rows), choices=tuple("abcd")),
        license="CC0-1.0",
        homepage="https://example.org/quiz",
        size="40 questions",
    )
    assert [r for r in check(Subject(benchmark)) if r.holds is False] == []
