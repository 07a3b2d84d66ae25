"""What does not fit memory: values on disk come back as they were, and leave nothing behind."""

import gc
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.samples import Samples
from evaluators.spool import Spool
from registry import Image, Sample

VALUES = st.lists(st.one_of(st.text(), st.binary(), st.integers(), st.tuples(st.text(), st.none())))


@given(VALUES)
def test_values_come_back_in_their_order_and_by_their_place(values: list[object]) -> None:
    spool: Spool[object] = Spool()
    assert [spool.append(value) for value in values] == list(range(len(values)))
    assert [*spool] == values
    assert [spool[place] for place in reversed(range(len(spool)))] == values[::-1]


@pytest.mark.parametrize("place", [-1, 2])
def test_a_place_without_a_value_is_an_error(place: int) -> None:
    spool: Spool[str] = Spool()
    spool.append("a")
    spool.append("b")
    with pytest.raises(IndexError):
        spool[place]


def test_nothing_is_left_in_the_folder_even_while_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    spool: Spool[str] = Spool()
    spool.append("credentialed")
    assert [*tmp_path.iterdir()] == []
    assert [*spool] == ["credentialed"]


def test_its_file_is_closed_with_it() -> None:
    gc.collect()  # what other tests left
    before = len(os.listdir("/proc/self/fd"))
    spool: Spool[str] = Spool()
    assert len(os.listdir("/proc/self/fd")) == before + 1
    del spool
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


def test_another_process_reads_what_was_written() -> None:
    spool: Spool[str] = Spool()
    spool.append("written")
    told = pickle.dumps(spool)
    code = "import pickle, sys; print(*pickle.loads(sys.stdin.buffer.read()))"
    read = subprocess.run([sys.executable, "-c", code], input=told, capture_output=True, check=True)
    assert read.stdout.decode().split() == ["written"]


# --- Samples --------------------------------------------------------------------------------------


def sample(name: str, **changes: object) -> Sample:
    return Sample(**{"id": name, "input": f"Question {name}?", "target": "A"} | changes)


SAMPLES = (
    sample("b", groups={"subject": "botany"}, metadata={"level": 3}),
    sample("a", input=("Look:", Image("x.png")), choices=("one", "two"), cluster="patient 1"),
    sample("c", groups={"subject": "botany"}),
)


def test_samples_come_back_whole_by_id_in_the_dataset_s_order() -> None:
    samples = Samples(SAMPLES)
    assert [*samples] == ["b", "a", "c"]
    assert (*samples.values(),) == SAMPLES
    assert samples["a"] == SAMPLES[1]
    assert "d" not in samples


def test_a_part_of_them_keeps_the_order_of_the_whole() -> None:
    samples = Samples(SAMPLES)
    part = samples.only(["b", "c"])
    assert (*part.values(),) == (SAMPLES[0], SAMPLES[2])
    assert "a" not in part
    assert part.place("b") < part.place("c")
    assert len(samples) == 3


def test_ids_and_groups_are_in_memory_once() -> None:
    samples = Samples(SAMPLES)
    assert samples["b"].id is samples["b"].id
    assert samples["b"].groups is samples["c"].groups
