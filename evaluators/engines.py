"""Register the engines that a model spec can name: vLLM, an endpoint, and the test doubles.

`google/medgemma-4b-it` or a folder is served by vLLM; `PREFIX:REST` opens that prefix's engine.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from registry import Engine, EngineOptions, MissingExtra, hookimpl
from registry.discovery import OpenEngine
from registry.errors import UnknownName

DEFAULT = "vllm"


@hookimpl
def register_engines() -> Mapping[str, Callable[[str, EngineOptions], Engine]]:
    """Return vLLM, the endpoint and the doubles; each is imported when it is opened."""
    return {"vllm": _vllm, "openai": _openai, "echo": _echo, "replay": _replay}


def open_engine(spec: str, options: EngineOptions, engines: Mapping[str, OpenEngine]) -> Engine:
    """Open the engine that a model spec names. Raises UnknownName for an unknown prefix."""
    prefix, colon, rest = spec.partition(":")
    if not colon or (prefix not in engines and Path(spec).is_dir()):
        prefix, rest = DEFAULT, spec
    if prefix not in engines:
        raise UnknownName("engine", prefix, engines, "podium plugins")
    return engines[prefix](rest, options)


def _vllm(spec: str, options: EngineOptions) -> Engine:
    from evaluators.serving import VllmEngine

    return VllmEngine(spec, options)


def _openai(spec: str, options: EngineOptions) -> Engine:
    try:
        from evaluators.endpoint import EndpointEngine
    except ModuleNotFoundError as error:
        raise MissingExtra("asking an endpoint", "openai") from error
    return EndpointEngine(spec, options)


def _echo(spec: str, options: EngineOptions) -> Engine:
    from evaluators.doubles import EchoEngine

    return EchoEngine(spec, options)


def _replay(spec: str, options: EngineOptions) -> Engine:
    from evaluators.doubles import ReplayEngine

    return ReplayEngine(spec, options)
