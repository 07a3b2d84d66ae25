"""Where the libraries print that say a lot: into a log, while this program keeps the terminal."""

import os
import sys
from pathlib import Path
from threading import Lock


class Chatter:
    """Leads what libraries print to the log; this program's own words still reach the terminal.

    Ray and vLLM print from C++ and from loggers of their own, which only the descriptor catches.
    Several threads may be inside at once: the first one redirects, the last one ends it.
    """

    def __init__(self, log_file: Path) -> None:
        """Lead it to the end of this file."""
        self._log_file = log_file
        self._one_at_a_time = Lock()
        self._inside = 0

    def __enter__(self) -> None:
        with self._one_at_a_time:
            self._inside += 1
            if self._inside == 1:
                self._redirect()

    def __exit__(self, *_error: object) -> None:
        with self._one_at_a_time:
            self._inside -= 1
            if not self._inside:
                self._restore()

    def _redirect(self) -> None:
        sys.stderr.flush()
        self._terminal, self._stderr = os.dup(2), sys.stderr
        print_to(str(self._log_file), descriptors=(2,))
        self._own = sys.stderr = os.fdopen(os.dup(self._terminal), "w", buffering=1)

    def _restore(self) -> None:
        os.dup2(self._terminal, 2)
        os.close(self._terminal)
        # Where a progress line has put its own stream back meanwhile, that one stays.
        if sys.stderr is self._own:
            sys.stderr = self._stderr
        self._own.close()


def print_to(log_file: str, descriptors: tuple[int, ...] = (1, 2)) -> None:
    """Send what this process and its children print to the end of the file."""
    if log_file:
        log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for descriptor in descriptors:
            os.dup2(log, descriptor)
        os.close(log)
