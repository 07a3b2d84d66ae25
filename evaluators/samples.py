"""The samples of a run by their ids, in the dataset's order: on disk, since there may be a million.

In memory are the ids, each once, and the few different groups.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from evaluators.spool import Spool
from registry import Sample


class Samples(Mapping[str, Sample]):
    """A mapping from id to sample; iterates in the dataset's order."""

    def __init__(self, samples: Iterable[Sample] = ()) -> None:
        """Take the samples in; they are read once, and not kept in memory."""
        self._spool: Spool[tuple[Any, ...]] = Spool()
        self._ids: list[str] = []
        self._groups: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}
        self._places: dict[str, int] = {}
        for sample in samples:
            self.add(sample)

    def add(self, sample: Sample) -> None:
        """Take in a sample whose id is new."""
        place = self._spool.append(
            (
                sample.input,
                sample.target,
                sample.choices,
                dict(sample.groups),
                sample.cluster,
                dict(sample.metadata),
            )
        )
        self._ids.append(sample.id)
        self._places[sample.id] = place

    def __getitem__(self, sample_id: str) -> Sample:
        place = self._places[sample_id]
        content, target, choices, groups, cluster, metadata = self._spool[place]
        return Sample(
            id=self._ids[place],
            input=content,
            target=target,
            choices=choices,
            groups=self._groups.setdefault(tuple(groups.items()), groups),
            cluster=cluster,
            metadata=metadata,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def place(self, sample_id: str) -> int:
        """Return where in the dataset's order a sample stands."""
        return self._places[sample_id]

    def only(self, ids: Iterable[str]) -> "Samples":
        """Return some of the samples, named in the dataset's order; the disk is shared."""
        some = Samples()
        some._spool, some._ids, some._groups = self._spool, self._ids, self._groups
        some._places = {sample_id: self._places[sample_id] for sample_id in ids}
        return some
