"""What a plugin may provide: signatures and docstrings only."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import click
import pluggy

from registry.benchmark import Benchmark
from registry.engines import Engine, EngineOptions

hookspec = pluggy.HookspecMarker("podium")
hookimpl = pluggy.HookimplMarker("podium")


class Hooks(Protocol):
    """The hooks of Podium; implement any of them as a function marked `@hookimpl`."""

    @hookspec
    def register_benchmarks(self) -> Iterable[Benchmark]:
        """Return the benchmarks that this plugin brings."""
        ...

    @hookspec
    def register_engines(self) -> Mapping[str, Callable[[str, EngineOptions], Engine]]:
        """Return what answers: the prefix of a model spec, and a function that opens the rest."""
        ...

    @hookspec
    def register_commands(self, cli: click.Group) -> None:
        """Add commands to the command line."""
        ...
