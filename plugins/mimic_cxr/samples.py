"""The questions of the test split, and what gives none, with the reason."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plugins.mimic_cxr.labels import MASKED, YES, Policy, Row, Source, study_labels
from plugins.mimic_cxr.layout import Study, View, find_tree, made_from, test_studies
from plugins.mimic_cxr.prompts import question, question_of_all
from registry import Excluded, Image, Sample

# Few and fixed, so that a run can count them.
STRAY = "labelled by radiologists, but in no test split of this copy"
UNDESCRIBED = "none of its images is in the metadata table"
NO_FRONTAL = "no frontal image"
NO_LABELS = "no row in the label table"
ALL_MASKED = "every condition is masked"


@dataclass(frozen=True, slots=True)
class Examined:
    """A study that is asked about: the view that stands for it, its labels, and the right answers.

    The target of a condition is "" where the policy masks it. The picture may be missing on disk,
    which the engine finds out.
    """

    study: Study
    view: View
    path: Path
    row: Row
    targets: Mapping[str, str]

    @property
    def unmasked(self) -> dict[str, str]:
        """The right answer for each condition that counts."""
        return {name: target for name, target in self.targets.items() if target != MASKED}

    @property
    def picture(self) -> Image:
        """The picture that is sent."""
        return Image(str(self.path))


def read(
    root: Path, *, source: Source, policy: Policy, conditions: Sequence[str], by_study: bool = False
) -> Iterator[Sample | Excluded]:
    """Yield a sample for each test study and condition, or `by_study` one for each study.

    Its cluster is the patient, and its metadata has each condition's share of yes. What views,
    labels and the policy leave out is yielded as excluded: whole studies ("s50000001") and single
    conditions ("s50000001/Edema").
    """
    tree = find_tree(root)
    studies = test_studies(tree)
    rows: dict[str, Row] = {}
    for study_id, row in study_labels(tree, source):
        if study_id in studies:
            rows[study_id] = row
        elif source.test_only:
            yield Excluded(f"s{study_id}", STRAY)
    results = [_examine(s, rows.get(s.id), policy, conditions) for s in studies.values()]
    examined = [each for each in results if isinstance(each, Examined)]
    shares = {condition: _prevalence(condition, examined) for condition in conditions}
    for each in results:
        if isinstance(each, Excluded):
            yield each
            continue
        yield from _masked(each)
        if by_study:
            yield _whole(each, shares)
        else:
            yield from _questions(each, shares)


def _examine(
    study: Study, row: Row | None, policy: Policy, conditions: Sequence[str]
) -> Examined | Excluded:
    """Return what is asked about a study, or why nothing is."""
    name, view = f"s{study.id}", study.frontal
    if not study.views:
        return Excluded(name, UNDESCRIBED, incomplete=True)
    if view is None:
        return Excluded(name, NO_FRONTAL)
    if row is None:
        return Excluded(name, NO_LABELS)
    targets = {condition: policy.target(condition, row[condition]) for condition in conditions}
    if not any(targets.values()):
        return Excluded(name, ALL_MASKED)
    return Examined(study, view, study.picture(view), row, targets)


def _prevalence(condition: str, examined: Sequence[Examined]) -> float:
    """Return the share of yes among the questions asked for a condition."""
    asked = [each.targets[condition] for each in examined if each.targets[condition] != MASKED]
    return asked.count(YES) / max(len(asked), 1)


def _masked(each: Examined) -> Iterator[Excluded]:
    """Yield the conditions of a study that are not asked about."""
    for condition, target in each.targets.items():
        if target == MASKED:
            label = each.row[condition].value
            yield Excluded(f"s{each.study.id}/{condition}", f"masked: {label} in the report")


def _questions(each: Examined, shares: Mapping[str, float]) -> Iterator[Sample]:
    """Yield the questions about one study, one after the other: they share the picture."""
    for condition, target in each.unmasked.items():
        yield Sample(
            id=f"s{each.study.id}/{condition}",
            input=(each.picture, question(condition)),
            target=target,
            groups={"condition": condition, **made_from(each.path)},
            cluster=f"p{each.study.subject}",
            metadata={"view": each.view.position, "prevalence": shares},
        )


def _whole(each: Examined, shares: Mapping[str, float]) -> Sample:
    """Return the one question about a study; its target is JSON, from condition to answer."""
    return Sample(
        id=f"s{each.study.id}",
        input=(each.picture, question_of_all(tuple(each.targets))),
        target=json.dumps(each.unmasked),
        groups=made_from(each.path),
        cluster=f"p{each.study.subject}",
        metadata={"view": each.view.position, "prevalence": shares},
    )
