"""The contract of a benchmark, one function a rule: each yields what is wrong, or nothing.

Nobody is asked: answers are made from the targets. A rule raises DoesNotApply where the benchmark
has nothing for it to look at.
"""

import json
import math
import os
import pickle
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias
from unittest import SkipTest

from registry.benchmark import Content, Image, Metric, Prompt, Sample, SampleScore, Terms
from registry.subject import HOSTILE, Answer, Subject, aggregated, judged, look_up, spread

LUCK = 0.999
"""Guessing stays below the binomial limit so often."""

LEAKS = 0.25
"""By how much oftener a prompt may say its own target than another's.

Some do by coincidence ("yes or no?"): MathVista's free-form questions say their own in 24.8 %, and
another's in 24.6 %.
"""

EXTRACTIVE = "extractive"
"""The tag of benchmarks whose answers are passages of the prompt."""

Rule: TypeAlias = Callable[[Subject], Iterator[str]]


class DoesNotApply(SkipTest):
    """The benchmark has nothing that the rule could look at; pytest shows it as skipped."""


# --- Data and requests ----------------------------------------------------------------------------


def loads_offline(subject: Subject) -> Iterator[str]:
    """The samples load with the network off."""
    if not subject.everything:
        yield "the dataset has no samples"
    for address in dict.fromkeys(subject.connections):
        yield f"reading the samples connects to {address}"


def ids_are_unique(subject: Subject) -> Iterator[str]:
    """Sample ids are unique, and the same each time the data is read."""
    ids = [sample.id for sample in subject.everything]
    for name, n in Counter(ids).items():
        if not name:
            yield "a sample has no id"
        elif n > 1:
            yield f"{n} samples have the id '{name}'"
    if ids != [sample.id for sample in subject.read()]:
        yield "the ids, or their order, change from one reading to the next"


def requests_repeat(subject: Subject) -> Iterator[str]:
    """The same samples give the same requests byte for byte, in another process too."""
    first = fingerprints(subject)
    changes = list(_changes(first, fingerprints(replace(subject)), "from one reading to the next"))
    if not changes and subject.plugin is not None:
        # Sets are ordered by the hashes of strings, which differ from process to process.
        changes = list(_changes(first, fingerprints_elsewhere(subject), "in another process"))
    yield from changes


def _changes(first: Mapping[str, str], second: Mapping[str, str], when: str) -> Iterator[str]:
    changed = [name for name in first if second.get(name) != first[name]]
    if changed:
        yield (
            f"{len(changed)} of {len(first)} requests change {when}, first that of '{changed[0]}': "
            "draw lots with random.Random(sample.id), and sort what comes from a set"
        )
    elif list(first) != list(second):
        yield f"the order of the samples changes {when}"


def fingerprints(subject: Subject) -> dict[str, str]:
    """Return a digest of each request, by the sample's id."""
    return {
        name: sha256(repr(prompt).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        for name, prompt in subject.prompts.items()
    }


def fingerprints_elsewhere(subject: Subject) -> dict[str, str]:
    """Return the same from a process of its own, where strings have other hashes."""
    asked = {
        "name": subject.benchmark.name,
        "variant": list(subject.words),
        "data": str(subject.data) if subject.data else "",
        "plugins": [str(file) for file in subject.files],
        "without": list(subject.without),
    }
    hashes = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    path = os.pathsep.join(filter(None, sys.path))
    code = "from registry import contract; contract.print_fingerprints()"
    done = subprocess.run(
        # -P: this process's path and no other, or the plugin may be another copy of itself.
        [sys.executable, "-P", "-c", code],
        input=json.dumps(asked),
        env={**os.environ, "PYTHONHASHSEED": hashes, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"another process cannot read it: {done.stderr.strip()[-400:]}")
    printed: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return printed


def print_fingerprints() -> None:
    """Print the digests of the subject that standard input describes."""
    asked = json.load(sys.stdin)
    subject = look_up(
        asked["name"],
        variant=asked["variant"],
        data=Path(asked["data"]) if asked["data"] else None,
        plugins=[Path(file) for file in asked["plugins"]],
        without=asked["without"],
    )
    print(json.dumps(fingerprints(subject)))


def samples_travel(subject: Subject) -> Iterator[str]:
    """Samples and requests survive pickling, as they must to reach a worker."""
    for sample in subject.samples:
        for kind, item in (("sample", sample), ("request", subject.prompts[sample.id])):
            problem = _lost(item)
            if problem:
                yield f"the {kind} of '{sample.id}' {problem}"
                return


def _lost(item: object) -> str:
    try:
        copy = pickle.loads(pickle.dumps(item))
    except Exception as error:  # a plugin's own class may raise anything
        return f"cannot be pickled: {error!r}"
    return "" if copy == item else "is another after pickling"


# --- Answers and scores ---------------------------------------------------------------------------


def an_oracle_is_right(subject: Subject) -> Iterator[str]:
    """An oracle that answers from the targets gets a metric's best score."""
    for metric in subject.task.metrics:
        scores = judged(metric, subject.samples, subject.oracle)
        value, n = aggregated(metric, scores)
        if n == 0:
            yield f"{metric.name}: none of the oracle's answers was judged"
        elif not math.isclose(value, best(metric), abs_tol=1e-9):
            wrong = next((s for s in scores if s.value not in (None, best(metric))), None)
            example = _misunderstood(wrong) if wrong else ""
            yield f"{metric.name} is {value:.3g} for the oracle, not {best(metric):g}{example}"


def _misunderstood(score: SampleScore) -> str:
    return (
        f"; of '{score.sample_id}' it understood {_short(score.answer)}, and the target is "
        f"{_short(score.target)}. Show what a right answer looks like with: Task(oracle=…)"
    )


def an_empty_answer_scores_nothing(subject: Subject) -> Iterator[str]:
    """An empty answer, and one that weighs all choices alike, are no better than chance."""
    for metric in subject.task.metrics:
        yield from _lucky(subject, metric, subject.empty, "an empty answer", metric.chance)
        if any(prompt.choices for prompt in subject.prompts.values()):
            doing = "an undecided answer"
            yield from _lucky(subject, metric, subject.undecided, doing, metric.chance)


def a_constant_answer_is_chance(subject: Subject) -> Iterator[str]:
    """The most frequent answer, given to every sample, is no better than chance."""
    _needs_no_reviewer(subject)
    if all(metric.chance is None for metric in subject.task.metrics):
        raise DoesNotApply("no metric declares a chance level")
    places = Counter(_answer_of(subject, sample) for sample in subject.samples)
    frequent = places.most_common(1)[0][0]
    name = _short(subject.answering(subject.samples[0], frequent).target)
    if len(places) == 1 < len(subject.samples):
        yield f"every target is {name}"
        return
    # Guessing among written answers that occur is right now and then, whatever is declared.
    share = 1 / len(places) if isinstance(frequent, str) else 0.0
    doing = f"the answer {name} to everything"
    for metric in subject.task.metrics:
        if metric.chance is not None:
            level = _at_least(metric, metric.chance, share)
            yield from _lucky(subject, metric, _always(subject, frequent), doing, level)


def shuffled_targets_are_chance(subject: Subject) -> Iterator[str]:
    """An oracle that is given the targets of other samples falls to chance."""
    _needs_no_reviewer(subject)
    shuffled = _shuffled(subject)
    agreement = _share(shuffled[s.id].target == s.target for s in subject.samples)
    if agreement == 1:
        raise DoesNotApply("the targets are all the same")
    for metric in subject.task.metrics:
        yield from _undisturbed(
            subject, metric, lambda sample: subject.oracle(shuffled[sample.id]), agreement
        )


def _undisturbed(
    subject: Subject, metric: Metric, answer: Answer, agreement: float
) -> Iterator[str]:
    """Yield that the answers score as if they were right; so many of them are, by coincidence."""
    doing = "an oracle with shuffled targets"
    if metric.chance is not None:
        level = _at_least(metric, metric.chance, agreement)
        yield from _lucky(subject, metric, answer, doing, level)
        return
    value, n = aggregated(metric, judged(metric, subject.samples, answer))
    if n and 1 - goodness(metric, value) < (1 - agreement) / 4:
        yield f"{metric.name} is still {value:.3g} for {doing}: it does not go by the targets"


def permuted_choices_permute_the_answer(subject: Subject) -> Iterator[str]:
    """Choices in another order are shown in that order, and the answer moves along."""
    asked = [s for s in subject.samples if len(s.choices) > 1 and subject.place(s) is not None]
    if not asked:
        raise DoesNotApply("no sample has choices that its target names")
    for sample in asked:
        problem = _hidden(subject, sample) or _unmoved(subject, sample)
        if problem:
            yield f"'{sample.id}': {problem}"
            return


def _hidden(subject: Subject, sample: Sample) -> str:
    """Return that a choice is not in the prompt; an image may show what its text does not."""
    prompt = subject.prompts[sample.id]
    shown = _text(prompt.question) + "".join(s for c in prompt.choices for s in c.spellings)
    absent = [choice for choice in sample.choices if choice.strip() not in shown]
    if absent and not _has_images(prompt.question):
        return f"the prompt does not show the choice {_short(absent[0])}"
    return ""


def _unmoved(subject: Subject, sample: Sample) -> str:
    """Return how the prompt or the headline metric ignores that the first choice becomes last."""
    first, *rest = sample.choices
    place = (subject.place(sample) or 0) - 1
    moved = replace(sample, choices=(*rest, first))
    moved = subject.answering(moved, place % len(sample.choices))
    given = _text(sample.input)
    if (
        subject.task.prompt(moved) == subject.prompts[sample.id]
        and len(set(sample.choices)) > 1
        and not all(choice in given for choice in sample.choices)
        and not _has_images(sample.input)
    ):
        return "the prompt stays the same when the choices change places"
    metric = subject.task.headline
    if metric.judge(moved, subject.oracle(moved)).value != best(metric):
        return f"{metric.name} does not accept the answer at its new place"
    stale = metric.judge(moved, subject.oracle(sample)).value
    if moved.target != sample.target and stale == best(metric):
        return f"{metric.name} still accepts the answer at its old place"
    return ""


def metrics_stay_in_range(subject: Subject) -> Iterator[str]:
    """Whatever a model writes, a metric judges it, within the range that it declares."""
    some = spread(subject.samples, 40)
    hostile = [subject.saying(text) for text in HOSTILE]
    answers = [subject.oracle, subject.truncated, subject.empty, subject.undecided, *hostile]
    for metric in subject.task.metrics:
        chance = metric.low if metric.chance is None else metric.chance
        if not (metric.low < metric.high and metric.low <= chance <= metric.high):
            span = f"{metric.low:g} to {metric.high:g}"
            yield f"{metric.name} declares the range {span} and the chance level {chance:g}"
        problems = (_outside(metric, some, answer) for answer in answers)
        yield from [f"{metric.name} {problem}" for problem in problems if problem][:1]


def _outside(metric: Metric, samples: Sequence[Sample], answer: Answer) -> str:
    scores = judged(metric, samples, answer)
    for score in scores:
        if score.value is not None and not metric.low <= score.value <= metric.high:
            return f"gives {score.value:g} to '{score.sample_id}'"
        if score.probability is not None and not 0 <= score.probability <= 1:
            return f"gives the probability {score.probability:g} to '{score.sample_id}'"
    value, n = aggregated(metric, scores)
    return f"is {value:g} for a whole run" if n and not metric.low <= value <= metric.high else ""


def the_target_is_not_in_the_prompt(subject: Subject) -> Iterator[str]:
    """The prompt neither gives the answer away nor shows the question among its examples."""
    for sample in subject.samples:
        if any(_shows(example, sample) for example in subject.prompts[sample.id].examples):
            yield f"'{sample.id}' is among its own worked examples"
            break
    free = [s for s in subject.samples if not s.choices and not subject.prompts[s.id].choices]
    if free and EXTRACTIVE not in subject.benchmark.tags:
        yield from _leaks(subject, free)


def _leaks(subject: Subject, samples: Sequence[Sample]) -> Iterator[str]:
    """Yield that prompts say their own target more often than that of another sample."""
    texts = [_asked(subject.prompts[sample.id]) for sample in samples]
    own = [_says(text, s.target) for text, s in zip(texts, samples, strict=True)]
    strange = zip(texts, _beside(samples), strict=True)
    others = _share(_says(text, other.target) for text, other in strange)
    if _share(own) - others > LEAKS * (1 - others):
        first = samples[own.index(True)]
        yield (
            f"the prompt says the target in {sum(own)} of {len(own)} samples, first "
            f"{_short(first.target)} in '{first.id}'. Where answers are passages of the prompt, "
            f"say so with the tag '{EXTRACTIVE}'"
        )


# --- What it says of itself -----------------------------------------------------------------------


def metadata_is_complete(subject: Subject) -> Iterator[str]:
    """The benchmark says what it is, where it is from, how large, and under which terms."""
    benchmark = subject.benchmark
    for name, meaning in (
        ("summary", "one sentence for the list of benchmarks"),
        ("license", "the licence of its data"),
        ("size", "how many questions it has"),
    ):
        if not getattr(benchmark, name).strip():
            yield f"no {name}; give {meaning} with: {name}=…"
    if not benchmark.paper and not benchmark.homepage:
        yield "neither paper nor homepage; say where to read about it with: homepage=…"
    if benchmark.terms is not Terms.OPEN and not benchmark.terms_text:
        yield f"its data is {benchmark.terms}; say what the terms ask with: terms_text=…"
    module = subject.plugin.module.__doc__ if subject.plugin else ""
    if subject.plugin and not (benchmark.description or module or "").strip():
        yield "the plugin's module has no docstring, which is the benchmark's page"


RULES: tuple[Rule, ...] = (
    loads_offline,
    ids_are_unique,
    requests_repeat,
    samples_travel,
    an_oracle_is_right,
    an_empty_answer_scores_nothing,
    a_constant_answer_is_chance,
    shuffled_targets_are_chance,
    permuted_choices_permute_the_answer,
    metrics_stay_in_range,
    the_target_is_not_in_the_prompt,
    metadata_is_complete,
)


# --- Numbers --------------------------------------------------------------------------------------


def best(metric: Metric) -> float:
    """Return the better end of the range."""
    return metric.high if metric.higher_is_better else metric.low


def worst(metric: Metric) -> float:
    """Return the other end of the range."""
    return metric.low if metric.higher_is_better else metric.high


def goodness(metric: Metric, value: float) -> float:
    """Return where the value lies from worst (0) to best (1); 0 on a range without end."""
    span = best(metric) - worst(metric)
    return 0.0 if math.isinf(span) else (value - worst(metric)) / span


def _at_least(metric: Metric, chance: float, share: float) -> float:
    """Return the chance level, or where so large a share of right answers is better, that."""
    value = worst(metric) + share * (best(metric) - worst(metric))
    return value if goodness(metric, value) > goodness(metric, chance) else chance


def _lucky(
    subject: Subject, metric: Metric, answer: Answer, doing: str, chance: float | None
) -> Iterator[str]:
    """Yield that answers without knowledge score more than luck explains."""
    # Inside: scipy's distributions take most of a second to import.
    from scipy import stats

    value, n = aggregated(metric, judged(metric, subject.samples, answer))
    level = 0.0 if chance is None else goodness(metric, chance)
    limit = float(stats.binom.ppf(LUCK, n, level)) / n if n else 0.0
    if n and goodness(metric, value) > limit + 1e-9:
        known = "it declares no chance level" if chance is None else f"chance is {chance:.3g}"
        yield f"{metric.name} is {value:.3g} for {doing}, and {known} ({n:,} samples)"


def _needs_no_reviewer(subject: Subject) -> None:
    if subject.task.review is not None:
        raise DoesNotApply(f"a second model ({subject.task.review.name}) would have to be asked")


def _always(subject: Subject, answer: int | str) -> Answer:
    return lambda sample: subject.oracle(subject.answering(sample, answer))


def _answer_of(subject: Subject, sample: Sample) -> int | str:
    place = subject.place(sample)
    return sample.target if place is None else place


def _shuffled(subject: Subject) -> dict[str, Sample]:
    """Return each sample with the target of another that has as many choices."""
    alike: dict[int, list[Sample]] = {}
    for sample in subject.samples:
        alike.setdefault(len(sample.choices), []).append(sample)
    moved = {}
    for members in alike.values():
        answers = [_answer_of(subject, sample) for sample in members]
        random.Random(0).shuffle(answers)
        for sample, answer in zip(members, answers, strict=True):
            moved[sample.id] = subject.answering(sample, answer)
    return moved


def _beside(samples: Sequence[Sample]) -> list[Sample]:
    """Return for each sample another, of another target where no target is most of all."""
    ordered = sorted(samples, key=lambda sample: sample.target)
    half = len(ordered) // 2
    turned = ordered[half:] + ordered[:half]
    others = {s.id: other for s, other in zip(ordered, turned, strict=True)}
    return [others[sample.id] for sample in samples]


def _share(flags: Iterable[bool]) -> float:
    counted = list(flags)
    return sum(counted) / max(len(counted), 1)


# --- Texts ----------------------------------------------------------------------------------------


def _text(content: Content) -> str:
    parts = (content,) if isinstance(content, str) else content
    return "".join(part for part in parts if isinstance(part, str))


def _has_images(content: Content) -> bool:
    return not isinstance(content, str) and any(isinstance(part, Image) for part in content)


def _asked(prompt: Prompt) -> str:
    """Return what a prompt says beside its examples, which show answers."""
    return f"{prompt.system}\n{prompt.header}\n{_text(prompt.question)}"


def _shows(example: str, sample: Sample) -> bool:
    """Whether an example is the sample itself; many a question differs by its choices alone."""
    if _has_images(sample.input) or not _says(example, _text(sample.input)):
        return False
    return all(choice in example for choice in sample.choices)


def _says(text: str, phrase: str) -> bool:
    """Whether the phrase is in the text, as words of their own."""
    phrase = phrase.strip()
    pattern = rf"(?<!\w){re.escape(phrase)}(?!\w)"
    return bool(phrase) and re.search(pattern, text, re.IGNORECASE) is not None


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:59]}…")
