"""What a replica's engine printed last: the reason of its death, fit to be stored and shown.

Only lines of the engine's own processes count. They are given token ids and pixels, never text, so
that nothing of a prompt can be among their words; long lists of numbers, which token ids are, are
left out. Of anything else only fixed words are kept, such as "Segmentation fault".
"""

import os
import re
from pathlib import Path

TAIL = 1 << 16
"""Bytes of the end of a printout that are read."""

LONGEST = 240

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_OF_ENGINE = re.compile(r"^\((?:EngineCore|Worker)\S* pid=\d+\) (?:\S+ \S+ \S+ \[\S+\] ?)?(.*)$")
_ERROR = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception|Exit|Interrupt)(?:: .+)?$")
_CRASH = re.compile(
    r"Fatal Python error: [A-Za-z ]+|Segmentation fault|SIG[A-Z]{3,5} received|"
    r"terminate called after throwing an instance of '[\w:]+'|died unexpectedly"
)
_AFTERMATH = re.compile(
    r"\babove\b|\broot cause\b|^(?:BrokenPipe|ConnectionReset|EOF)Error|^KeyboardInterrupt"
)
"""What one process says when another is gone already, or only points to what stands elsewhere."""

_MANY_NUMBERS = re.compile(r"-?\d+(?:[\s,]+-?\d+){7,}")
_UNPRINTED = re.compile(r"[^ -~]+")


class Printout:
    """What this process and its children print, where that goes to files, as Ray's workers' does.

    On Linux a process can see where its own output goes: the log of a local run, or the log that
    Ray keeps for a worker of a cluster.
    """

    def __init__(self) -> None:
        """Begin at the end of what is printed so far."""
        self._begins: dict[Path, int] = {}
        self.begin()

    def begin(self) -> None:
        """Forget what was printed until now: another engine is about to start."""
        files = {Path(f"/proc/self/fd/{descriptor}").resolve() for descriptor in (1, 2)}
        self._begins = {file: file.stat().st_size for file in sorted(files) if file.is_file()}

    def last_words(self) -> str:
        """Return the last error that the engine printed, "" where it printed none."""
        for file, begin in self._begins.items():
            if words := last_words(_tail(file, begin)):
                return words
        return ""


def last_words(printed: str) -> str:
    r"""Return the last error in what was printed, in one line of plain characters.

    >>> last_words("(EngineCore pid=7) ERROR 11-25 16:20:01 [core.py:9] ValueError: no patches")
    'ValueError: no patches'
    >>> last_words("a worker's own words\nFatal Python error: Segmentation fault")
    'Fatal Python error: Segmentation fault'
    """
    errors, crashes = [], []
    for line in _COLOUR.sub("", printed).splitlines():
        if found := _OF_ENGINE.match(line):
            if _ERROR.match(found[1]) and not _AFTERMATH.search(found[1]):
                errors.append(found[1])
        elif crash := _CRASH.search(line):
            crashes.append(crash[0])
    last = next(iter(errors[-1:] or crashes[-1:]), "")
    plain = _UNPRINTED.sub(" ", _MANY_NUMBERS.sub("...", last))
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}..."


def _tail(file: Path, begin: int) -> str:
    with file.open("rb") as printed:
        end = printed.seek(0, os.SEEK_END)
        printed.seek(max(begin, end - TAIL))
        return printed.read().decode(errors="replace")
