"""Find plugins, and look up what they registered; clashes and failures are loud.

Three ways in: the files of the `plugins` package, entry points of the group `podium`, and files
named with `--plugin`. The plugin of everything registered is known, for messages and for runs.
"""

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import Distribution, EntryPoint, entry_points, version
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from registry.benchmark import Benchmark
from registry.engines import Engine, EngineOptions
from registry.errors import PluginError, UnknownName
from registry.hookspecs import Hooks

PROJECT = "podium"
BUILT_IN_ROOMS = ("evaluators.cli", "evaluators.engines")
"""Modules of the evaluators that register commands and engines by the same hooks."""

OpenEngine = Callable[[str, EngineOptions], Engine]


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin: its name, where it was found, and its distribution and version where known."""

    name: str
    module: ModuleType
    origin: str
    distribution: str = ""
    version: str = ""


@dataclass
class Plugins:
    """Everything that plugins registered; looked up by name, each thing with its plugin."""

    found: Mapping[str, Plugin]
    manager: pluggy.PluginManager

    @cached_property
    def benchmarks(self) -> dict[str, Benchmark]:
        """The registered benchmarks by name. Raises PluginError where two share one."""
        return {name: item for name, (item, _) in self._benchmarks.items()}

    @cached_property
    def engines(self) -> dict[str, OpenEngine]:
        """What opens an engine, by the prefix of a model spec. Raises PluginError on a clash."""
        offered = (
            (plugin, pair)
            for plugin, made in self._call_all("register_engines")
            for pair in made.items()
        )
        return {name: item for name, (item, _) in _unique("engine", offered).items()}

    def benchmark(self, name: str) -> Benchmark:
        """Return the benchmark of that name. Raises UnknownName with the nearest one."""
        if name not in self.benchmarks:
            raise UnknownName("benchmark", name, self.benchmarks, "podium benchmarks")
        return self.benchmarks[name]

    def plugin_of(self, benchmark: str) -> Plugin:
        """Return the plugin that registered the benchmark."""
        return self._benchmarks[benchmark][1]

    @cached_property
    def _benchmarks(self) -> dict[str, tuple[Benchmark, Plugin]]:
        offered = (
            (plugin, (benchmark.name, benchmark))
            for plugin, made in self._call_all("register_benchmarks")
            for benchmark in made
        )
        return dict(sorted(_unique("benchmark", offered).items()))

    def call(self, hook: str, plugin: Plugin, **arguments: Any) -> list[Any]:
        """Call one plugin's hook by itself, so that the results and the blame are its own."""
        others = [p.module for p in self.found.values() if p is not plugin]
        try:
            results: list[Any] = self.manager.subset_hook_caller(hook, others)(**arguments)
        except Exception as error:
            raise PluginError(
                f"plugin '{plugin.name}' ({plugin.origin}) failed in {hook}: {error!r}. "
                f"Leave it out with: --without {plugin.name}"
            ) from error
        return results

    def _call_all(self, hook: str) -> Iterator[tuple[Plugin, Any]]:
        for plugin in self.found.values():
            for result in self.call(hook, plugin):
                yield plugin, result


def _unique(
    kind: str, offered: Iterable[tuple[Plugin, tuple[str, Any]]]
) -> dict[str, tuple[Any, Plugin]]:
    """Index what was offered by name, refusing two of one name."""
    known: dict[str, tuple[Any, Plugin]] = {}
    for plugin, (name, item) in offered:
        if name in known:
            first = known[name][1].name
            raise PluginError(
                f"plugins '{first}' and '{plugin.name}' both register the {kind} '{name}'. "
                f"Leave one out with: --without {plugin.name}"
            )
        known[name] = (item, plugin)
    return known


def discover(files: Iterable[Path] = (), without: Iterable[str] = ()) -> Plugins:
    """Import every plugin but those in `without`, and check that their hooks exist.

    Raises PluginError for a plugin that cannot be imported, two of one name, and a misspelt hook.
    """
    left_out = set(without)
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    found: dict[str, Plugin] = {}
    for name, origin, load, distribution in _candidates(files):
        if name in left_out:
            left_out.discard(name)
            continue
        plugin = _load(name, origin, load, distribution)
        if name in found:
            raise PluginError(
                f"two plugins are named '{name}': {found[name].origin} and {origin}. "
                f"Leave both out with: --without {name}"
            )
        found[name] = plugin
        manager.register(plugin.module, name)
        _check_hooks(manager, plugin)
    if left_out:
        raise UnknownName("plugin", min(left_out), found, "podium plugins")
    return Plugins(found, manager)


def _load(
    name: str, origin: str, load: Callable[[], ModuleType], distribution: Distribution | None
) -> Plugin:
    try:
        module = load()
    except Exception as error:
        raise PluginError(
            f"plugin '{name}' ({origin}) cannot be imported: {error!r}. "
            f"Leave it out with: --without {name}"
        ) from error
    if distribution is None:
        return Plugin(name, module, origin)
    return Plugin(name, module, origin, distribution.name, distribution.version)


def _check_hooks(manager: pluggy.PluginManager, plugin: Plugin) -> None:
    """Refuse misspelt hooks, which pluggy would silently never call."""
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(
            f"plugin '{plugin.name}' ({plugin.origin}): {error}. "
            f"Leave it out with: --without {plugin.name}"
        ) from error


Candidate = tuple[str, str, Callable[[], ModuleType], Distribution | None]


def _candidates(files: Iterable[Path]) -> Iterator[Candidate]:
    """Yield name, origin, loader and distribution of all that could be a plugin."""
    own = Distribution.from_name(PROJECT)
    for module in BUILT_IN_ROOMS:
        yield module.replace(".", "-"), module, _importer(module), own
    rooms = importlib.import_module("plugins")
    for info in pkgutil.iter_modules(rooms.__path__):
        if not info.name.startswith("_"):
            name = info.name.replace("_", "-")
            yield name, f"plugins/{info.name}", _importer(f"plugins.{info.name}"), own
    for point in entry_points(group=PROJECT):
        origin = point.dist.name if point.dist else point.value
        yield point.name, f"distribution {origin}", _entry_loader(point), point.dist
    for file in files:
        yield file.stem.replace("_", "-"), str(file), _file_loader(file), None


def _importer(module: str) -> Callable[[], ModuleType]:
    return lambda: importlib.import_module(module)


def _entry_loader(point: EntryPoint) -> Callable[[], ModuleType]:
    def load() -> ModuleType:
        module = point.load()
        if not isinstance(module, ModuleType):
            raise TypeError(f"the entry point '{point.value}' is no module")
        return module

    return load


def _file_loader(file: Path) -> Callable[[], ModuleType]:
    def load() -> ModuleType:
        name = f"podium_plugin_{file.stem}"
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise ImportError(f"{file} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    return load


def podium_version() -> str:
    """Return the version of the installed distribution."""
    return version(PROJECT)
