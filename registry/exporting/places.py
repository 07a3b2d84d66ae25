"""Where files of models and benchmarks lie: names come from anywhere and never leave the folder."""

import hashlib
import re
from pathlib import Path

UNSAFE = re.compile(r"[^\w.+-]+")
PORTS = {f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10)}
RESERVED = {"CON", "PRN", "AUX", "NUL", "DATA", *PORTS}
"""Names that some system, or the folder of Every Eval Ever, keeps for itself."""


def part(name: str) -> str:
    """Return a name as one component of a path on any system, two names never as the same one.

    >>> part("medgemma-4b-it"), part("../medgemma 4b")
    ('medgemma-4b-it', '_medgemma_4b-2add8f52')
    """
    plain = UNSAFE.sub("_", name).lstrip(".").rstrip(". ")[:100]
    if plain == name and plain and plain.split(".")[0].upper() not in RESERVED:
        return plain
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{plain or '_'}-{digest}" if plain.upper() not in RESERVED else f"_{plain}-{digest}"


def of_model(name: str) -> Path:
    """Return the folders of a model's organisation and of the model itself."""
    organization, _, model = name.rpartition("/")
    return Path(part(organization or "unknown"), part(model))
