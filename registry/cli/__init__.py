"""The command line: options that hold for every command, and the commands that need no model.

Nothing heavy is imported here or by a command's module; `podium --help` answers at once.
"""

import gc
from pathlib import Path
from typing import Any

import click

from registry.cli.benchmarks import benchmarks, plugins
from registry.cli.check import check_benchmark
from registry.cli.compare import compare
from registry.cli.context import examples, podium_of
from registry.cli.doctor import doctor
from registry.cli.export import export
from registry.cli.gate import gate
from registry.cli.import_ import import_
from registry.cli.inspect import inspect
from registry.cli.leaderboard import leaderboard
from registry.cli.models import models
from registry.cli.new_benchmark import new_benchmark
from registry.cli.output import clean
from registry.cli.plan import plan
from registry.cli.progress import progress
from registry.cli.related import related
from registry.cli.runs import runs
from registry.errors import RegistryError, UnknownName


class PluginGroup(click.Group):
    """This room's commands, then those of plugins, which are looked for only when needed."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error may quote a stored name, which is cleaned like all output."""
        try:
            return super().invoke(ctx)
        except RegistryError as error:
            # To types the message is final; but a new error in its place would lose its class.
            vars(error)["message"] = clean(error.message, keep="\n")
            raise

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names; without those of plugins, and saying so, where a plugin is broken."""
        try:
            added = podium_of(ctx).commands
        except RegistryError as error:
            if not ctx.resilient_parsing:
                error.show()
            added = {}
        return sorted({*self.commands, *added})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return this room's command of that name, else a plugin's."""
        podium = podium_of(ctx)
        return self.commands.get(cmd_name) or podium.commands.get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command to run. Raises UnknownName with the nearest one."""
        name = args[0]
        if self.get_command(ctx, name) is None and not ctx.resilient_parsing:
            raise UnknownName("command", name, self.list_commands(ctx), "podium --help")
        return super().resolve_command(ctx, args)


@click.group(
    cls=PluginGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "podium benchmarks",
        "podium leaderboard mmlu",
        "podium --registry team.db runs",
        "podium --plugin clock.py benchmarks clock",
    ),
)
@click.option(
    "--registry",
    envvar="PODIUM_REGISTRY",
    show_envvar=True,
    is_eager=True,
    metavar="FILE|URL",
    help="The registry's database: a file, or a URL such as postgresql+psycopg://…",
)
@click.option(
    "--plugin",
    multiple=True,
    is_eager=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Use the plugin in this file as well; may be repeated.",
)
@click.option(
    "--without",
    multiple=True,
    is_eager=True,
    metavar="NAME",
    help="Leave this plugin out; may be repeated.",
)
@click.version_option(package_name="podium", message="%(prog)s %(version)s")
def main(registry: str | None, plugin: tuple[Path, ...], without: tuple[str, ...]) -> None:
    """Benchmarks as plugins, evaluation on a cluster, and the rankings."""


for command in (
    benchmarks,
    check_benchmark,
    compare,
    doctor,
    export,
    gate,
    import_,
    inspect,
    leaderboard,
    models,
    new_benchmark,
    plan,
    plugins,
    progress,
    related,
    runs,
):
    main.add_command(command)


def run() -> None:
    """Start the command line, as `podium` does.

    SQLAlchemy's hundred thousand objects live to the end: to look through them for garbage, while
    importing and on leaving, would take a third of a query's time.
    """
    gc.set_threshold(100_000)
    try:
        main()
    finally:
        gc.freeze()
