"""MIMIC-CXR's numbers: what a reply says, macro F1 and its companions, the trivial baselines."""

import json
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.mimic_cxr import SAMPLE, register_benchmarks
from plugins.mimic_cxr.answers import (
    UNPARSEABLE,
    final_answer,
    json_answers,
    judge_direct,
    judge_final_answer,
    judge_json,
    p_yes,
)
from plugins.mimic_cxr.baselines import BASELINES
from plugins.mimic_cxr.labels import FIVE
from plugins.mimic_cxr.scoring import Call, Counts, auroc, macro_f1
from plugins.mimic_cxr.synthetic import LABELS, SIDE
from registry import (
    BadImage,
    Image,
    Metric,
    Outcome,
    Prediction,
    Sample,
    SampleScore,
    Score,
    Task,
    open_image,
)

NEVER = -math.inf

# Studies with a positive, negative, uncertain and no mention: in the training split where both
# labelers agree (of 222,758), and among the 687 that radiologists labelled.
TRAIN = {
    "Atelectasis": (44_012, 921, 9_623),
    "Cardiomegaly": (38_002, 15_563, 5_753),
    "Consolidation": (10_199, 7_791, 2_913),
    "Edema": (25_549, 24_746, 11_426),
    "Pleural Effusion": (51_680, 26_532, 5_184),
}
TRAIN_STUDIES = 222_758
RADIOLOGISTS = {
    "Atelectasis": (197, 4, 17, 469),
    "Cardiomegaly": (139, 82, 14, 452),
    "Consolidation": (55, 23, 17, 592),
    "Edema": (132, 85, 10, 460),
    "Pleural Effusion": (270, 82, 18, 317),
}


def task(*words: str) -> Task:
    benchmark, _ = register_benchmarks()
    return benchmark.task_for(benchmark.variant(words))


def questions(*words: str) -> list[Sample]:
    return [item for item in task(*words).dataset.read(SAMPLE) if isinstance(item, Sample)]


def scored(metric: Metric, sample: Sample, prediction: Prediction) -> SampleScore:
    """Judge as a run does."""
    verdict = metric.judge(sample, prediction)
    return SampleScore(
        sample_id=sample.id,
        metric=metric.name,
        value=verdict.value,
        answer=verdict.answer,
        target=sample.target,
        outcome=verdict.outcome,
        probability=verdict.probability,
        tied=verdict.tied,
        cluster=sample.cluster,
        groups=sample.groups,
    )


def run(answer: Callable[[Sample], Prediction], *words: str) -> list[SampleScore]:
    metric = task(*words).headline
    return [scored(metric, sample, answer(sample)) for sample in questions(*words)]


def board(scores: Sequence[SampleScore], *words: str) -> dict[tuple[str, str], Score]:
    return {(s.metric, s.part): s for s in task(*words).headline.aggregate(scores)}


def macro(scores: Sequence[SampleScore], *words: str) -> float:
    return task(*words).headline.aggregate(scores)[0].value


def sample(target: str = "yes", condition: str = "Edema", n: int = 1, patient: str = "") -> Sample:
    return Sample(
        id=f"s{n}/{condition}",
        input="?",
        target=target,
        groups={"condition": condition},
        cluster=patient or f"p{n}",
        metadata={"prevalence": {condition: 0.5}},
    )


def reply(text: str = "", **more: object) -> Prediction:
    return Prediction(sample_id="s1/Edema", text=text, **more)  # type: ignore[arg-type]


def weights(yes: float, no: float) -> Prediction:
    return Prediction(sample_id="s1/Edema", logprobs={"yes": yes, "no": no})


# What a reply says


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Final Answer: yes", "yes"),
        ("Final Answer: No", "no"),
        ("The angles are blunted.\n\nFinal Answer: Yes.", "yes"),
        ("final answer:NO", "no"),
        ("**Final Answer:** Yes", "yes"),
        ("**Final Answer**: No, there is none.", "no"),
        ("Final Answer: **Yes**", "yes"),
        ("## Final Answer:\n\n__no__", "no"),
        ('"Final Answer: yes"', "yes"),
        ("Final Answer: \u201cNo\u201d", "no"),
        ("Final Answer: (yes)", "yes"),
        ("Final Answer: $\\boxed{\\text{No}}$", "no"),
        ("`Final Answer: yes`", "yes"),
        ("Final Answer\uff1ayes", "yes"),
        ("Final Answer: True", "yes"),
        ("Final Answer: Present", "yes"),
        ("Final Answer: positive for edema", "yes"),
        ("Final Answer: False", "no"),
        ("Final Answer: absent", "no"),
        ("Final Answer: Negative.", "no"),
        ("Final Answer: No evidence of edema", "no"),
        # The last marker counts.
        ("Final Answer: yes. On reflection: Final Answer: no", "no"),
        ('In the format "Final Answer: X": I see fluid. Final Answer: yes', "yes"),
        ("Final Answer: yes\nFinal Answer:", ""),
        # Neither yes nor no.
        ('Final Answer: "X"', ""),
        ("Final Answer: uncertain", ""),
        ("Final Answer: not present", ""),
        ("Final Answer: yes or no", ""),
        ("Final Answer: Yes/No", ""),
        ("Final Answer: no doubt there is an effusion", ""),
        ("Final Answer: notable effusion", ""),
        ("Final Answer: yesterday's film", ""),
        ("Final Answer: 1", ""),
        # No marker: only the whole reply.
        ("yes", "yes"),
        (" **No.**\n", "no"),
        ("Yes!", "yes"),
        ("no doubt there is an effusion", ""),
        ("Yes, there is an effusion.", ""),
        ("There is no effusion.", ""),
        ("The final answer is yes", ""),
        ("true", ""),
        ("", ""),
        ("\u2212", ""),
        # Reasoning is not the reply.
        ("<think>Final Answer: yes</think>Final Answer: no", "no"),
        ("so it must be.\n</think>\n\nYes", "yes"),
        ("<think>It seems so. Final Answer: yes", ""),
        ("<unused94>thought\nFinal Answer: no<unused95>Final Answer: yes", "yes"),
        ("<think>a</think> hm <think>b</think>Final Answer: no", "no"),
        ("Final Answer: no <think>or is it? Final Answer: yes", ""),
    ],
)
def test_a_final_answer_is_read_only_where_it_stands(text: str, answer: str) -> None:
    assert final_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ('{"Edema": true, "Fracture": false}', {"Edema": "yes", "Fracture": "no"}),
        ('```json\n{"Edema": true}\n```', {"Edema": "yes"}),
        ('<think>{"Edema": false}</think>{"Edema": true}', {"Edema": "yes"}),
        ('{"Edema": "true", "Fracture": 1, "Pneumonia": null}', {}),
        ('{"Edema": true', {}),
        ("[true]", {}),
        ("Edema", {}),
        ("", {}),
        ('{"a":' * 100_000 + "}" * 100_000, {}),
    ],
)
def test_a_json_reply_says_only_its_booleans(text: str, answers: dict[str, str]) -> None:
    assert json_answers(text) == answers


@pytest.mark.parametrize(
    ("logprobs", "probability"),
    [
        ({"yes": math.log(0.6), "no": math.log(0.2)}, 0.75),
        ({"yes": -1000.0, "no": -1001.0}, 1 / (1 + math.exp(-1))),  # e^-1000 is 0
        ({"yes": -0.1}, 1.0),
        ({"no": -0.1}, 0.0),
        ({"yes": -3.0, "no": NEVER}, 1.0),
        ({"yes": NEVER, "no": NEVER}, None),
        ({}, None),
    ],
)
def test_yes_is_weighed_against_no_alone(
    logprobs: Mapping[str, float], probability: float | None
) -> None:
    assert p_yes(logprobs) == (None if probability is None else pytest.approx(probability))


@pytest.mark.parametrize(
    ("policy", "target", "value"),
    [
        ("unparseable-wrong", "yes", 0.0),
        ("unparseable-wrong", "no", 0.0),
        ("unparseable-negative", "yes", 0.0),
        ("unparseable-negative", "no", 1.0),
        ("unparseable-drop", "yes", None),
        ("unparseable-drop", "no", None),
    ],
)
def test_no_answer_counts_as_the_policy_says_in_every_mode(
    policy: str, target: str, value: float | None
) -> None:
    whole = Sample(id="s1", input="?", target=json.dumps({"Edema": target}))
    for verdict in (
        judge_direct(policy)(sample(target), reply()),
        judge_final_answer(policy)(sample(target), reply("I cannot tell.")),
        judge_json(policy)(whole, reply("I cannot tell.")),
    ):
        assert (verdict.value, verdict.outcome) == (value, Outcome.UNPARSEABLE)


@pytest.mark.parametrize(("target", "value"), [("yes", 1.0), ("no", 0.0)])
def test_an_answer_is_right_or_wrong_whatever_the_policy(target: str, value: float) -> None:
    whole = Sample(id="s1", input="?", target=json.dumps({"Edema": target}))
    for policy in UNPARSEABLE:
        direct = judge_direct(policy)(sample(target), weights(-1.0, -2.0))
        assert (direct.value, direct.answer, direct.outcome) == (value, "yes", Outcome.ANSWERED)
        assert direct.probability == pytest.approx(1 / (1 + math.exp(-1)))
        argued = judge_final_answer(policy)(sample(target), reply("Final Answer: yes"))
        assert (argued.value, argued.answer, argued.probability) == (value, "yes", None)
        assert judge_json(policy)(whole, reply('{"Edema": true}')).value == value


def test_a_tie_between_yes_and_no_is_no_answer_and_is_counted() -> None:
    verdict = judge_direct("unparseable-wrong")(sample("no"), weights(-1.0, -1.0))
    assert (verdict.value, verdict.answer, verdict.tied) == (0.0, "", True)
    assert verdict.probability == 0.5
    scores = run(lambda s: Prediction(sample_id=s.id, logprobs={"yes": -1.0, "no": -1.0}))
    assert board(scores)["tie-rate", ""].value == 1.0


@pytest.mark.parametrize(
    "cut_off",
    [
        reply("Final Answer: yes", finish_reason="length"),
        reply("Final Answer: yes", outcome=Outcome.TRUNCATED),
    ],
)
def test_a_reply_that_was_cut_off_has_no_answer_and_is_counted_apart(cut_off: Prediction) -> None:
    verdict = judge_final_answer("unparseable-wrong")(sample("yes"), cut_off)
    assert (verdict.value, verdict.answer, verdict.outcome) == (0.0, "", Outcome.TRUNCATED)
    scores = [scored(task("binary-cot").headline, sample("yes"), cut_off)]
    numbers = board(scores, "binary-cot")
    assert numbers["truncated-rate", ""].value == 1.0
    assert numbers["unparseable-rate", ""].value == 0.0


def test_a_weighed_answer_needs_but_one_token() -> None:
    one = Prediction(sample_id="s1/Edema", logprobs={"yes": -0.1}, finish_reason="length")
    assert judge_direct("unparseable-wrong")(sample("yes"), one).value == 1.0


def test_a_whole_study_is_worth_the_share_of_conditions_that_are_right() -> None:
    targets = {"Edema": "yes", "Fracture": "no", "Pneumonia": "no", "Atelectasis": "yes"}
    study = Sample(id="s1", input="?", target=json.dumps(targets), cluster="p1")
    partly = reply('{"Edema": true, "Fracture": true, "Pneumonia": false, "Consolidation": true}')
    values = {policy: judge_json(policy)(study, partly).value for policy in UNPARSEABLE}
    assert values == {
        "unparseable-wrong": 2 / 4,
        "unparseable-negative": 2 / 4,
        "unparseable-drop": 2 / 3,
    }
    verdict = judge_json("unparseable-drop")(study, partly)
    assert json.loads(verdict.answer) == {"Edema": "yes", "Fracture": "yes", "Pneumonia": "no"}
    assert verdict.outcome is Outcome.UNPARSEABLE


# Macro F1


def always_yes(rows: Iterable[tuple[int, int]]) -> float:
    return float(np.mean([Counts(tp=yes, fp=no, fn=0, tn=0).f1 for yes, no in rows]))


def test_always_yes_gets_what_was_computed_from_the_training_counts() -> None:
    assert round(always_yes((yes, no) for yes, no, _ in TRAIN.values()), 3) == 0.803
    assert round(always_yes((yes, TRAIN_STUDIES - yes) for yes, _, _ in TRAIN.values()), 3) == 0.258


@pytest.mark.parametrize(("policy", "value"), [("exclude", 0.843), ("u_zero", 0.363)])
def test_always_yes_gets_as_much_on_the_687_studies(policy: str, value: float) -> None:
    metric = task(policy).headline
    asked = []
    for condition, (yes, no, uncertain, blank) in RADIOLOGISTS.items():
        absent = no if policy == "exclude" else no + uncertain + blank
        targets = ["yes"] * yes + ["no"] * absent
        asked += [sample(target, condition, n, f"p{n % 50}") for n, target in enumerate(targets)]
    scores = [scored(metric, each, BASELINES["always-yes"](each)) for each in asked]
    numbers = board(scores, policy)
    headline = numbers["macro-f1", ""]
    assert round(headline.value, 3) == value
    assert headline.n == len(asked)
    assert headline.low is not None
    assert headline.high is not None
    assert headline.low < headline.value < headline.high
    assert numbers["macro-balanced-accuracy", ""].value == 0.5
    assert numbers["macro-auroc", ""].value == 0.5
    if policy == "exclude":
        assert round(numbers["f1", "condition=Atelectasis"].value, 2) == 0.99


def glance(sample: Sample) -> Prediction:
    """Read the bright blocks that the synthetic pictures carry."""
    condition, image = sample.groups["condition"], sample.input[0]
    assert isinstance(image, Image)
    try:
        grey = np.asarray(open_image(image).convert("L"), dtype=float)
    except BadImage as error:
        return Prediction(sample_id=sample.id, outcome=Outcome.FAILED, reason=str(error))
    row, column = divmod(LABELS.index(condition), 4)
    cell = SIDE // 4
    bright = grey[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell].mean() > 125
    return Prediction(sample_id=sample.id, logprobs={"yes" if bright else "no": -0.1})


def test_the_same_answers_are_perfect_or_not_as_the_policy_counts_doubt() -> None:
    answers = {s.id: glance(s) for s in questions()}
    failed = {name for name, p in answers.items() if p.outcome is Outcome.FAILED}
    assert {name.partition("/")[0] for name in failed} == {"s50000005", "s50000006"}
    values = {}
    for policy in ("exclude", "u_zero", "u_one"):
        metric = task(policy).headline
        asked = [s for s in questions(policy) if s.id not in failed]
        values[policy] = macro([scored(metric, s, answers[s.id]) for s in asked], policy)
    assert values["exclude"] == 1.0
    assert values["u_zero"] < 1.0
    assert values["u_one"] < 1.0
    assert values["u_zero"] != values["u_one"]


def test_a_worked_example_gives_every_number() -> None:
    calls = [("yes", "yes")] * 3 + [("yes", "no")] * 2 + [("no", "yes")] + [("no", "no")] * 4
    metric = task().headline
    scores = [
        scored(metric, each, weights(-1, -2) if answer == "yes" else weights(-2, -1))
        for n, (target, answer) in enumerate(calls)
        for each in [sample(target, "Edema", n)]
    ]
    numbers = board(scores)
    part = "condition=Edema"
    assert {name: numbers[name, part].value for name in ("n-positive", "tp", "fp", "fn", "tn")} == {
        "n-positive": 5,
        "tp": 3,
        "fp": 1,
        "fn": 2,
        "tn": 4,
    }
    assert numbers["precision", part].value == 3 / 4
    assert numbers["recall", part].value == 3 / 5
    assert numbers["specificity", part].value == 4 / 5
    assert numbers["f1", part].value == pytest.approx(2 / 3)
    assert numbers["balanced-accuracy", part].value == pytest.approx(0.7)
    assert numbers["mcc", part].value == pytest.approx(10 / math.sqrt(4 * 6 * 5 * 5))
    # 25 pairs: 3 x 4 won, 3 x 1 and 2 x 4 tied, 2 x 1 lost.
    assert numbers["auroc", part].value == pytest.approx((12 + 11 / 2) / 25)
    assert numbers["macro-f1", ""].value == numbers["micro-f1", ""].value == pytest.approx(2 / 3)
    assert {score.n for score in numbers.values()} == {10}


def test_the_headline_comes_first_and_is_the_plain_mean_of_the_conditions() -> None:
    scores = run(BASELINES["prevalence-random"])
    first, *rest = task().headline.aggregate(scores)
    assert (first.metric, first.part) == ("macro-f1", "")
    parts = [score.value for score in rest if score.metric == "f1"]
    assert len(parts) == 5
    assert first.value == pytest.approx(np.mean(parts))
    assert first.value != board(scores)["micro-f1", ""].value


def test_f1_is_zero_where_nothing_is_positive_and_the_condition_still_counts() -> None:
    assert Counts(tp=0, fp=0, fn=0, tn=9).f1 == 0.0
    metric = task().headline
    asked = [sample("yes", "Edema", 1), sample("no", "Atelectasis", 2)]
    right = [weights(-1, -2), weights(-2, -1)]
    scores = [scored(metric, *pair) for pair in zip(asked, right, strict=True)]
    assert macro(scores) == 0.5


def test_what_a_single_class_cannot_tell_is_left_out() -> None:
    scores = [scored(task().headline, sample("yes", "Edema", n), weights(-1, -2)) for n in range(3)]
    found = {name for name, part in board(scores) if part}
    assert found == {"f1", "precision", "recall", "n-positive", "tp", "fp", "fn", "tn"}
    assert not {"macro-auroc", "macro-balanced-accuracy"} & {name for name, _ in board(scores)}


def test_a_constant_answer_has_no_correlation() -> None:
    assert Counts(tp=5, fp=7, fn=0, tn=0).mcc == 0.0
    assert Counts(tp=0, fp=0, fn=0, tn=7).mcc is None
    assert Counts(tp=0, fp=0, fn=5, tn=7).precision is None


def test_permuted_predictions_give_the_same_scores_to_the_last_digit() -> None:
    scores = run(BASELINES["prevalence-random"], "u_one")
    shuffled = random.Random(1).sample(scores, len(scores))
    assert shuffled != scores
    assert task().headline.aggregate(shuffled) == task().headline.aggregate(scores)


def test_the_interval_draws_patients_not_questions() -> None:
    metric, generator = task().headline, random.Random(3)
    calls = [(generator.choice(["yes", "no"]), generator.random() < 0.7) for _ in range(40)]

    def width(copies: int) -> float:
        scores = [
            scored(metric, each, weights(-1, -2) if (target == "yes") == right else weights(-2, -1))
            for n, (target, right) in enumerate(calls)
            for copy in range(copies)
            for each in [sample(target, "Edema", n * 100 + copy, f"p{n}")]
        ]
        first = metric.aggregate(scores)[0]
        assert first.low is not None
        assert first.high is not None
        return first.high - first.low

    assert width(5) == pytest.approx(width(1))  # four more of the same teach nothing


def test_one_patient_and_answers_without_spread_have_no_interval() -> None:
    metric = task().headline
    alone = [scored(metric, sample("yes", "Edema", n, "p1"), weights(-n, -2.5)) for n in (1, 2, 3)]
    constant = [scored(metric, sample("yes", "Edema", n), weights(-2, -1)) for n in (1, 2, 3)]
    for scores in (alone, constant):
        first = metric.aggregate(scores)[0]
        assert (first.stderr, first.low, first.high) == (None, None, None)


def test_no_answers_give_no_number_but_do_not_fail() -> None:
    first = task().headline.aggregate([])[0]
    assert (first.value, first.n) == (0.0, 0)


def test_a_failed_request_is_not_counted_as_wrong() -> None:
    scores = run(BASELINES["always-yes"])
    failed = SampleScore(
        sample_id="s1/Edema",
        metric="macro-f1",
        value=None,
        answer="",
        target="no",
        outcome=Outcome.FAILED,
        cluster="p1",
        groups={"condition": "Edema"},
    )
    assert board([*scores, failed]) == board(scores)


def test_dropped_answers_leave_both_counts_and_conditions() -> None:
    words = ("unparseable-drop",)

    def shy(sample: Sample) -> Prediction:
        silent = sample.groups["condition"] == "Edema"
        return Prediction(sample_id=sample.id, logprobs={} if silent else {"yes": -0.1})

    numbers = board(run(shy, *words), *words)
    assert ("f1", "condition=Edema") not in numbers
    assert numbers["macro-f1", ""].n == 4 * 43
    assert numbers["unparseable-rate", ""].value == 1 / 5
    wrong = board(run(shy))
    assert wrong["f1", "condition=Edema"].value == 0.0
    assert wrong["tn", "condition=Edema"].value == 0
    negative = board(run(shy, "unparseable-negative"), "unparseable-negative")
    assert negative["specificity", "condition=Edema"].value == 1.0


# Area under the curve


def test_without_probabilities_there_is_no_area_under_the_curve() -> None:
    answers = {"yes": "Final Answer: yes", "no": "Final Answer: no"}
    scores = run(lambda s: reply(answers[s.target]), "binary-cot")
    assert macro(scores, "binary-cot") == 1.0
    assert not [name for name, _ in board(scores, "binary-cot") if "auroc" in name]


@settings(deadline=None)  # the first example imports scipy.stats
@given(
    st.lists(
        st.tuples(st.booleans(), st.none() | st.sampled_from([0.0, 0.1, 0.5, 0.5000001, 1.0])),
        max_size=30,
    )
)
def test_the_area_is_the_share_of_pairs_in_the_right_order(
    drawn: list[tuple[bool, float | None]],
) -> None:
    calls = [Call("Edema", present, True, "p", probability) for present, probability in drawn]
    shown = [p for present, p in drawn if present and p is not None]
    absent = [p for present, p in drawn if not present and p is not None]
    pairs = [(a > b) + (a == b) / 2 for a in shown for b in absent]
    assert auroc(calls) == (pytest.approx(np.mean(pairs)) if pairs else None)


# Baselines


@pytest.mark.parametrize("policy", ["u_zero", "exclude", "chexagent"])
@pytest.mark.parametrize("baseline", ["always-yes", "always-no"])
def test_a_constant_model_scores_the_same_in_every_mode(baseline: str, policy: str) -> None:
    values = {
        macro(run(BASELINES[baseline], mode, policy), mode, policy)
        for mode in ("binary-direct", "binary-cot", "multilabel-json")
    }
    assert len(values) == 1
    assert (values == {0.0}) == (baseline == "always-no")


def test_a_json_reply_scores_as_the_same_answers_one_by_one() -> None:
    guess = BASELINES["prevalence-random"]
    studies = {s.id: json.loads(guess(s).text) for s in questions("multilabel-json")}

    def one(sample: Sample) -> Prediction:
        study, _, condition = sample.id.partition("/")
        return Prediction(
            sample_id=sample.id, logprobs={"yes" if studies[study][condition] else "no": -0.1}
        )

    single, whole = board(run(one)), board(run(guess, "multilabel-json"), "multilabel-json")
    assert {key: single[key] for key in whole if "rate" not in key[0]} == {
        key: score for key, score in whole.items() if "rate" not in key[0]
    }


def test_random_answers_follow_the_prevalence_and_never_change() -> None:
    shares = {"Edema": 0.2, "Fracture": 0.0, "Pneumonia": 1.0}
    studies = [
        Sample(id=f"s{n}", input="?", target="{}", metadata={"prevalence": shares})
        for n in range(2000)
    ]
    said = [json.loads(BASELINES["prevalence-random"](study).text) for study in studies]
    assert said == [json.loads(BASELINES["prevalence-random"](study).text) for study in studies]
    assert np.mean([each["Edema"] for each in said]) == pytest.approx(0.2, abs=0.03)
    assert {each["Fracture"] for each in said} == {False}
    assert {each["Pneumonia"] for each in said} == {True}


def test_the_prevalence_is_that_of_the_questions_asked() -> None:
    asked = questions("exclude")
    targets = [s.target for s in asked if s.groups["condition"] == "Edema"]
    expected = targets.count("yes") / len(targets)
    assert {s.metadata["prevalence"]["Edema"] for s in asked} == {expected}
    assert list(asked[0].metadata["prevalence"]) == list(FIVE)


def test_the_metric_says_its_direction_and_range() -> None:
    metric = macro_f1(judge_direct("unparseable-wrong"), "unparseable-wrong")
    assert (metric.name, metric.higher_is_better, metric.low, metric.high) == (
        "macro-f1",
        True,
        0.0,
        1.0,
    )
