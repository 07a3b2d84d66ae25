"""What every command shares: the plugins and the store, opened when first needed, and examples."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry.discovery import Plugin, Plugins, discover
from registry.errors import PluginError

if TYPE_CHECKING:
    from registry.store import Store


@dataclass
class Podium:
    """The command line's options, and what they open; commands get it with `@pass_podium`."""

    registry: str = ""
    files: Iterable[Path] = ()
    without: Iterable[str] = ()
    own_commands: Iterable[str] = ()

    @cached_property
    def plugins(self) -> Plugins:
        """The plugins, imported now. Raises PluginError where one cannot be."""
        return discover(self.files, self.without)

    @cached_property
    def store(self) -> "Store":
        """The registry's database, opened now; a new one begins with the built-in catalogue.

        Raises StoreError where it cannot be opened.
        """
        # Inside: SQLModel takes longer to import than `podium --help` may take.
        from registry.store import open_store

        store = open_store(self.registry)
        if store.is_new:
            from registry.importing import BUILT_IN, read_path
            from registry.importing.storing import store_batch

            store_batch(store, read_path(BUILT_IN))
        context = click.get_current_context(silent=True)
        if context:
            context.find_root().call_on_close(store.close)
        return store

    def model(self, typed: str) -> str:
        """Return the model that any of its names means: a hub id, an API name, a title, any case.

        Every command that takes a model asks here. Raises UnknownName for none, AmbiguousName for
        several.
        """
        # Inside: see `store`.
        from registry.reported import resolve

        return resolve(self.store, typed)

    @property
    def has_store(self) -> bool:
        """Whether there is a registry to read, without making one."""
        # Inside: see `store`.
        from registry.database import registry_exists

        return registry_exists(self.registry)

    @cached_property
    def commands(self) -> dict[str, click.Command]:
        """The commands that plugins add. Raises PluginError where two share a name."""
        owners = dict.fromkeys(self.own_commands, "podium")
        known: dict[str, click.Command] = {}
        for plugin in self.plugins.found.values():
            for name, command in self.commands_of(plugin).items():
                if name in owners:
                    raise PluginError(
                        f"plugins '{owners[name]}' and '{plugin.name}' both add the command "
                        f"'{name}'. Leave one out with: --without {plugin.name}"
                    )
                owners[name], known[name] = plugin.name, command
        return known

    def commands_of(self, plugin: Plugin) -> Mapping[str, click.Command]:
        """Return the commands that one plugin adds, by name."""
        cli = click.Group()
        self.plugins.call("register_commands", plugin, cli=cli)
        return cli.commands

    def engines_of(self, plugin: Plugin) -> list[str]:
        """Return the prefixes of model specs that one plugin answers."""
        return [prefix for made in self.plugins.call("register_engines", plugin) for prefix in made]


def examples(*lines: str) -> str:
    """Return the end of a command's help: what to type, on lines that click leaves as they are."""
    return "\n  ".join(["\b\nExamples:", *lines])


pass_podium = click.make_pass_decorator(Podium)


def podium_of(context: click.Context) -> Podium:
    """Return the Podium of this call, made of the options read so far.

    Help and shell completion need it before the group's options are complete.
    """
    root = context.find_root()
    if not isinstance(root.obj, Podium):
        root.obj = Podium(
            registry=root.params.get("registry") or "",
            files=root.params.get("plugin") or (),
            without=root.params.get("without") or (),
            own_commands=root.command.commands if isinstance(root.command, click.Group) else (),
        )
    return root.obj
