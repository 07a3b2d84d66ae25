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
        if run_id not in self._held:
            try:
                self._held[run_id] = self._lock(f"run-{run_id}", wait=False)
            except BlockingIOError:
                return False
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
        lock = self._lock("choosing", wait=True)
        try:
            yield
        finally:
            os.close(lock)

    def release(self) -> None:
        """Give all runs back; the end of the process does so too."""
        while self._held:
            _, lock = self._held.popitem()
            os.close(lock)

    def _lock(self, name: str, *, wait: bool) -> int:
        """Return a locked file, to be closed. Raises BlockingIOError instead of waiting for it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = os.open(self._folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            raise
        return file
