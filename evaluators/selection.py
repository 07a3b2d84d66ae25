"""What a run asks: samples read and narrowed, which makes it full, partial or a sample."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluators.samples import Samples
from registry import Benchmark, Dataset, DatasetError, Excluded, Sample, Task, UnknownName, Variant
from registry.datasets import locate, sample_hash
from registry.tables import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """How the user narrows a benchmark: the first samples, so many a subject, some subjects."""

    limit: int | None = None
    limit_per_subject: int | None = None
    subjects: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is narrowed."""
        return bool(self.limit or self.limit_per_subject or self.subjects)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """One benchmark of a run: the variant's task and the samples it asks."""

    benchmark: Benchmark
    variant: Variant
    task: Task
    samples: Samples
    excluded: dict[str, int]
    scope: Scope
    scope_reason: str
    items_hash: str
    dataset: str
    revision: str


def select(
    benchmark: Benchmark,
    words: Sequence[str],
    data: Path | None,
    narrowing: Narrowing,
    *,
    sample: bool,
) -> Selection:
    """Read a benchmark's samples and narrow them.

    Raises DatasetError where there is nothing to ask, UnknownName for an unknown word or subject.
    """
    variant = benchmark.variant(words)
    task = benchmark.task_for(variant)
    folder = locate(benchmark.name, task.dataset, data, sample=sample)
    read = task.dataset.read() if folder is None else task.dataset.read(folder)
    everything, excluded = _sorted_out(read)
    if not everything:
        raise DatasetError(_nothing(benchmark.name, folder, excluded))
    samples = narrowed(benchmark.name, everything, narrowing)
    missing = [e for e in excluded if e.incomplete]
    from_sample = sample and folder is not None
    return Selection(
        benchmark=benchmark,
        variant=variant,
        task=task,
        samples=samples,
        excluded=dict(Counter(e.reason for e in excluded)),
        scope=_scope(bool(narrowing), bool(missing), from_sample),
        scope_reason=_reason(len(samples), len(everything), missing, narrowing),
        items_hash=sample_hash(samples.values()),
        dataset=task.dataset.hub or task.dataset.name,
        revision=_revision(task.dataset, data, from_sample),
    )


def narrowed(benchmark: str, samples: Samples, narrowing: Narrowing) -> Samples:
    """Return the samples that the user asks for, in their order."""
    if not narrowing:
        return samples
    chosen = list(samples)
    if narrowing.subjects or narrowing.limit_per_subject:
        subjects = {sample_id: _subject(sample) for sample_id, sample in samples.items()}
        known = {*subjects.values()} - {""}
        if not known:
            raise DatasetError(f"{benchmark} has no subjects. Narrow it with: --limit N")
        for subject in narrowing.subjects:
            if subject not in known:
                listing = f"podium run {benchmark} --subjects NAME,NAME"
                raise UnknownName(f"subject of {benchmark}", subject, known, listing)
        wanted = {*narrowing.subjects} or known
        chosen = [sample_id for sample_id in samples if subjects[sample_id] in wanted]
        if narrowing.limit_per_subject:
            chosen = _first_of_each(chosen, subjects, narrowing.limit_per_subject)
    return samples.only(chosen[: narrowing.limit])


def _first_of_each(ids: Iterable[str], subjects: Mapping[str, str], limit: int) -> list[str]:
    seen: Counter[str] = Counter()
    kept = []
    for sample_id in ids:
        seen[subjects[sample_id]] += 1
        if seen[subjects[sample_id]] <= limit:
            kept.append(sample_id)
    return kept


def _subject(sample: Sample) -> str:
    """Return the sample's subject, or category where that is what it has; "" for neither."""
    return sample.groups.get("subject") or sample.groups.get("category", "")


def _sorted_out(read: Iterable[Sample | Excluded]) -> tuple[Samples, list[Excluded]]:
    samples, excluded = Samples(), []
    for item in read:
        if isinstance(item, Excluded):
            excluded.append(item)
        elif item.id in samples:
            raise DatasetError(
                f"two samples have the id '{item.id}'. Tell the author of its plugin; see: "
                "podium plugins"
            )
        else:
            samples.add(item)
    return samples, excluded


def _nothing(benchmark: str, folder: Path | None, excluded: Sequence[Excluded]) -> str:
    reasons = ", ".join(
        f"{n} {reason}" for reason, n in Counter(e.reason for e in excluded).items()
    )
    return (
        f"{benchmark}: nothing to ask in {folder or 'its samples'}"
        f"{f' ({reasons})' if reasons else ''}. Name another folder with: --data {benchmark}=DIR"
    )


def _scope(narrow: bool, missing: bool, from_sample: bool) -> Scope:
    if narrow or (missing and not from_sample):
        return Scope.PARTIAL
    return Scope.SAMPLE if from_sample else Scope.FULL


def _reason(n: int, everything: int, missing: Sequence[Excluded], narrowing: Narrowing) -> str:
    reasons = []
    if narrowing:
        reasons.append(f"{n:,} of {everything:,} samples asked")
    if missing:
        counts = Counter(e.reason for e in missing)
        reasons.extend(f"{count} {reason}" for reason, count in counts.items())
    return "; ".join(reasons)


def _revision(dataset: Dataset, data: Path | None, from_sample: bool) -> str:
    if from_sample:
        return "offline sample"
    return "local files" if data else dataset.revision
