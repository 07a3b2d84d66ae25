"""Short answers: 10,000 made-up questions whose replies end after 32 tokens, to measure writing.

The prompt ends in the middle of a list that has no end, so that a model goes on to the last token
it may write, and both sides of a comparison write as many.

    Count on in steps of 7: 3, 10, 17,
    -> 24, 31, 38, ...
"""

from collections.abc import Iterator

from registry import Benchmark, Dataset, Prompt, Sample, Sampling, exact_match, hookimpl

QUESTIONS = 10_000
LONGEST = 32


def questions() -> Iterator[Sample]:
    """Yield each start with each step."""
    for number in range(QUESTIONS):
        start, step = number % 20 + 1, number // 20 + 2
        shown = ", ".join(str(start + place * step) for place in range(3))
        yield Sample(
            id=f"{start}+{step}",
            input=f"Count on in steps of {step}: {shown},",
            target=str(start + 3 * step),
        )


def prompt(sample: Sample) -> Prompt:
    """Ask in plain text, with room for 32 tokens."""
    return Prompt(question=sample.input, sampling=Sampling(max_tokens=LONGEST))


def first_number(text: str) -> str:
    """Return what stands before the first comma."""
    return text.partition(",")[0].strip()


@hookimpl
def register_benchmarks() -> list[Benchmark]:
    return [
        Benchmark(
            name="short-answers",
            summary="Lists to be counted on, 32 tokens each.",
            dataset=Dataset("short-answers", questions),
            metrics=(exact_match(extract=first_number),),
            prompt=prompt,
        )
    ]
