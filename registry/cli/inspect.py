"""`podium inspect`: exactly what a model is asked about one sample, and how an answer is judged.

Texts of restricted data stay off the terminal, and out of what records it, unless they are asked
for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from registry.benchmark import Benchmark, Content, Image, Prediction, Prompt, Sample, Task, Terms
from registry.cli.check import data_option, variant_option
from registry.cli.completion import complete_benchmark
from registry.cli.context import Podium, examples, pass_podium
from registry.cli.output import Column, Page, Record, Table, format_option, show_page
from registry.datasets import locate
from registry.errors import DatasetError

JUDGED = (
    Column("metric", "metric"),
    Column("understood", "understood"),
    Column("outcome", "outcome"),
    Column("score", "value"),
    Column("tied", "tied"),
)
PARTS = ("system", "header", "examples", "question")
PRIVATE = ("target", "cluster", "groups", *PARTS, "images", "review")


@click.command(
    "inspect",
    epilog=examples(
        "podium inspect mmlu",
        "podium inspect mmlu --sample-id anatomy/0 --variant 0-shot --answer B",
        "podium inspect mimic-cxr --data DIR --show-private --format json",
    ),
)
@click.argument("name", metavar="BENCHMARK", shell_complete=complete_benchmark)
@click.option("--sample-id", default="", metavar="ID", help="Which sample. Default: the first.")
@variant_option
@data_option
@click.option("--answer", metavar="TEXT", help="Judge this reply, or this choice.")
@click.option("--review", metavar="TEXT", help="What the second model says of the answer.")
@click.option("--show-private", is_flag=True, help="Show texts of restricted data as well.")
@format_option
@pass_podium
def inspect(
    podium: Podium,
    /,
    name: str,
    sample_id: str,
    variant: tuple[str, ...],
    data: Path | None,
    answer: str | None,
    review: str | None,
    show_private: bool,
    style: str,
) -> None:
    """Show what is asked about a sample, and judge an answer.

    Blanks that end a line are shown as dots; --format json has every text as it is.
    """
    benchmark = podium.plugins.benchmark(name)
    chosen = benchmark.variant(variant)
    task = benchmark.task_for(chosen)
    sample, is_offline = _sample(benchmark, task, data, sample_id)
    item = {"benchmark": name, "variant": chosen.name, **_asked(sample, task.prompt(sample))}
    item["judged"] = []
    if answer is not None:
        item |= _judged(task, sample, answer, review)
    if benchmark.terms is not Terms.OPEN and not is_offline and not show_private:
        item = _withheld(item, benchmark.terms)
    show_page(_page(item), item, style)


def _sample(
    benchmark: Benchmark, task: Task, data: Path | None, sample_id: str
) -> tuple[Sample, bool]:
    """Return the sample of that id, else the first, and whether it is of the offline sample."""
    dataset = task.dataset
    offline = data is None and dataset.sample is not None
    folder = locate(benchmark.name, dataset, data, sample=offline)
    known = []
    for item in dataset.read() if folder is None else dataset.read(folder):
        if isinstance(item, Sample):
            if sample_id in ("", item.id):
                return item, offline
            known.append(item.id)
    if not known:
        raise DatasetError(f"{benchmark.name} has no samples. Name its files with: --data DIR")
    nearest = get_close_matches(sample_id, known, n=1)
    hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
    raise DatasetError(
        f"{benchmark.name} has no sample '{sample_id}'.{hint} "
        f"See its first with: podium inspect {benchmark.name}"
    )


def _asked(sample: Sample, prompt: Prompt) -> dict[str, Any]:
    return {
        "sample_id": sample.id,
        "target": sample.target,
        "cluster": sample.cluster,
        "groups": dict(sample.groups),
        "asked_as": "chat" if prompt.chat else "completion",
        "answered_by": "weighing the choices" if prompt.choices else "writing",
        "system": prompt.system,
        "header": prompt.header,
        "examples": list(prompt.examples),
        "question": _text(prompt.question),
        "images": [_image(image) for image in _images(prompt.question)],
        "choices": {choice.name: list(choice.spellings) for choice in prompt.choices},
        "sampling": asdict(prompt.sampling),
    }


def _text(content: Content) -> str:
    """Return the question, each image marked where it stands."""
    parts = (content,) if isinstance(content, str) else content
    return "".join("[image]" if isinstance(part, Image) else part for part in parts)


def _images(content: Content) -> Iterator[Image]:
    if not isinstance(content, str):
        yield from (part for part in content if isinstance(part, Image))


def _image(image: Image) -> dict[str, Any]:
    # Inside: Pillow takes longer to import than `podium --help` may take.
    from registry.images import BadImage, open_image

    reference = {"path": image.path, "column": image.column, "row": image.row}
    try:
        picture = open_image(image)
    except BadImage as error:
        return {**reference, "size": None, "problem": str(error)}
    return {**reference, "size": f"{picture.width} x {picture.height}", "problem": ""}


def _judged(task: Task, sample: Sample, answer: str, review: str | None) -> dict[str, Any]:
    """Return how each metric reads the answer, and what a second model would be asked about it."""
    choices = task.prompt(sample).choices
    if choices:
        names = [choice.name for choice in choices]
        if answer not in names:
            raise click.BadParameter(f"'{answer}' is none of {', '.join(names)}.")
        weights = {name: 0.0 if name == answer else -9.0 for name in names}
        prediction = Prediction(sample_id=sample.id, logprobs=weights)
    else:
        prediction = Prediction(sample_id=sample.id, text=answer)
    step = task.review
    asked = step.prompt(sample, prediction) if step else None
    item: dict[str, Any] = {"review": _text(asked.question) if asked else ""}
    if step and asked and review is None:
        return item
    if step and asked:
        said = Prediction(sample_id=sample.id, stage=step.name, text=review or "")
        prediction = replace(prediction, review=said)
    return item | {"judged": list(_verdicts(task, sample, prediction))}


def _verdicts(task: Task, sample: Sample, prediction: Prediction) -> Iterator[dict[str, Any]]:
    for metric in task.metrics:
        verdict = metric.judge(sample, prediction)
        yield {
            "metric": metric.name,
            "understood": verdict.answer,
            "outcome": verdict.outcome.value,
            "value": verdict.value,
            "tied": verdict.tied,
        }


def _withheld(item: Mapping[str, Any], terms: Terms) -> dict[str, Any]:
    """Return the record without what is the data's: only how long each text is."""
    public = {name: value for name, value in item.items() if name not in PRIVATE}
    lengths = {part: sum(map(len, item[part])) for part in PARTS}
    return public | {
        "withheld": f"{terms.value} data: texts, target and images are shown with --show-private",
        "characters": lengths,
        "images": [{"size": image["size"]} for image in item["images"]],
    }


def _page(item: Record) -> Page:
    return Page(
        heading=f"{item['benchmark']}  {item['sample_id']}  ({item['variant']})",
        text="\n\n".join(_shown(item)),
        facts={
            "target": item.get("target"),
            "groups": _pairs(item.get("groups", {})),
            "cluster": item.get("cluster"),
            "asked as": item["asked_as"],
            "answered by": item["answered_by"],
            "choices": _pairs(item["choices"]),
            "images": [_reference(image) for image in item["images"]],
            "sampling": _pairs(item["sampling"]),
            "characters": _pairs(item.get("characters", {})),
            "withheld": item.get("withheld"),
        },
        tables=(Table(item["judged"], JUDGED, "The answer, as the metrics judge it"),),
        notes=_reviewing(item),
    )


def _shown(item: Record) -> Iterator[str]:
    """Yield each text of the prompt under its name, indented: code in Markdown, clear elsewhere."""
    for part in PARTS:
        texts = item.get(part) or []
        for number, text in enumerate([texts] if isinstance(texts, str) else texts, 1):
            name = f"example {number}" if part == "examples" else part
            yield f"{name.capitalize()}\n\n{_indented(text)}"
    if item.get("review"):
        yield f"Review\n\n{_indented(item['review'])}"


def _indented(text: str) -> str:
    lines = []
    for line in text.split("\n"):
        bare = line.rstrip(" ")
        lines.append(f"    {bare}{'·' * (len(line) - len(bare))}" if line else "")
    return "\n".join(lines)


def _pairs(values: Mapping[str, Any]) -> list[str]:
    return [f"{name}={value!r}" for name, value in values.items()]


def _reference(image: Mapping[str, Any]) -> str:
    place = f"{image.get('path', '')} {image.get('column', '')}".strip()
    cell = f" row {image['row']}" if image.get("column") else ""
    return f"{place}{cell} ({image['size'] or image.get('problem')})".strip()


def _reviewing(item: Record) -> tuple[str, ...]:
    if item.get("review") and not item["judged"]:
        return ("A second model reviews this answer. Score what it would say with: --review TEXT",)
    return ()
