"""`podium new-benchmark`: write a distribution of one benchmark, which installs and is sound.

The files are templates beside this package; `$name`, `$module` and `$title` are filled in.
"""

import keyword
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from string import Template

import click

from registry.cli.context import Podium, examples, pass_podium
from registry.errors import RegistryError

TEMPLATES = Path(__file__).parents[1] / "templates"
KINDS = ("multiple-choice", "generation", "vision")
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
SUFFIX = ".template"


@click.command(
    "new-benchmark",
    epilog=examples(
        "podium new-benchmark capitals",
        "podium new-benchmark capitals --kind generation",
        "podium new-benchmark capitals --kind vision --into DIR",
    ),
)
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default=KINDS[0],
    show_default=True,
    help="How it is answered: by a letter, in words, or about pictures.",
)
@click.option(
    "--into",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    metavar="DIR",
    help="Where its folder is made. Default: here.",
)
@pass_podium
def new_benchmark(podium: Podium, name: str, kind: str, into: Path) -> None:
    """Write a new benchmark as a package.

    The folder NAME gets everything to install, test and publish it, with a few questions to replace
    by your own.
    """
    check_name(podium, name)
    folder = into / name
    if folder.exists():
        raise RegistryError(
            f"{folder} is there already. Choose another name, or: podium new-benchmark {name} "
            "--into DIR"
        )
    for path, content in files(name, kind):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        click.echo(f"wrote {target}")
    click.echo(f"\nGo on with:\n  pip install -e {folder}\n  podium check-benchmark {name}")


def check_name(podium: Podium, name: str) -> None:
    """Raise RegistryError for a name that would be refused, or clash, once it is installed."""
    if not NAME.fullmatch(name):
        raise RegistryError(
            f"'{name}' is no name for a benchmark: lower-case words and digits, joined by single "
            f"hyphens, a letter first. Type: podium new-benchmark {_nearest(name)}"
        )
    if name in podium.plugins.benchmarks or name in podium.plugins.found:
        raise RegistryError(
            f"there is a benchmark or plugin named '{name}' already. See it with: podium plugins"
        )
    if keyword.iskeyword(module_of(name)) or find_spec(module_of(name)) is not None:
        raise RegistryError(
            f"'{module_of(name)}' is a word of Python or an installed module. "
            f"Type: podium new-benchmark {name}-bench"
        )


def files(name: str, kind: str) -> Iterator[tuple[Path, bytes]]:
    """Yield the path and content of each file of a new distribution."""
    words = {"name": name, "module": module_of(name), "title": name.replace("-", " ").capitalize()}
    for root in (TEMPLATES / "common", TEMPLATES / kind):
        for file in sorted(path for path in root.rglob("*") if path.is_file()):
            content = file.read_bytes()
            path = str(file.relative_to(root)).replace("MODULE", words["module"])
            if file.suffix == SUFFIX:
                content = Template(content.decode()).substitute(words).encode()
            yield Path(path.removesuffix(SUFFIX)), content


def module_of(name: str) -> str:
    """Return the importable name of a benchmark's package."""
    return name.replace("-", "_")


def _nearest(name: str) -> str:
    words = re.findall(r"[a-z0-9]+", name.lower())
    suggestion = "-".join(words).lstrip("0123456789-")
    return suggestion or "my-benchmark"
