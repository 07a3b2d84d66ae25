"""What the driver and the replicas of a run tell each other: to stop, and how loading goes.

A plain class, of which `cluster.py` makes an actor that all of them can reach.
"""

from evaluators.survivor import MOST_DEATHS

FORGIVEN = 1
"""Replicas that may be killed while they load, with none loaded in between: nodes do get lost."""


class Halt:
    """Whether the driver wants to stop, and whether a replica should still try to load."""

    def __init__(self, replicas: int) -> None:
        """Go on, at first, with so many replicas."""
        self._replicas = replicas
        self._called = False
        self._taken = 0
        self._heard: dict[str, bool] = {}
        self._loads = self._loads_in_vain = 0

    def call(self) -> None:
        """Stop."""
        self._called = True

    def called(self) -> bool:
        """Return whether to stop."""
        return self._called

    def took(self, replica: str, requests: int) -> None:
        """Learn that a replica has begun so many requests."""
        self._taken += requests
        self._heard.setdefault(replica, False)

    def heard(self, replica: str) -> None:
        """Learn that a replica begins none any more."""
        self._heard[replica] = True

    def settled(self, answered: int) -> bool:
        """Return whether everything begun is among so many answers, and nothing else begins.

        Never so where a replica was lost: its requests were begun twice, or it did not hear.
        """
        return self._called and all(self._heard.values()) and answered == self._taken

    def loading(self) -> str:
        """Count that a replica is about to load; return why it should not, or "".

        A replica whose process is killed on the way cannot tell, and Ray starts it without end.
        """
        self._loads += 1
        self._loads_in_vain += 1
        killed = self._loads_in_vain - self._replicas
        if killed > FORGIVEN:
            return (
                f"its process was killed {killed} times while it loaded (out of memory? ask: dmesg)"
            )
        if self._loads > self._replicas * (1 + MOST_DEATHS):
            return f"it was loaded {self._loads - 1} times and died each time"
        return ""

    def loaded(self) -> None:
        """Learn that the model can be loaded."""
        self._loads_in_vain = 0
