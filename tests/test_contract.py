"""The contract: every built-in keeps it, and a plugin that breaks a rule is caught by its name."""

import pickle
import random
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from registry import (
    Benchmark,
    Choice,
    Dataset,
    Metric,
    Outcome,
    Prediction,
    Prompt,
    Review,
    Sample,
    Score,
    Task,
    Terms,
    Verdict,
    averages,
    choice_accuracy,
    exact_match,
)
from registry.contract import RULES
from registry.discovery import Plugin, discover
from registry.subject import Subject, network_off, spread
from registry.testing import (
    Case,
    ContractBroken,
    DoesNotApply,
    Result,
    benchmark_contract,
    check,
    rule_name,
)

CLOCK = Path(__file__).parent / "third_party" / "acme_clock.py"
LETTERS = "ABCD"


def question(number: int) -> Sample:
    """Return a question whose right choice is at another place each time."""
    right = LETTERS[number % 4]
    texts = tuple(f"{number * 7 + place} apples" for place in range(4))
    return Sample(
        id=f"q{number}", input=f"How many in basket {number}?", target=right, choices=texts
    )


def ask(sample: Sample) -> Prompt:
    lines = "\n".join(f"{name}. {text}" for name, text in zip(LETTERS, sample.choices, strict=True))
    return Prompt(
        question=f"{sample.input}\n{lines}\nAnswer:",
        choices=tuple(Choice(name, (f" {name}",)) for name in LETTERS),
    )


def quiz(**changes: Any) -> Benchmark:
    """Return a benchmark that keeps the contract, but for the changes."""
    whole: dict[str, Any] = {
        "name": "quiz",
        "summary": "Baskets of apples.",
        "dataset": Dataset("quiz", lambda: map(question, range(40))),
        "prompt": ask,
        "metrics": (choice_accuracy(chance=0.25),),
        "license": "CC0-1.0",
        "homepage": "https://example.org/quiz",
        "size": "40 questions",
    }
    return Benchmark(**{**whole, **changes})


def sums(**changes: Any) -> Benchmark:
    """Return a benchmark of written answers that keeps the contract, but for the changes."""
    samples = [
        Sample(id=f"s{n}", input=f"What is {n} times {n + 3}?", target=str(n * (n + 3)))
        for n in range(11, 51)
    ]
    return quiz(
        **{
            "dataset": Dataset("sums", lambda: samples),
            "prompt": lambda sample: Prompt(question=sample.input, chat=True),
            "metrics": (exact_match(chance=0.0),),
            **changes,
        }
    )


def of(*samples: Sample) -> Dataset:
    return Dataset("changed", lambda: samples)


def results(benchmark: Benchmark, plugin: Plugin | None = None) -> dict[str, Result]:
    return {result.rule: result for result in check(Subject(benchmark, plugin=plugin))}


def broken(benchmark: Benchmark) -> dict[str, str]:
    """Return what is found, by the name of the broken rule."""
    return {
        name: "; ".join(result.findings)
        for name, result in results(benchmark).items()
        if result.holds is False
    }


# --- What keeps it --------------------------------------------------------------------------------


def words() -> Iterator[Any]:
    """Yield each built-in benchmark by default, and with each other word of its settings."""
    for name, benchmark in discover().benchmarks.items():
        yield pytest.param(name, (), id=name)
        for setting in benchmark.settings:
            for word in setting.values[1:]:
                yield pytest.param(name, (word,), id=f"{name}-{word}")


@pytest.mark.parametrize(("name", "variant"), list(words()))
def test_every_built_in_keeps_the_contract(name: str, variant: tuple[str, ...]) -> None:
    found = discover()
    # Another process is asked once a benchmark: it takes seconds to start.
    plugin = None if variant else found.plugin_of(name)
    subject = Subject(found.benchmark(name), variant, plugin=plugin)
    assert {r.rule: r.findings for r in check(subject) if r.holds is False} == {}


@pytest.mark.parametrize("benchmark", [quiz(), sums()], ids=["choices", "text"])
def test_a_sound_benchmark_breaks_no_rule(benchmark: Benchmark) -> None:
    assert broken(benchmark) == {}


@pytest.mark.parametrize("rule", benchmark_contract("clock", plugins=[CLOCK])[:-1])
def test_a_stranger_s_plugin_is_held_to_it_from_pytest(rule: Case) -> None:
    rule()


# --- What breaks it, rule by rule -----------------------------------------------------------------


def test_a_dataset_that_connects_is_caught_though_it_swallows_the_refusal() -> None:
    def read() -> Iterator[Sample]:
        try:
            socket.create_connection(("127.0.0.1", 9))
        except OSError:
            yield from map(question, range(40))

    assert "127.0.0.1" in broken(quiz(dataset=Dataset("quiz", read)))["loads-offline"]


def test_samples_that_do_not_load_are_reported_once() -> None:
    def read() -> Iterator[Sample]:
        raise KeyError("answer")

    found = results(quiz(dataset=Dataset("quiz", read)))
    assert "KeyError('answer') in test_contract.py" in found["loads-offline"].findings[0]
    assert [result.holds for result in found.values()] == [False, *[None] * (len(RULES) - 1)]
    assert "no samples" in broken(quiz(dataset=of()))["loads-offline"]


def test_ids_that_are_shared_or_change_are_caught() -> None:
    twice = broken(quiz(dataset=of(*map(question, range(40)), question(3))))
    assert "2 samples have the id 'q3'" in twice["ids-are-unique"]

    def read() -> Iterator[Sample]:
        for number in range(40):
            yield replace(question(number), id=str(random.random()))

    assert (
        "from one reading to the next"
        in broken(quiz(dataset=Dataset("quiz", read)))["ids-are-unique"]
    )


def test_requests_with_lots_of_their_own_are_caught() -> None:
    def drawn(sample: Sample) -> Prompt:
        return replace(ask(sample), header=f"Exam number {random.random()}.\n")

    found = broken(quiz(prompt=drawn))["requests-repeat"]
    assert "40 of 40 requests change from one reading to the next, first that of 'q0'" in found


UNSORTED = """
'''A quiz whose header comes from a set.'''
from test_contract import ask, quiz
from dataclasses import replace
from registry import hookimpl

TOPICS = {"apples", "baskets", "counting", "fruit", "sums", "words"}

@hookimpl
def register_benchmarks():
    return [quiz(prompt=lambda sample: replace(ask(sample), header=" ".join(TOPICS)))]
"""


def test_requests_in_the_order_of_a_set_are_caught_in_another_process(tmp_path: Path) -> None:
    file = tmp_path / "unsorted.py"
    file.write_text(UNSORTED)
    cases = {c.__name__: c for c in benchmark_contract("quiz", plugins=[file])}
    with pytest.raises(ContractBroken, match="change in another process"):
        cases["requests-repeat"]()


def test_samples_that_cannot_be_pickled_are_caught() -> None:
    class Local:
        """What another process cannot import."""

    sample = replace(question(0), metadata={"local": Local()})
    found = broken(quiz(dataset=of(sample, *map(question, range(1, 40)))))
    assert "the sample of 'q0' cannot be pickled" in found["samples-travel"]


class Forgetful(dict[str, str]):
    """A mapping that loses what it holds on the way."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Forgetful, ())


def test_samples_that_change_on_the_way_are_caught() -> None:
    sample = replace(question(0), metadata=Forgetful(a="b"))
    assert pickle.loads(pickle.dumps(sample)) != sample
    found = broken(quiz(dataset=of(sample, *map(question, range(1, 40)))))
    assert "is another after pickling" in found["samples-travel"]


def test_a_metric_that_no_answer_satisfies_is_caught() -> None:
    found = broken(sums(metrics=(exact_match(lambda text: text[:1], chance=0.0),)))
    assert "accuracy is 0 for the oracle, not 1" in found["an-oracle-is-right"]
    assert "of 's11' it understood '1', and the target is '154'" in found["an-oracle-is-right"]
    assert "Task(oracle=…)" in found["an-oracle-is-right"]


def test_a_task_says_itself_how_a_right_answer_looks() -> None:
    def extract(text: str) -> str:
        return text.removeprefix("It is ") if text.startswith("It is ") else ""

    dataset = sums().dataset
    assert dataset is not None
    task = Task(
        dataset=dataset,
        metrics=(exact_match(extract, chance=0.0),),
        oracle=lambda sample: Prediction(sample_id=sample.id, text=f"It is {sample.target}"),
    )
    changes = {"dataset": None, "metrics": ()}
    assert broken(sums(**changes, task=lambda _: task)) == {}
    blind = replace(task, oracle=None)
    assert "an-oracle-is-right" in broken(sums(**changes, task=lambda _: blind))


def judging(judge: Callable[[Sample, Prediction], float], **changes: Any) -> Metric:
    """Return an accuracy with another way to judge."""
    metric = choice_accuracy(chance=0.25)
    return replace(metric, judge=lambda s, p: Verdict(judge(s, p)), **changes)


def first_of(prediction: Prediction) -> str:
    top = max(prediction.logprobs.values(), default=0.0)
    return next((name for name, value in prediction.logprobs.items() if value == top), "")


def test_no_answer_that_counts_as_right_is_caught() -> None:
    lenient = judging(lambda s, p: float(first_of(p) in ("", s.target)))
    found = broken(quiz(metrics=(lenient,)))["an-empty-answer-scores-nothing"]
    assert "accuracy is 1 for an empty answer, and chance is 0.25 (40 samples)" in found


def test_a_tie_that_goes_to_the_first_choice_is_caught_where_the_first_is_right_too_often() -> None:
    skewed = [replace(question(n), target="A" if n % 2 else LETTERS[n % 4]) for n in range(40)]
    eager = judging(lambda s, p: float(first_of(p) == s.target))
    found = broken(quiz(dataset=of(*skewed), metrics=(eager,)))
    assert "for an undecided answer" in found["an-empty-answer-scores-nothing"]
    fair = broken(quiz(dataset=of(*skewed)))
    assert "an-empty-answer-scores-nothing" not in fair


def test_an_undeclared_chance_level_is_none() -> None:
    found = broken(quiz(metrics=(choice_accuracy(),)))["an-empty-answer-scores-nothing"]
    assert "it declares no chance level" in found


def test_targets_at_one_place_are_caught() -> None:
    lazy = [replace(question(n), target="A" if n % 8 else "B") for n in range(40)]
    found = broken(quiz(dataset=of(*lazy)))["a-constant-answer-is-chance"]
    assert "accuracy is 0.875 for the answer 'A' to everything, and chance is 0.25" in found
    same = [replace(question(n), target="A") for n in range(40)]
    assert "every target is 'A'" in broken(quiz(dataset=of(*same)))["a-constant-answer-is-chance"]


def test_a_written_answer_that_is_right_too_often_is_caught() -> None:
    samples = [Sample(id=str(n), input="?", target="7" if n % 2 else str(n)) for n in range(40)]
    found = broken(sums(dataset=of(*samples)))["a-constant-answer-is-chance"]
    assert "accuracy is 0.5 for the answer '7' to everything" in found


def test_a_metric_that_takes_any_answer_is_caught() -> None:
    def generous(sample: Sample, prediction: Prediction) -> Verdict:
        return Verdict(float(bool(prediction.text)), prediction.text)

    metric = replace(exact_match(chance=0.0), judge=generous)
    found = broken(sums(metrics=(metric,)))
    assert "accuracy is 1 for an oracle with shuffled" in found["shuffled-targets-are-chance"]
    found = broken(sums(metrics=(replace(metric, chance=None),)))
    assert "does not go by the targets" in found["shuffled-targets-are-chance"]


def test_choices_that_never_change_places_are_caught() -> None:
    def baked(sample: Sample) -> Prompt:
        return ask(question(int(sample.id.removeprefix("q"))))

    found = broken(quiz(prompt=baked))["permuted-choices-permute-the-answer"]
    assert "'q0': the prompt stays the same when the choices change places" in found


def test_choices_that_are_not_shown_are_caught() -> None:
    def blind(sample: Sample) -> Prompt:
        return replace(ask(sample), question=f"{sample.input}\nAnswer:")

    found = broken(quiz(prompt=blind))["permuted-choices-permute-the-answer"]
    assert "does not show the choice '0 apples'" in found


def test_a_metric_that_remembers_the_old_place_is_caught() -> None:
    def stale(sample: Sample, prediction: Prediction) -> float:
        return float(first_of(prediction) == question(int(sample.id.removeprefix("q"))).target)

    found = broken(quiz(metrics=(judging(stale),)))["permuted-choices-permute-the-answer"]
    assert "does not accept the answer at its new place" in found


def test_choices_named_by_their_texts_may_be_permuted() -> None:
    samples = [
        replace(s, target=s.choices[LETTERS.index(s.target)]) for s in map(question, range(40))
    ]

    def spelled(sample: Sample) -> Prompt:
        choices = tuple(Choice(text, (f" {text}",)) for text in sample.choices)
        return Prompt(question=str(sample.input), choices=choices)

    assert broken(quiz(dataset=of(*samples), prompt=spelled)) == {}


def test_a_value_out_of_the_declared_range_is_caught() -> None:
    percent = judging(lambda s, p: 100.0 * (first_of(p) == s.target), chance=None)
    assert "gives 100 to 'q0'" in broken(quiz(metrics=(percent,)))["metrics-stay-in-range"]
    whole = replace(percent, high=100.0, chance=25.0)
    assert broken(quiz(metrics=(whole,))) == {}
    assert (
        "the range 0 to 100"
        in (broken(quiz(metrics=(replace(whole, chance=120.0),)))["metrics-stay-in-range"])
    )


def test_an_aggregate_out_of_the_declared_range_is_caught() -> None:
    def total(scores: Any) -> list[Score]:
        return [Score(metric="total", value=sum(s.value for s in scores), n=len(scores))]

    metric = replace(choice_accuracy(chance=0.25), aggregate=total)
    assert "for a whole run" in broken(quiz(metrics=(metric,)))["metrics-stay-in-range"]


def test_a_metric_that_a_reply_makes_fail_is_caught() -> None:
    metric = exact_match(lambda text: str(int(text or "0")), chance=0.0)
    assert "it fails with ValueError" in broken(sums(metrics=(metric,)))["metrics-stay-in-range"]


def test_a_prompt_that_gives_the_answer_away_is_caught() -> None:
    def leaky(sample: Sample) -> Prompt:
        return Prompt(question=f"{sample.input} (solution: {sample.target})", chat=True)

    found = broken(sums(prompt=leaky))["the-target-is-not-in-the-prompt"]
    assert "says the target in 40 of 40 samples, first '154' in 's11'" in found
    assert broken(sums(prompt=leaky, tags=frozenset({"extractive"}))) == {}


def test_a_target_in_every_prompt_by_coincidence_is_no_leak() -> None:
    samples = [
        Sample(id=str(n), input=f"Is {n} even?", target="no" if n % 2 else "yes") for n in range(40)
    ]
    yes_or_no = sums(
        dataset=of(*samples),
        prompt=lambda s: Prompt(question=f"{s.input} Answer yes or no.", chat=True),
        metrics=(exact_match(chance=0.5),),
    )
    assert broken(yes_or_no) == {}


def test_a_question_among_its_own_examples_is_caught() -> None:
    first = question(0)

    def shown(sample: Sample) -> Prompt:
        return replace(ask(sample), examples=(f"{ask(first).question} A\n\n",))

    found = broken(quiz(prompt=shown))["the-target-is-not-in-the-prompt"]
    assert found == "'q0' is among its own worked examples"


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"summary": " "}, "no summary"),
        ({"license": ""}, "no license"),
        ({"size": ""}, "no size"),
        ({"homepage": ""}, "neither paper nor homepage"),
        ({"terms": Terms.GATED}, "its data is gated"),
    ],
)
def test_metadata_that_is_missing_is_caught(changes: dict[str, Any], finding: str) -> None:
    assert finding in broken(quiz(**changes))["metadata-is-complete"]


def test_a_module_without_a_docstring_is_caught() -> None:
    plugin = Plugin("bare", ModuleType("bare"), "bare.py")
    case = next(r for r in RULES if rule_name(r) == "metadata-is-complete")
    assert "no docstring" in "".join(case(Subject(quiz(), plugin=plugin)))
    described = Subject(quiz(description="Apples in baskets."), plugin=plugin)
    assert list(case(described)) == []


def test_every_rule_has_a_plugin_here_that_breaks_it() -> None:
    source = Path(__file__).read_text()
    for rule in RULES:
        assert f'["{rule_name(rule)}"]' in source, rule_name(rule)


# --- How it is done -------------------------------------------------------------------------------


def reviewed() -> Benchmark:
    """Return a benchmark whose answers a second model grades."""

    def judge(sample: Sample, prediction: Prediction) -> Verdict:
        said = prediction.review.text if prediction.review else ""
        return Verdict(
            float(said == "yes"), said, Outcome.ANSWERED if said else Outcome.UNPARSEABLE
        )

    def oracle(sample: Sample) -> Prediction:
        review = Prediction(sample_id=sample.id, stage="judge", text="yes")
        return Prediction(sample_id=sample.id, text=sample.target, review=review)

    dataset = sums().dataset
    assert dataset is not None
    task = Task(
        dataset=dataset,
        metrics=(Metric(name="accuracy", judge=judge, aggregate=averages("accuracy"), chance=0.0),),
        review=Review(
            name="judge", prompt=lambda s, p: Prompt(question=p.text), prompt_text="Is it right?"
        ),
        oracle=oracle,
    )
    return sums(dataset=None, metrics=(), task=lambda _: task)


def test_a_second_model_is_played_by_the_oracle_and_asked_nothing_else() -> None:
    found = results(reviewed())
    assert {name for name, result in found.items() if result.holds is False} == set()
    assert found["an-oracle-is-right"].holds
    assert found["shuffled-targets-are-chance"].holds is None
    assert "judge" in found["shuffled-targets-are-chance"].findings[0]


def test_a_rule_that_does_not_apply_is_skipped_by_pytest() -> None:
    cases = {case.__name__: case for case in benchmark_contract("clock", plugins=[CLOCK])}
    with pytest.raises(DoesNotApply):
        cases["permuted-choices-permute-the-answer"]()


def test_an_unknown_name_fails_the_tests_and_not_their_collection() -> None:
    cases = benchmark_contract("no-such-benchmark")
    assert len(cases) == len(RULES)
    with pytest.raises(Exception, match="no benchmark named 'no-such-benchmark'"):
        cases[0]()


def test_the_network_is_on_again_afterwards() -> None:
    before = socket.getaddrinfo
    attempts: list[str] = []
    with socket.socket() as unused, network_off(attempts), pytest.raises(OSError, match="off"):
        unused.connect(("127.0.0.1", 9))
    assert attempts == ["('127.0.0.1', 9)"]
    assert socket.getaddrinfo is before
    assert "connect" not in vars(socket.socket)


def test_a_large_dataset_is_looked_at_from_end_to_end() -> None:
    many = [question(n) for n in range(2500)]
    some = spread(many, 1000)
    assert len(some) == 1000
    assert some[0].id == "q0"
    assert some[-1].id == "q2497"
    assert spread(many[:3], 1000) == many[:3]
