"""Of what an engine printed, its last error is kept, and nothing that a prompt can be part of."""

import doctest
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evaluators import printout
from evaluators.printout import LONGEST, TAIL, last_words

DEATH = """\
(EngineCore pid=71) ERROR 11-25 16:20:01 [core.py:1376] EngineCore encountered a fatal error.
(EngineCore pid=71) ERROR 11-25 16:20:01 [core.py:1376] Traceback (most recent call last):
(EngineCore pid=71) ERROR 11-25 16:20:01 [core.py:1376]   File "core.py", line 1, in run
(EngineCore pid=71) ERROR 11-25 16:20:01 [core.py:1376] RuntimeError: stack expects a tensor
(EngineCore pid=71) Process EngineCore:
(EngineCore pid=71) Traceback (most recent call last):
(EngineCore pid=71) RuntimeError: stack expects a tensor
ERROR 11-25 16:20:01 [async_llm.py:819] AsyncLLM output_handler failed.
ERROR 11-25 16:20:01 [async_llm.py:819] vllm.EngineDeadError: EngineCore encountered an issue.
"""
ROOT_CAUSE, GONE = "RuntimeError: stack expects a tensor", "BrokenPipeError: [Errno 32] Broken pipe"
COLOURED = "\x1b[0;36m(EngineCore_DP0 pid=71)\x1b[0;0m"


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        (DEATH, ROOT_CAUSE),
        (DEATH.replace("(EngineCore pid=71)", COLOURED), ROOT_CAUSE),
        ("(Worker_TP1 pid=3) torch.OutOfMemoryError: CUDA", "torch.OutOfMemoryError: CUDA"),
        ("(EngineCore pid=7) MemoryError\n", "MemoryError"),
        ("Fatal Python error: Segmentation fault\n", "Fatal Python error: Segmentation fault"),
        ("*** SIGSEGV received at time=1 on cpu 0 ***", "SIGSEGV received"),
        ("Engine core proc EngineCore died unexpectedly, shutting down", "died unexpectedly"),
        ("(EngineCore pid=7) RuntimeError: failed. See the error above.", ""),
        (f"{DEATH}(EngineCore pid=7) Exception: see stack trace for root cause.", ROOT_CAUSE),
        ("(EngineCore pid=7) all is well\n", ""),
        (f"{DEATH}(Worker pid=8) ERROR 11-25 17:32:41 [executor.py:9] {GONE}", ROOT_CAUSE),
        ("", ""),
    ],
)
def test_the_last_error_of_the_engine_is_kept(printed: str, words: str) -> None:
    assert last_words(printed) == words


@pytest.mark.parametrize(
    "printed",
    [
        "ValueError: cannot answer 'Is Jane Roe ill?'",
        "(Replica pid=3) ValueError: cannot answer 'Is Jane Roe ill?'",
        "Segmentation fault at 'Is Jane Roe ill?'",
        "(EngineCore pid=7) what was asked: Is Jane Roe ill?",
    ],
)
def test_words_of_processes_that_know_the_prompt_are_not_kept(printed: str) -> None:
    assert "Jane" not in last_words(printed)


def test_token_ids_are_left_out_and_shapes_kept() -> None:
    line = "(EngineCore pid=7) ValueError: "
    assert last_words(f"{line}tokens [2, 105, 2364, 107, 3689, 563, 506, 5279] are too many") == (
        "ValueError: tokens [...] are too many"
    )
    assert "[1, 3, 56, 56]" in last_words(f"{line}shape [1, 3, 56, 56] is not expected")


def test_the_words_are_one_short_line_of_plain_characters() -> None:
    words = last_words(f"(EngineCore pid=7) ValueError: \x07a\tb {'é' * 9} {'x' * 999}")
    assert words.isprintable()
    assert words.isascii()
    assert len(words) <= LONGEST + 3


def test_a_process_reads_what_its_children_print_since_it_began_and_no_more_than_the_end(
    tmp_path: Path,
) -> None:
    program = f"""
import os, sys
from pathlib import Path
from evaluators.printout import Printout
error = "(EngineCore pid=7) ValueError: "
print(error + "of the engine before", flush=True)
printout = Printout()
said = [printout.last_words()]
os.system(f"echo '{{error}}of a child' >&2")
said.append(printout.last_words())
printout.begin()
said.append(printout.last_words())
print(error + "long ago", flush=True)
print("." * {TAIL}, flush=True)
said.append(printout.last_words())
Path("said").write_text(repr(said))
"""
    with (tmp_path / "log").open("w") as log:
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=log,
            stderr=log,
            check=True,
        )
    assert (tmp_path / "said").read_text() == repr(["", "ValueError: of a child", "", ""])


def test_output_that_goes_to_no_file_has_no_last_words() -> None:
    program = "from evaluators.printout import Printout; print(repr(Printout().last_words()))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "''"


def test_the_examples_of_its_docstring_are_true() -> None:
    assert doctest.testmod(printout).failed == 0
