"""The documentation is run: its files are written, its commands typed, their output compared.

A block is what its fence says: `console` is typed and its output compared, `python` is run, `text`
is only read. A comment above the fence, which readers do not see, says more:

    <!-- file: NAME -->    write the block to NAME
    <!-- in: NAME -->      put the block's functions into NAME, for those of the same names
    <!-- exit: 1 -->       the last command fails; its messages are compared as well

A line of output that is `...` stands for any lines, `...` within one for any text.
"""

import ast
import doctest
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sandbox import Sandbox

from registry.contract import RULES
from registry.hookspecs import Hooks
from registry.testing import rule_name, sentence

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RUN = ("README.md", "docs/write-a-benchmark.md", "docs/hooks.md", "docs/operations.md")

BLOCK = re.compile(
    r"(?:<!-- (?P<verb>file|in|exit): (?P<object>\S+) -->\n)?"
    r"```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, and what is to be done with it."""

    language: str
    text: str
    verb: str
    object: str
    line: int


def blocks(page: str) -> Iterator[Block]:
    for match in BLOCK.finditer(page):
        line = page[: match.start("text")].count("\n")
        verb, name = match["verb"] or "", match["object"] or ""
        yield Block(match["language"], match["text"], verb, name, line)


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block, and the output under it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        while command.endswith("\\"):
            more, _, output = output.partition("\n")
            command = f"{command[:-1]}{more.removeprefix('> ')}"
        yield command, output


def follow(sandbox: Sandbox, block: Block) -> None:
    """Do what the block says. Raises AssertionError where something else comes of it."""
    if block.verb == "file":
        target = sandbox.folder / block.object
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(block.text)
    elif block.verb == "in":
        target = sandbox.folder / block.object
        target.write_text(with_functions(target.read_text(), block.text))
    elif block.language == "python":
        (sandbox.folder / "block.py").write_text(block.text)
        done = sandbox.run("python block.py")
        assert done.returncode == 0, done.stderr
    elif block.language == "console":
        type_in(sandbox, block)
    elif block.language != "text":
        raise AssertionError(f"line {block.line}: nothing to run in a block of {block.language!r}")


def type_in(sandbox: Sandbox, block: Block) -> None:
    typed = list(commands(block.text))
    for number, (command, expected) in enumerate(typed, 1):
        done = sandbox.run(command)
        fails = block.verb == "exit" and number == len(typed)
        where = f"line {block.line}: {command}\n{done.stdout}{done.stderr}"
        assert done.returncode == (int(block.object) if fails else 0), where
        actual = done.stdout + done.stderr if fails else done.stdout
        assert alike(expected, actual), f"{where}\n--- is not\n{expected}"


def alike(expected: str, actual: str) -> bool:
    """Compare as doctest does: `...` stands for anything, and trailing blanks do not count."""
    lines = [
        "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"
        for text in (expected, actual)
    ]
    return doctest.OutputChecker().check_output(*lines, doctest.ELLIPSIS)


def with_functions(source: str, replacement: str) -> str:
    """Return the source with the replacement's functions instead of its own, and its imports."""
    lines = source.splitlines(keepends=True)
    old = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    new = ast.parse(replacement).body
    for node in new:
        if isinstance(node, ast.FunctionDef) and node.name in old:
            gone = old[node.name]
            first = min([gone.lineno, *(d.lineno for d in gone.decorator_list)]) - 1
            for number in range(first, gone.end_lineno or first):
                lines[number] = "\n"
    added = replacement.splitlines(keepends=True)
    imports = [node for node in new if isinstance(node, ast.Import | ast.ImportFrom)]
    head = max((node.end_lineno or 0 for node in imports), default=0)
    top = min(
        node.lineno
        for node in ast.parse(source).body
        if isinstance(node, ast.Import | ast.ImportFrom)
    )
    lines[top - 1 : top - 1] = added[:head]
    return "".join(lines).rstrip() + "\n\n\n" + "".join(added[head:]).lstrip("\n")


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN)
def test_every_block_of_the_page_runs_and_prints_what_it_says(page: str, tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    found = list(blocks((ROOT / page).read_text()))
    assert found, page
    for block in found:
        follow(sandbox, block)


def test_output_that_differs_is_noticed(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    (wrong,) = blocks("```console\n$ echo one\ntwo\n```\n")
    with pytest.raises(AssertionError, match="line 1: echo one"):
        follow(sandbox, wrong)
    (failing,) = blocks("<!-- exit: 3 -->\n```console\n$ echo one >&2; exit 3\nt...\n```\n")
    with pytest.raises(AssertionError, match="is not"):
        follow(sandbox, failing)
    (right,) = blocks("<!-- exit: 3 -->\n```console\n$ echo one >&2; exit 3\no...\n```\n")
    follow(sandbox, right)


def test_a_function_on_a_page_replaces_the_one_of_its_name() -> None:
    source = "import re\n\n\n@cache\ndef a():\n    return 1\n\n\nb = 2\n"
    made = with_functions(source, "def a():\n    return 3\n")
    assert "return 1" not in made
    assert "@cache" not in made
    assert "b = 2" in made
    assert made.endswith("def a():\n    return 3\n")


# --- The hooks ------------------------------------------------------------------------------------


def hooks() -> dict[str, str]:
    """Return the source of each hook's signature, as the page must have it."""
    found = {}
    for name, function in vars(Hooks).items():
        if hasattr(function, "podium_spec"):
            source = inspect.getsource(function)
            signature = source[source.index("def ") : source.index('"""')].strip()
            found[name] = re.sub(r"\(self(, )?", "(", signature)
    return found


def test_every_hook_is_documented_with_its_signature_and_its_sentence() -> None:
    page = (DOCS / "hooks.md").read_text()
    assert hooks()
    for name, signature in hooks().items():
        assert f"## `{name}`" in page
        assert signature in page
        says = inspect.getdoc(getattr(Hooks, name)) or ""
        assert " ".join(says.split()) in " ".join(page.split()), name


def test_no_hook_is_documented_that_is_none() -> None:
    page = (DOCS / "hooks.md").read_text()
    assert set(re.findall(r"^## `(\w+)`", page, re.MULTILINE)) == set(hooks())


def test_every_rule_of_the_contract_is_documented() -> None:
    page = (DOCS / "write-a-benchmark.md").read_text()
    for rule in RULES:
        assert f"| `{rule_name(rule)}` | {sentence(rule)} |" in page
