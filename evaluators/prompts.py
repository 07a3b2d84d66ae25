"""From a prompt to the token ids a model reads: chat template, BOS, fitting, choices' tokens.

Runs beside the engine. What a tokenizer could do silently is explicit here: it never adds special
tokens, and the context is never cut.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from registry import Choice, Image, Prompt, open_image

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

TAIL = 48
"""Characters before the answer that can change how it is cut into tokens, and many more."""


class Unanswerable(ValueError):
    """A prompt that cannot be put to this model; the message says why."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A prompt as the engine takes it, and the digest of exactly that."""

    token_ids: list[int]
    images: list["Picture"]
    shots: int
    digest: str


@dataclass(slots=True)
class Branch:
    """A node of the choices' tokens: `names` end here, `next` leads on, one token at a time."""

    names: list[str] = field(default_factory=list)
    next: dict[int, "Branch"] = field(default_factory=dict)


class Renderer:
    """Renders prompts for one model, with its tokenizer and, if it takes images, processor."""

    def __init__(self, tokenizer: Any, processor: Any = None, *, bos: bool, limit: int) -> None:
        """Use a transformers tokenizer (and processor); `limit` is the context in tokens."""
        self._tokenizer = tokenizer
        self._templated = processor if getattr(processor, "chat_template", None) else tokenizer
        self._bos = [tokenizer.bos_token_id] if bos else []
        self._limit = limit
        self._endings: dict[tuple[str, str], tuple[int, ...]] = {}

    def encode(self, prompt: Prompt) -> Encoded:
        """Return the prompt's tokens with as many worked examples as fit the context.

        Raises Unanswerable where it does not fit without any, and BadImage for a broken picture.
        """
        reserved = prompt.sampling.max_tokens if not prompt.choices else 1
        images = [open_image(part) for part in _parts(prompt) if isinstance(part, Image)]
        for shots in range(len(prompt.examples), -1, -1):
            text = self.text(prompt, shots)
            token_ids = self._tokens(text)
            if len(token_ids) + min(reserved, self._limit // 2) <= self._limit:
                return Encoded(token_ids, images, shots, _digest(token_ids, images))
        raise Unanswerable(
            f"the prompt has {len(token_ids)} tokens; with room for the answer it must be within "
            f"the context of {self._limit}"
        )

    def text(self, prompt: Prompt, shots: int) -> str:
        """Return the whole text with the first `shots` examples; a chat through the template."""
        opening = prompt.header + "".join(prompt.examples[:shots])
        template = getattr(self._templated, "chat_template", None)
        if prompt.chat and template:
            return self._through_template(list(_messages(prompt, opening)))
        if any(isinstance(part, Image) for part in _parts(prompt)):
            raise Unanswerable("the model's folder has no chat template, so an image has no place")
        system = f"{prompt.system}\n\n" if prompt.system else ""
        return system + opening + "".join(str(part) for part in _parts(prompt))

    def _through_template(self, messages: list[dict[str, Any]]) -> str:
        from jinja2 import TemplateError

        try:
            rendered: str = self._templated.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True
            )
        except TemplateError as error:  # such as "System role not supported"
            raise Unanswerable(f"the model's chat template refuses the prompt: {error}") from error
        return rendered

    def choices(self, prompt: Prompt, shots: int) -> Branch:
        """Return the tree of the tokens by which the choices go on after the prompt.

        One level where every choice is one token in this context: then one request weighs them all.
        A spelling of several tokens is left out if another of its choice is one token.
        """
        tail = self.text(prompt, shots)[-TAIL:]
        root = Branch()
        for choice in prompt.choices:
            for tokens in self._spelled(tail, choice):
                branch = root
                for token in tokens:
                    branch = branch.next.setdefault(token, Branch())
                branch.names.append(choice.name)
        return root

    def _spelled(self, tail: str, choice: Choice) -> list[tuple[int, ...]]:
        found: set[tuple[int, ...]] = {
            self._ending(tail, spelling) for spelling in choice.spellings
        }
        endings = sorted(
            (tokens for tokens in found if tokens), key=lambda tokens: (len(tokens), tokens)
        )
        if not endings:
            raise Unanswerable(
                f"the choice {choice.name!r} has no tokens of its own in this context"
            )
        single: list[tuple[int, ...]] = [tokens for tokens in endings if len(tokens) == 1]
        return single or endings[:1]

    def _ending(self, tail: str, spelling: str) -> tuple[int, ...]:
        """Return the tokens that the spelling adds; () where it changes those before it."""
        key = (tail, spelling)
        if key not in self._endings:
            before, after = self._plain(tail), self._plain(tail + spelling)
            kept = after[: len(before)] == before
            self._endings[key] = tuple(after[len(before) :]) if kept else ()
        return self._endings[key]

    def _tokens(self, text: str) -> list[int]:
        token_ids = self._plain(text)
        return token_ids if token_ids[: len(self._bos)] == self._bos else self._bos + token_ids

    def _plain(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def load_renderer(model: str, limit: int) -> Renderer:
    """Return the renderer of a model folder or hub id, which must be on this machine or the hub."""
    from transformers import AutoConfig, AutoProcessor, AutoTokenizer

    config = AutoConfig.from_pretrained(model)
    tokenizer = AutoTokenizer.from_pretrained(model)
    takes_images = hasattr(config, "vision_config")
    processor = AutoProcessor.from_pretrained(model) if takes_images else None
    return Renderer(tokenizer, processor, bos=wants_bos(tokenizer, config), limit=limit)


def wants_bos(tokenizer: Any, config: Any) -> bool:
    """Return whether a text starts with BOS: as the tokenizer does, and always for Gemma.

    Gemma babbles without it, and tokenizers converted from other formats forget to add it.
    """
    if tokenizer.bos_token_id is None:
        return False
    added: list[int] = tokenizer("a")["input_ids"]
    return added[:1] == [tokenizer.bos_token_id] or config.model_type.startswith("gemma")


def template_hash(folder_template: str) -> str:
    """Return a digest of a chat template, "" for none."""
    return hashlib.sha256(folder_template.encode()).hexdigest()[:16] if folder_template else ""


def _parts(prompt: Prompt) -> tuple[str | Image, ...]:
    return (prompt.question,) if isinstance(prompt.question, str) else prompt.question


def _messages(prompt: Prompt, opening: str) -> Iterator[dict[str, Any]]:
    """Yield the chat's messages; text stays a plain string where there are no images.

    Some templates take lists only, others strings only: for text alone, all take a string.
    """
    if prompt.system:
        yield {"role": "system", "content": prompt.system}
    parts = ((opening,) if opening else ()) + _parts(prompt)
    if all(isinstance(part, str) for part in parts):
        yield {"role": "user", "content": "".join(str(part) for part in parts)}
    else:
        yield {"role": "user", "content": [_content(part) for part in parts]}


def _content(part: str | Image) -> dict[str, str]:
    return {"type": "text", "text": part} if isinstance(part, str) else {"type": "image"}


def _digest(token_ids: Sequence[int], images: Sequence["Picture"]) -> str:
    digest = hashlib.sha256(json.dumps(list(token_ids)).encode())
    for image in images:
        digest.update(f"{image.mode}{image.size}".encode() + image.tobytes())
    return digest.hexdigest()[:16]
