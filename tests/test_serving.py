"""From a model's name to how it is served; a name that is no model ends with what to type."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluators import serving
from evaluators.serving import (
    CPU_CONTEXT,
    Model,
    VllmEngine,
    cluster_is_local,
    device_of,
    engine_arguments,
    executor,
    find_model,
    installed_version,
    most_cores,
    threads_of,
    worker_environment,
    workers_of,
)
from registry import EngineError, EngineOptions, MissingExtra

CONFIG = {"model_type": "gemma3_text", "dtype": "bfloat16", "max_position_embeddings": 32768}
CPU = EngineOptions(device="cpu")
Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Make a model folder of the files; by default one that is whole."""

    def folder(name: str = "tiny-model", **files: str) -> Path:
        contents = {"config.json": json.dumps(CONFIG), "model.safetensors": "weights"} | files
        (tmp_path / name).mkdir()
        for file, content in contents.items():
            if content:
                (tmp_path / name / file).write_text(content)
        return tmp_path / name

    return folder


@pytest.fixture
def cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "has_gpu", lambda: False)


def complaint(spec: str) -> str:
    with pytest.raises(EngineError) as caught:
        find_model(spec)
    return caught.value.message


# --- Which model ----------------------------------------------------------------------------------


def test_a_folder_is_a_model_under_its_own_name(folder: Folder) -> None:
    path = folder()
    model = find_model(str(path))
    assert (model.source, model.name, model.config) == (str(path), "tiny-model", CONFIG)
    assert len(model.revision) == 16


def test_a_relative_folder_is_known_by_its_absolute_path(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder()
    monkeypatch.chdir(path)
    assert (find_model(".").source, find_model(".").name) == (str(path), "tiny-model")


def test_the_revision_changes_with_configuration_and_weights(folder: Folder) -> None:
    revisions = {
        find_model(str(folder(name, **files))).revision
        for name, files in {
            "one": {},
            "other-weights": {"model.safetensors": "Weights"},
            "longer-weights": {"model.safetensors": "weights!"},
            "other-config": {"config.json": json.dumps(CONFIG | {"dtype": "float32"})},
            "other-tokenizer": {"tokenizer.json": "{}"},
        }.items()
    }
    assert len(revisions) == 5
    assert find_model(str(folder("same", readme="not part of it"))).revision in revisions


def test_the_revision_sees_both_ends_of_a_large_file(folder: Folder) -> None:
    mebibyte = 1 << 20
    whole = bytearray(3 * mebibyte)
    revisions = set()
    path = folder()
    for place in (None, 0, mebibyte - 1, 2 * mebibyte, 3 * mebibyte - 1):
        data = bytearray(whole)
        if place is not None:
            data[place] = 1
        (path / "model.safetensors").write_bytes(data)
        revisions.add(find_model(str(path)).revision)
    assert len(revisions) == 5


@pytest.mark.parametrize("file", ["chat_template.jinja", "chat_template.json"])
def test_the_template_is_the_folder_s_or_the_tokenizer_s(folder: Folder, file: str) -> None:
    settings = json.dumps({"chat_template": "the tokenizer's"})
    own = folder("own", **{file: "its own", "tokenizer_config.json": settings})
    assert find_model(str(own)).template == "its own"
    other = folder("other", **{"tokenizer_config.json": settings})
    assert find_model(str(other)).template == "the tokenizer's"
    none = folder("none", **{"tokenizer_config.json": '{"chat_template": null}'})
    assert find_model(str(none)).template == ""


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"config.json": ""}, "has no config.json, so it is no model"),
        ({"model.safetensors": ""}, r"has no weights (looked for *.safetensors, *.bin"),
        ({"config.json": "{"}, "config.json cannot be read: Expecting property name"),
        ({"config.json": "[]"}, "config.json cannot be read: it is no JSON object"),
        ({"tokenizer_config.json": "{"}, "tokenizer_config.json cannot be read"),
    ],
)
def test_a_folder_that_is_no_whole_model_says_what_is_wrong(
    folder: Folder, files: dict[str, str], says: str
) -> None:
    message = complaint(str(folder(**files)))
    assert says in message
    assert message.endswith("with: --model DIR")


@pytest.mark.parametrize("spec", ["gone", "./gone/model", "/gone/model", "~/gone/model", "a/b/c"])
def test_what_is_neither_folder_nor_hub_id_says_how_they_look(spec: str) -> None:
    message = complaint(spec)
    assert message.startswith(f"no such model folder: {spec}. ")
    assert message.endswith("--model google/medgemma-4b-it")


@pytest.mark.parametrize("spec", ["acme/no-such-model", "acme/no-such-model@v2", "acme/no such"])
def test_a_model_that_cannot_be_downloaded_says_to_name_a_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, spec: str
) -> None:
    constants = pytest.importorskip("huggingface_hub.constants", reason="needs the 'hub' extra")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    message = complaint(spec)
    assert message.startswith(f"the model {spec.partition('@')[0]} is no folder and cannot be")
    assert message.endswith("Name a folder that has it with: --model DIR")


def test_a_model_of_the_hub_keeps_its_id_and_the_snapshot_s_revision(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def snapshot(name: str, revision: str) -> Path:
        asked.append((name, revision))
        return folder("0123abcd")

    monkeypatch.setattr(serving, "_hub_snapshot", snapshot)
    model = find_model("acme/model@v2")
    assert asked == [("acme/model", "v2")]
    assert (model.name, model.revision) == ("acme/model", "0123abcd")


# --- The engine -----------------------------------------------------------------------------------


def test_an_engine_is_described_without_being_started(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, cpu: None
) -> None:
    monkeypatch.setattr(serving, "installed_version", lambda: "0.29.0")
    path = folder(**{"chat_template.jinja": "a template"})
    identity = VllmEngine(str(path), EngineOptions(arguments={"seed": "7"})).identity
    assert (identity.model, identity.engine, identity.engine_version) == (
        "tiny-model",
        "vllm",
        "0.29.0",
    )
    expected = "bfloat16" if serving.has_bfloat16() else "float32"
    assert (identity.dtype, identity.takes_images) == (expected, False)
    assert identity.template_hash
    assert identity.settings["seed"] == "7"


def test_a_model_with_a_vision_part_takes_images(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "installed_version", lambda: "0.29.0")
    seeing = folder(**{"config.json": json.dumps({"vision_config": {}})})
    assert VllmEngine(str(seeing), EngineOptions()).identity.takes_images


@pytest.mark.parametrize(("has_gpu", "extra"), [(True, "vllm"), (False, "cpu")])
def test_without_vllm_the_message_installs_the_build_that_fits(
    monkeypatch: pytest.MonkeyPatch, has_gpu: bool, extra: str
) -> None:
    from importlib.metadata import PackageNotFoundError

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(serving, "version", missing)
    monkeypatch.setattr(serving, "has_gpu", lambda: has_gpu)
    with pytest.raises(MissingExtra) as caught:
        installed_version()
    assert caught.value.message.endswith(f"Install it with: pip install 'podium[{extra}]'")


# --- Its arguments --------------------------------------------------------------------------------


def model(**config: Any) -> Model:
    return Model("/models/tiny", "tiny", "", config, "")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4096", 4096),
        ("0.9", 0.9),
        ("true", True),
        ("null", None),
        ('{"a": 1}', {"a": 1}),
        ('"4096"', "4096"),
        ("bfloat16", "bfloat16"),
        ("True", "True"),
        ("", ""),
        ("a=b", "a=b"),
        ("{a: 1}", "{a: 1}"),
    ],
)
def test_a_setting_is_json_where_it_is_json_and_a_word_otherwise(text: str, value: object) -> None:
    options = EngineOptions(device="gpu", arguments={"anything": text})
    assert engine_arguments(model(), options)["anything"] == value


@pytest.mark.parametrize(
    ("config", "dtype"),
    [
        ({"dtype": "bfloat16"}, "bfloat16"),
        ({"torch_dtype": "float16"}, "float16"),
        ({"text_config": {"dtype": "float32"}}, "float32"),
        ({"text_config": None}, "auto"),
        ({}, "auto"),
    ],
)
def test_weights_keep_their_type_and_the_head_is_exact(config: dict[str, Any], dtype: str) -> None:
    arguments = engine_arguments(model(**config), EngineOptions(device="gpu"))
    assert arguments["dtype"] == dtype
    assert arguments["hf_overrides"] == {"head_dtype": "float32"}
    assert arguments["trust_remote_code"] is False


@pytest.mark.parametrize(
    ("flags", "dtype"),
    [
        ("fpu avx2 fma", "float32"),
        ("fpu avx512f avx512_bf16", "bfloat16"),
        ("fpu amx_bf16 amx_tile", "bfloat16"),
        ("fp asimd bf16", "bfloat16"),
    ],
)
def test_a_cpu_that_would_only_emulate_a_type_computes_in_another(
    flags: str, dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    found = serving.has_bfloat16(tmp_path / "cpuinfo")
    monkeypatch.setattr(serving, "has_bfloat16", lambda: found)
    on_cpu, on_gpu = (
        engine_arguments(model(**CONFIG), EngineOptions(device=device)) for device in ("cpu", "gpu")
    )
    assert (on_cpu["dtype"], on_gpu["dtype"]) == (dtype, "bfloat16")
    typed = EngineOptions(device="cpu", arguments={"dtype": "bfloat16"})
    assert engine_arguments(model(**CONFIG), typed)["dtype"] == "bfloat16"


@pytest.mark.parametrize(
    ("config", "context"),
    [
        ({"max_position_embeddings": 32768}, CPU_CONTEXT),
        ({"max_position_embeddings": 512}, 512),
        ({"text_config": {"max_position_embeddings": 1024}}, 1024),
        ({}, CPU_CONTEXT),
    ],
)
def test_on_a_cpu_the_context_is_short_unless_it_is_told(
    config: dict[str, Any], context: int
) -> None:
    assert engine_arguments(model(**config), CPU)["max_model_len"] == context
    told = replace(CPU, arguments={"max_model_len": "8192"})
    assert engine_arguments(model(**config), told)["max_model_len"] == 8192


def test_on_a_gpu_the_context_is_the_model_s() -> None:
    assert "max_model_len" not in engine_arguments(model(), EngineOptions(device="gpu"))


def test_a_replica_of_several_workers_says_so_to_vllm_and_one_alone_says_nothing() -> None:
    asked = replace(CPU, tensor_parallel_size=4, pipeline_parallel_size=2)
    arguments = engine_arguments(model(), asked)
    assert (arguments["tensor_parallel_size"], arguments["pipeline_parallel_size"]) == (4, 2)
    assert workers_of(arguments) == 8
    assert not {"tensor_parallel_size", "pipeline_parallel_size"} & {
        *engine_arguments(model(), CPU)
    }
    by_setting = engine_arguments(model(), replace(CPU, arguments={"tensor_parallel_size": "2"}))
    assert workers_of(by_setting) == 2


@pytest.mark.parametrize("value", ["two", "0", "2.0", "true"])
def test_a_number_of_workers_that_is_none_says_what_to_type(value: str) -> None:
    with pytest.raises(EngineError) as caught:
        engine_arguments(model(), replace(CPU, arguments={"pipeline_parallel_size": value}))
    assert caught.value.message.endswith("Type: --pipeline-parallel-size 2")


@pytest.mark.parametrize(
    ("device", "workers", "chosen"),
    [("cpu", 2, "mp"), ("gpu", 2, "ray"), ("cpu", 1, "uni"), ("gpu", 1, "uni")],
)
def test_several_workers_of_a_replica_are_its_own_processes_on_cpus_and_ray_s_on_gpus(
    device: str, workers: int, chosen: str
) -> None:
    made = executor({"tensor_parallel_size": workers}, device)
    assert made == {"distributed_executor_backend": chosen}


# --- What it runs on ------------------------------------------------------------------------------

HEAD, CORES, CARDS = {"memory": 8e9}, {"CPU": 16.0}, {"CPU": 8.0, "GPU": 1.0}


@pytest.mark.parametrize(
    ("nodes", "device"),
    [([CORES], "cpu"), ([CARDS], "gpu"), ([CORES, CARDS], "gpu"), ([CORES, CORES], "cpu")],
)
def test_a_cluster_s_nodes_decide_and_not_the_machine_that_asks(
    nodes: list[dict[str, float]], device: str, cpu: None
) -> None:
    assert device_of(nodes, "head:6379") == device


def test_a_cluster_that_has_no_worker_yet_must_be_told() -> None:
    with pytest.raises(EngineError) as caught:
        device_of([], "head:6379")
    assert "the Ray cluster at head:6379 has no worker yet" in caught.value.message
    assert caught.value.message.endswith("--device gpu (or cpu)")


def test_the_largest_node_says_how_many_cores_there_are() -> None:
    assert most_cores([HEAD, CORES, CARDS]) == 16
    assert most_cores([]) == 0


@pytest.mark.parametrize("typed", ["cpu", "gpu"])
def test_what_is_typed_goes_before_what_is_there(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.setattr(serving, "installed_version", lambda: "0.29.0")
    monkeypatch.setattr(serving, "has_gpu", lambda: typed == "cpu")
    # With an address, and yet nothing is connected to.
    options = EngineOptions(device=typed, address="10.255.255.1:6379")
    settings = VllmEngine(str(folder()), options).identity.settings
    assert ("enforce_eager" in settings) is (typed == "cpu")


# --- The replicas' environment --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "threads"),
    [
        ({}, 8),
        ({"replicas": 2}, 4),
        ({"replicas": 3}, 2),
        ({"replicas": 9}, 1),
        ({"replicas": 2, "tensor_parallel_size": 2}, 2),
        ({"replicas": 2, "models_at_once": 2}, 2),
    ],
)
def test_all_workers_of_a_machine_share_its_cores(options: dict[str, int], threads: int) -> None:
    asked = replace(CPU, **options)
    assert threads_of(asked, engine_arguments(model(), asked), cores=8) == threads


def test_no_replica_binds_to_the_first_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "5")
    environment = worker_environment(model(), "cpu", 3)
    assert environment["OMP_NUM_THREADS"] == "3"
    assert environment["VLLM_CPU_OMP_THREADS_BIND"] == "nobind"
    assert environment["VLLM_CPU_KVCACHE_SPACE"] == "5"


def test_nothing_calls_home_and_a_folder_needs_no_hub(folder: Folder) -> None:
    local = worker_environment(find_model(str(folder())), "gpu", 1)
    assert local["VLLM_NO_USAGE_STATS"] == local["DO_NOT_TRACK"] == local["HF_HUB_OFFLINE"] == "1"
    assert local["RAY_USAGE_STATS_ENABLED"] == "0"
    assert "OMP_NUM_THREADS" not in local
    assert "HF_HUB_OFFLINE" not in worker_environment(model(), "gpu", 1)


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("", True),
        ("auto", True),
        ("127.0.0.1:6379", True),
        ("ray://10.0.0.5:10001", True),
        ("8.8.8.8:6379", False),
        ("ray://8.8.8.8:10001", False),
        ("169.254.169.254:6379", False),
    ],
)
def test_a_cluster_elsewhere_is_not_local(address: str, local: bool) -> None:
    assert cluster_is_local(address) is local
