"""A run is one process's at a time, and nobody's once that process has ended, however it ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluators.claims import Claims
from registry import RegistryError

TAKES = """
import sys, time
from pathlib import Path
from evaluators.claims import Claims
claims = Claims(Path(sys.argv[1]))
print(claims.take(7), flush=True)
time.sleep(600)
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start another process, which has claimed run 7."""
    command = [sys.executable, "-c", TAKES, str(tmp_path / "claims")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def claims(tmp_path: Path) -> Iterator[Claims]:
    claims = Claims(tmp_path / "claims")
    yield claims
    claims.release()


def test_what_another_process_has_claimed_is_refused(
    other: subprocess.Popen[str], claims: Claims
) -> None:
    assert not claims.take(7)
    with pytest.raises(RegistryError, match=r"another process is asking run 7 at this moment"):
        claims.demand(7)
    assert claims.take(8)


def test_what_a_killed_process_had_claimed_is_free(
    other: subprocess.Popen[str], claims: Claims
) -> None:
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    assert claims.take(7)


def test_one_s_own_claim_may_be_made_twice_and_is_free_when_released(
    claims: Claims, tmp_path: Path
) -> None:
    second = Claims(tmp_path / "claims")
    assert [claims.take(7), claims.take(7), second.take(7)] == [True, True, False]
    claims.release()
    assert second.take(7)
    second.release()


def test_one_process_at_a_time_chooses(claims: Claims, tmp_path: Path) -> None:
    second = Claims(tmp_path / "claims")
    with claims.choosing(), pytest.raises(BlockingIOError):
        second._lock("choosing", wait=False)
    with second.choosing():
        pass
