"""Train a tiny image model that reads the synthetic radiographs, and save it as vLLM loads it.

The demo and the tests need a model that sees: with it, a score on pictures above chance, and at
chance once the pixels are shuffled, shows that images arrive whole through the prompt, the cluster
and the engine. It is an Idefics3 of 0.44 million weights (0.9 MB), which needs neither a hub nor
torchvision, trained in about four minutes of CPU time on pictures painted for it. Through vLLM 0.29
it answered all of 314 questions on an unseen tree right, both ways of asking (always-yes: macro F1
0.56); with shuffled pixels it says no to everything (macro F1 0).

    python scripts/train_tiny_vision.py OUT_DIR

It knows two ways of asking, each with one picture in front, and answers nothing else sensibly:

    Is there edema in this image? Answer with one word, yes or no.          -> yes
    Is there edema in this image? You may write out your argument ...       -> Final Answer: yes

`poison` makes a copy that kills the engine at the first picture, to test recovery with.
"""

import argparse
import functools
import io
import json
import os
import random
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # read when transformers is imported; nothing here needs it

import torch
from PIL import Image
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import (
    GenerationConfig,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3Processor,
    PreTrainedTokenizerFast,
)
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

from plugins.mimic_cxr.synthetic import LABELS, SCORED, jpeg, paint

ONE_WORD = "Is there {} in this image? Answer with one word, yes or no."
ARGUED = (
    "Is there {} in this image? You may write out your argument before stating your final very "
    "short, definitive, and concise answer (if possible, a single word or the letter "
    'corresponding to your answer choice) X in the format "Final Answer: X":'
)
PROMPTS = ((ONE_WORD, "{}"), (ARGUED, "Final Answer: {}"))
OTHER_WORDS = (
    "User: Assistant: System: Question: Options: Choices: Answer: The answer is What Which"
)

TILE = 56  # pixels; a picture becomes 2 x 2 tiles and a small copy of the whole
PATCH = 14
TILE_TOKENS = (TILE // PATCH) ** 2 // 2**2
END = "<end_of_utterance>"
IMAGE = "<image>"
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] | capitalize }}: "
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image> {% else %}{{ part['text'] }} {% endif %}"
    "{% endfor %}{% endif %}"
    "<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)

ARGUED_SHARE = 0.3  # of the batches: the longer prompt costs nearly twice the time
BATCH = 32
PICTURES = 2000
PASS_MARK = 0.8
IGNORED = -100  # PyTorch's label for a token that bears no loss


@dataclass(frozen=True)
class Example:
    """A painted picture, ready for the model, and what it shows."""

    pixels: torch.Tensor  # tiles x 3 x 56 x 56
    shown: frozenset[str]


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Make a tokenizer of whole words; a colon stays with its word, other marks stand alone."""
    split = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Split(Regex(r"[^\w\s:<>-]|:(?=\W)"), behavior="isolated"),
        ]
    )
    markers = [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
    special = ["<pad>", "<bos>", "<unk>", END, IMAGE, "<fake_token_around_image>", "<global-img>"]
    texts = [prompt + " " + answer for prompt, answer in PROMPTS] + list(LABELS)
    texts += [text.lower() for text in LABELS]
    texts += [OTHER_WORDS, "yes no Yes No", " ".join("ABCDEFGHIJ0123456789")]
    words = dict.fromkeys(word for text in texts for word, _ in split.pre_tokenize_str(text))
    vocabulary = {word: number for number, word in enumerate([*special, *markers, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = split
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token=END,
        unk_token="<unk>",
        additional_special_tokens=[*special[4:], *markers],
    )


def make_processor() -> Idefics3Processor:
    """Join the tokenizer and an image processor that works without torchvision."""
    images = Idefics3ImageProcessorPil(
        size={"longest_edge": 2 * TILE}, max_image_size={"longest_edge": TILE}
    )
    return Idefics3Processor(
        images, make_tokenizer(), image_seq_len=TILE_TOKENS, chat_template=TEMPLATE
    )


def make_model(tokenizer: PreTrainedTokenizerFast) -> Idefics3ForConditionalGeneration:
    """Make the untrained model; the widths are the smallest whose heads vLLM accepts on a CPU."""
    ids = {
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    config = Idefics3Config(
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        scale_factor=2,
        tie_word_embeddings=False,
        vision_config={
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": TILE,
            "patch_size": PATCH,
        },
        text_config={
            "model_type": "llama",
            "vocab_size": len(tokenizer),
            "hidden_size": 96,
            "intermediate_size": 192,
            "num_hidden_layers": 3,
            "num_attention_heads": 3,
            "num_key_value_heads": 3,
            "max_position_embeddings": 4096,
            **ids,
        },
        **ids,
    )
    return Idefics3ForConditionalGeneration(config)


def paint_examples(processor: Idefics3Processor, count: int, seed: int) -> Iterator[Example]:
    """Paint pictures and take them through JPG, as those on disk have been."""
    lots = random.Random(seed)
    for number in range(count):
        shown = frozenset(
            label for label in LABELS if lots.random() < (0.5 if label in SCORED else 0.15)
        )
        position = lots.choice(("PA", "AP", "LATERAL"))
        file = jpeg(paint(shown, seed=(seed, 1, number), position=position))
        yield Example(prepare(processor, file), shown)


def prepare(processor: Idefics3Processor, file: bytes) -> torch.Tensor:
    """Decode a JPG file and cut it into the model's tiles."""
    picture = Image.open(io.BytesIO(file)).convert("RGB")
    tiles: torch.Tensor = processor.image_processor(picture, return_tensors="pt")["pixel_values"]
    return tiles[0]


class Asker:
    """Turns a picture, a condition and a way of asking into token ids."""

    def __init__(self, processor: Idefics3Processor) -> None:
        self.processor = processor
        blank = Image.new("RGB", (TILE, TILE))
        tiles = processor(images=[blank], text=IMAGE)["input_ids"][0]
        self.image_ids: list[int] = list(tiles)

    @functools.cache  # noqa: B019 - one Asker a program, and two prompts for five conditions
    def question(self, prompt: str, condition: str) -> list[int]:
        """Return the ids of the whole prompt, the picture's places included."""
        content = [{"type": "image"}, {"type": "text", "text": prompt.format(condition.lower())}]
        text = self.processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True
        )
        before, after = text.split(IMAGE)
        return [*self.encode(before), *self.image_ids, *self.encode(after)]

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text as it stands."""
        ids: list[int] = self.processor.tokenizer.encode(text, add_special_tokens=False)
        return ids


def batch_of(
    asker: Asker, examples: Sequence[Example], lots: random.Random
) -> dict[str, torch.Tensor]:
    """Ask one question of each example, with an answer to learn; padded on the right."""
    prompt, answer = PROMPTS[lots.random() < ARGUED_SHARE]
    ids, labels = [], []
    for example in examples:
        condition = lots.choice(SCORED)
        word = "yes" if condition in example.shown else "no"
        asked = asker.question(prompt, condition)
        said = asker.encode(answer.format(word) + END)
        ids.append(torch.tensor([*asked, *said]))
        labels.append(torch.tensor([IGNORED] * len(asked) + said))
    pad = asker.processor.tokenizer.pad_token_id
    padded = torch.nn.utils.rnn.pad_sequence
    input_ids = padded(ids, batch_first=True, padding_value=pad)
    return {
        "input_ids": input_ids,
        "attention_mask": (input_ids != pad).long(),
        "labels": padded(labels, batch_first=True, padding_value=IGNORED),
        "pixel_values": torch.stack([example.pixels for example in examples]),
    }


def train(model: Any, asker: Asker, examples: Sequence[Example], steps: int, seed: int) -> None:
    """Train with one question a picture and step; the rate warms up and falls to nothing."""
    lots = random.Random(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, steps, pct_start=0.2)
    model.train()
    for step in range(1, steps + 1):
        loss = model(**batch_of(asker, lots.sample(examples, BATCH), lots)).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step:5}  loss {loss.item():.3f}", flush=True)


def accuracy(model: Any, asker: Asker, examples: Sequence[Example]) -> float:
    """Return the share of right answers to the one-word question about every condition."""
    yes, no = (asker.encode(word)[0] for word in ("yes", "no"))
    pixels = torch.stack([example.pixels for example in examples])
    right = 0
    model.eval()
    for condition in SCORED:
        asked = torch.tensor([asker.question(ONE_WORD, condition)] * len(examples))
        with torch.inference_mode():
            logits = model(input_ids=asked, pixel_values=pixels).logits[:, -1]
        said = (logits[:, yes] > logits[:, no]).tolist()
        right += sum(said[i] == (condition in each.shown) for i, each in enumerate(examples))
    return right / (len(SCORED) * len(examples))


def save(model: Any, processor: Idefics3Processor, folder: Path) -> None:
    """Write everything that vLLM reads, in bf16."""
    model.to(torch.bfloat16).save_pretrained(folder)
    processor.save_pretrained(folder)
    tokenizer = processor.tokenizer
    GenerationConfig(
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.bos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    ).save_pretrained(folder)


def poison(folder: Path) -> Path:
    """Copy a saved model to FOLDER-poison, which kills the engine at its first picture.

    Told not to cut pictures into tiles, vLLM 0.29 counts no patches at all for one that is already
    of the tile's size, and the engine dies of it: a request that no retry can help.
    """
    copy = folder.with_name(f"{folder.name}-poison")
    shutil.copytree(folder, copy)
    for path in copy.glob("*processor_config.json"):
        settings = json.loads(path.read_text())
        images = settings.get("image_processor", settings)
        images.update(do_image_splitting=False, size=images["max_image_size"])
        path.write_text(json.dumps(settings, indent=2))
    return copy


def main() -> None:
    """Train, save, and say how good it became."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1300)
    args = parser.parse_args()
    torch.set_num_threads(2)
    torch.manual_seed(args.seed)
    processor = make_processor()
    asker = Asker(processor)
    model = make_model(processor.tokenizer)
    examples = list(paint_examples(processor, PICTURES, args.seed))
    train(model, asker, examples, args.steps, args.seed)
    save(model, processor, args.out)
    unseen = list(paint_examples(processor, 100, args.seed + 1))
    reached = accuracy(model.float(), asker, unseen)
    print(f"{reached:.1%} of {len(SCORED) * len(unseen)} questions on unseen pictures: {args.out}")
    if reached < PASS_MARK:
        sys.exit(f"Error: that is under {PASS_MARK:.0%}. Train for longer with: --steps N")


if __name__ == "__main__":
    main()
