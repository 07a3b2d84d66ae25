"""Which process works on a run: one at a time on this machine, told by locks on files.

A lock ends with its process, however that ends: what a killed command left can be gone on with, and
what another command is asking at this moment is left to it.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry import RegistryError


class Claims:
    """The runs of one registry that this process works on."""

    def __init__(self, folder: Path) -> None:
        """Use the folder; it is made when a run is claimed."""
        self._folder = folder
        self._held: dict[int, int] = {}

    def take(self, run_id: int) -> bool:
        """Claim a run, and return whether it is this process's now."""
        if run_id in self._held:
            return True
        lock = self._opened(f"run-{run_id}")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._held[run_id] = lock
        return True

    def demand(self, run_id: int) -> None:
        """Claim a run. Raises RegistryError where another process works on it."""
        if not self.take(run_id):
            raise RegistryError(
                f"another process is asking run {run_id} at this moment. "
                f"See how far it is with: podium runs {run_id}"
            )

    @contextmanager
    def choosing(self) -> Iterator[None]:
        """Let no other process look for runs to claim while this one does."""
        lock = self._opened("choosing")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def __contains__(self, run_id: int) -> bool:
        return run_id in self._held

    def release(self) -> None:
        """Give all runs back; the end of the process does so too."""
        while self._held:
            os.close(self._held.popitem()[1])

    def _opened(self, name: str) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        return os.open(self._folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
