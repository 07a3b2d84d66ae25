"""Errors a user can act on; each says what is wrong and ends with what to type.

click.ClickException
└── RegistryError            anything below; the command line prints it without a traceback
    ├── UnknownName          no benchmark, model, run, variant … of that name (suggests the nearest)
    ├── AmbiguousName        a name that several models go by
    ├── PluginError          a plugin that cannot be imported, clashes or misspells a hook
    ├── DatasetError         a data folder or file that is missing, malformed or of another layout
    ├── EngineError          the model cannot be loaded or served
    ├── MissingExtra         an optional library is not installed
    ├── ImportFailure        a file of published scores that cannot be read or taken
    ├── ExportFailure        scores that cannot be written where they were to go
    └── StoreError           the registry's database cannot be used
        └── StoreUnavailable … for now: locked, or its server out of reach; waiting may mend it
"""

from collections.abc import Iterable
from difflib import get_close_matches

import click


class RegistryError(click.ClickException):
    """Something the user can mend; `exit_code` 2 where what they typed was wrong."""


class UnknownName(RegistryError):
    """A name nobody registered; the message suggests the nearest known one."""

    exit_code = 2

    def __init__(self, kind: str, name: str, known: Iterable[str], listing: str) -> None:
        """Say which `kind` of thing has no such `name`; the command `listing` lists them."""
        names = sorted(known)
        nearest = get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
        super().__init__(f"no {kind} named '{name}'.{hint} List all {len(names)} with: {listing}")
        self.name = name


class AmbiguousName(RegistryError):
    """A name that several models go by; the message lists them."""

    exit_code = 2

    def __init__(self, name: str, meant: Iterable[str]) -> None:
        """Say which models the `name` may mean."""
        models = ", ".join(sorted(meant))
        super().__init__(f"'{name}' may mean any of {models}. Type one of these names instead")
        self.name = name


class PluginError(RegistryError):
    """A plugin that cannot be used; the message names it and the flag that leaves it out."""


class DatasetError(RegistryError):
    """A dataset that cannot be read; the message names the file and line where it can."""


class EngineError(RegistryError):
    """A model that cannot be loaded or served; the message carries the reason and the log."""


class MissingExtra(RegistryError):
    """An optional library that is not installed."""

    def __init__(self, doing: str, extra: str) -> None:
        """Say what needs which extra of the distribution."""
        super().__init__(
            f"{doing}: needs the '{extra}' extra. Install it with: pip install 'podium[{extra}]'"
        )


class ImportFailure(RegistryError):
    """A file of published scores that cannot be read, or of which some rows cannot be taken."""


class ExportFailure(RegistryError):
    """Scores that cannot be written to where the user wants them."""


class StoreError(RegistryError):
    """A registry database that cannot be opened or written."""


class StoreUnavailable(StoreError):
    """A registry that is locked or out of reach for now: what failed may be tried again.

    Not so a full or read-only disk, a damaged file, a wrong password: those somebody has to mend.
    """
