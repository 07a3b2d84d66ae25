"""Values on disk, in the order they came: what may be a million is not held in memory.

The file has no name, so that nothing is left of it, whatever ends the program: its content may be
credentialed. Pickles of this program's own values; nothing else is ever read from it.
"""

import os
import pickle
import tempfile
import weakref
from array import array
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

FOLDER = "/var/tmp"
"""Where large temporary files belong, since /tmp may be memory; TMPDIR names another."""


class Spool(Generic[T]):
    """A sequence that grows at its end and lives on disk; eight bytes a value are in memory."""

    def __init__(self) -> None:
        """Start empty."""
        folder = os.environ.get("TMPDIR") or (FOLDER if os.path.isdir(FOLDER) else None)
        self._file, name = tempfile.mkstemp(prefix="podium-", dir=folder)
        os.unlink(name)
        weakref.finalize(self, os.close, self._file)
        self._ends = array("Q", [0])

    def append(self, value: T) -> int:
        """Add a value, and return its place. Raises OSError where the disk is full."""
        content = memoryview(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
        end = self._ends[-1]
        while content:
            written = os.pwrite(self._file, content, end)
            content, end = content[written:], end + written
        self._ends.append(end)
        return len(self) - 1

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, place: int) -> T:
        if not 0 <= place < len(self):
            raise IndexError(place)
        start, end = self._ends[place], self._ends[place + 1]
        value: T = pickle.loads(os.pread(self._file, end - start, start))
        return value

    def __iter__(self) -> Iterator[T]:
        return (self[place] for place in range(len(self)))

    def __getstate__(self) -> tuple[str, "array[int]"]:
        """Return how another process of this machine and user reads it while this one lives."""
        return f"/proc/{os.getpid()}/fd/{self._file}", self._ends

    def __setstate__(self, state: tuple[str, "array[int]"]) -> None:
        path, self._ends = state
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)
