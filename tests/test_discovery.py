"""Plugins are found wherever they are, and whatever is wrong with one is said by name."""

import importlib.metadata
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import plugins
from registry import EngineOptions
from registry.discovery import Plugins, discover
from registry.errors import PluginError, UnknownName

THIRD_PARTY = Path(__file__).parent / "third_party"
CLOCK = (THIRD_PARTY / "acme_clock.py").read_text()

Write = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def _nothing_built_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Leave out the project's own plugins and engines, and forget what a test imported."""
    (tmp_path / "room").mkdir()
    monkeypatch.setattr("registry.discovery.BUILT_IN_ROOMS", ())
    monkeypatch.setattr(plugins, "__path__", [str(tmp_path / "room")])
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        if name.startswith(("plugins.", "podium_plugin_", "acme_")):
            del sys.modules[name]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a plugin file and return its path; a name with a slash is a folder below."""

    def write(name: str, source: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)
        return path

    return write


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the third-party distribution into a folder of its own, as pip would anywhere."""
    target = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source")
    for file in THIRD_PARTY.iterdir():
        if file.is_file():
            (source / file.name).write_bytes(file.read_bytes())
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation"]
    pip += ["--no-index", "--disable-pip-version-check", "--target", str(target), str(source)]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def site(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the third-party distribution on the path for one test."""
    monkeypatch.syspath_prepend(installed)
    return installed


def names(found: Plugins) -> list[str]:
    return list(found.found)


# --- Three ways in --------------------------------------------------------------------------------


def test_a_file_dropped_into_plugins_exists(write: Write) -> None:
    write("room/acme_clock.py", CLOCK)
    found = discover()
    assert found.benchmark("clock").summary == "Modular arithmetic on a 12-hour clock."
    plugin = found.plugin_of("clock")
    assert (plugin.name, plugin.origin) == ("acme-clock", "plugins/acme_clock")
    assert (plugin.distribution, plugin.version) == (
        "podium",
        importlib.metadata.version("podium"),
    )


def test_a_file_that_begins_with_an_underscore_is_no_plugin(write: Write) -> None:
    write("room/_shared.py", "raise RuntimeError")
    assert names(discover()) == []


def test_a_file_anywhere_is_a_plugin_when_it_is_named(write: Write) -> None:
    file = write("my_clock.py", CLOCK)
    plugin = discover([file]).plugin_of("clock")
    assert (plugin.name, plugin.origin, plugin.distribution) == ("my-clock", str(file), "")


def test_a_stranger_s_distribution_is_found_by_its_entry_point(site: Path) -> None:
    plugin = discover().plugin_of("clock")
    assert plugin.name == "acme-clock"
    assert plugin.origin == "distribution acme-clock"
    assert (plugin.distribution, plugin.version) == ("acme-clock", "1.2.3")
    assert Path(str(plugin.module.__file__)).parent == site


def test_nothing_is_asked_of_a_plugin_until_somebody_looks(write: Write) -> None:
    source = (
        "from registry import hookimpl\n"
        "@hookimpl\n"
        "def register_benchmarks():\n"
        "    raise RuntimeError('too early')\n"
    )
    found = discover([write("eager.py", source)])
    with pytest.raises(PluginError, match="too early"):
        _ = found.benchmarks


# --- What can be wrong ----------------------------------------------------------------------------


def test_two_plugins_with_one_benchmark_are_both_named(write: Write) -> None:
    found = discover([write("first.py", CLOCK), write("second.py", CLOCK)])
    with pytest.raises(PluginError) as error:
        _ = found.benchmarks
    assert error.value.message == (
        "plugins 'first' and 'second' both register the benchmark 'clock'. "
        "Leave one out with: --without second"
    )


def test_leaving_one_of_two_out_settles_the_clash(write: Write) -> None:
    files = [write("first.py", CLOCK), write("second.py", CLOCK)]
    assert discover(files, ["second"]).plugin_of("clock").name == "first"


def test_two_plugins_of_one_name_are_refused(write: Write) -> None:
    files = [write("one/clock.py", CLOCK), write("two/clock.py", CLOCK)]
    with pytest.raises(PluginError, match=r"two plugins are named 'clock'.*--without clock"):
        discover(files)


OPTIONS = EngineOptions(replicas=2)
ENGINE = """
from registry import hookimpl

@hookimpl
def register_engines():
    return {"parrot": lambda spec, options: (spec, options)}
"""


def test_an_engine_is_looked_up_by_the_prefix_of_its_specs(write: Write) -> None:
    opened: object = discover([write("parrot.py", ENGINE)]).engines["parrot"]("polly", OPTIONS)
    assert opened == ("polly", OPTIONS)


def test_two_engines_of_one_prefix_are_refused(write: Write) -> None:
    found = discover([write("parrot.py", ENGINE), write("other.py", ENGINE)])
    with pytest.raises(PluginError, match="both register the engine 'parrot'"):
        _ = found.engines


@pytest.mark.parametrize("source", ["import no_such_library_anywhere", "1 / 0", "def broken("])
def test_a_plugin_that_cannot_be_imported_is_named_with_the_way_out(
    source: str, write: Write
) -> None:
    file = write("broken.py", source)
    with pytest.raises(PluginError) as error:
        discover([file])
    assert f"plugin 'broken' ({file}) cannot be imported" in error.value.message
    assert error.value.message.endswith("Leave it out with: --without broken")
    assert names(discover([file], ["broken"])) == []


def test_a_hook_that_fails_is_blamed_on_its_plugin(write: Write) -> None:
    source = (
        "from registry import Benchmark, hookimpl\n"
        "@hookimpl\n"
        "def register_benchmarks():\n"
        "    return [Benchmark(name='nothing', summary='neither dataset nor task')]\n"
    )
    found = discover([write("clock.py", CLOCK), write("hollow.py", source)])
    with pytest.raises(PluginError, match=r"plugin 'hollow' .*failed in register_benchmarks"):
        _ = found.benchmarks


def test_a_misspelt_hook_is_caught(write: Write) -> None:
    source = CLOCK.replace("def register_benchmarks", "def register_benchmark")
    with pytest.raises(PluginError) as error:
        discover([write("clock.py", source)])
    assert "unknown hook 'register_benchmark'" in error.value.message
    assert error.value.message.endswith("Leave it out with: --without clock")


def test_leaving_out_a_plugin_that_is_not_there_suggests_the_nearest(write: Write) -> None:
    file = write("clock.py", CLOCK)
    with pytest.raises(UnknownName, match=r"no plugin named 'clok'\. Did you mean 'clock'"):
        discover([file], ["clok"])


def test_an_unknown_benchmark_suggests_the_nearest(write: Write) -> None:
    found = discover([write("clock.py", CLOCK)])
    with pytest.raises(UnknownName) as error:
        found.benchmark("clok")
    assert error.value.exit_code == 2
    assert error.value.message == (
        "no benchmark named 'clok'. Did you mean 'clock'? List all 1 with: podium benchmarks"
    )


def test_a_name_like_no_other_gets_no_wild_guess(write: Write) -> None:
    found = discover([write("clock.py", CLOCK)])
    with pytest.raises(UnknownName) as error:
        found.benchmark("zzzzzz")
    assert "Did you mean" not in error.value.message


def test_every_discovery_starts_afresh(write: Write) -> None:
    assert names(discover([write("clock.py", CLOCK)])) == ["clock"]
    assert names(discover()) == []
