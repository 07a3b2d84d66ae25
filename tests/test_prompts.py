"""What a model reads is explicit: BOS once, examples that fit, choices by their tokens."""

import asyncio
import math
import string
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image as pillow

from evaluators import vllm_engine
from evaluators.prompts import Branch, Renderer, Unanswerable, template_hash, wants_bos
from registry import BadImage, Choice, Image, Outcome, Prediction, Prompt, Request, Sampling

transformers = pytest.importorskip("transformers", reason="needs the 'cpu' or the 'vllm' extra")

CHARACTERS = "\n !,.:?" + string.ascii_letters + string.digits
GEMMA_LIKE = (
    "{{ bos_token }}{% for m in messages %}{{ m.role }}: "
    "{% if m.content is string %}{{ m.content }}{% else %}{% for part in m.content %}"
    "{{ part.text if part.type == 'text' else '#' }}{% endfor %}{% endif %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}model:{% endif %}"
)
NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}{{ messages[0].content }}"
)


def tokenizer(
    *merges: str, adds_bos: bool = False, has_bos: bool = True, template: str = ""
) -> Any:
    """Return a tokenizer of single characters that are merged in pairs as told ("a" + "b")."""
    from tokenizers import Tokenizer
    from tokenizers.decoders import Fuse
    from tokenizers.models import BPE
    from tokenizers.processors import TemplateProcessing

    pairs = [(merge[0], merge[1:]) for merge in merges]
    words = ["<bos>", "#", *CHARACTERS, *merges]
    model = Tokenizer(BPE(vocab={word: n for n, word in enumerate(words)}, merges=pairs))
    model.decoder = Fuse()
    if adds_bos:
        model.post_processor = TemplateProcessing(
            single="<bos> $A", special_tokens=[("<bos>", words.index("<bos>"))]
        )
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=model, bos_token="<bos>" if has_bos else None
    )
    made.chat_template = template or None
    return made


def renderer(*merges: str, bos: bool = False, limit: int = 1000, template: str = "") -> Renderer:
    return Renderer(tokenizer(*merges, template=template), bos=bos, limit=limit)


def read(made: Renderer, prompt: Prompt) -> str:
    """Return what the model reads, its special tokens visible."""
    text: str = made._tokenizer.decode(made.encode(prompt).token_ids)
    return text


def letters(*names: str, before: str = " ") -> tuple[Choice, ...]:
    return tuple(Choice(name, (before + name,)) for name in names)


# --- BOS ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("adds", "has", "family", "wanted"),
    [
        (True, True, "llama", True),
        (False, True, "llama", False),
        (False, True, "gemma3_text", True),
        (True, True, "gemma3", True),
        (False, False, "gemma", False),
        (False, False, "qwen2", False),
    ],
)
def test_a_text_starts_with_bos_as_its_tokenizer_does_and_always_for_gemma(
    adds: bool, has: bool, family: str, wanted: bool
) -> None:
    made = tokenizer(adds_bos=adds, has_bos=has)
    assert wants_bos(made, SimpleNamespace(model_type=family)) is wanted


def test_bos_is_added_once_where_it_is_wanted_and_never_otherwise() -> None:
    prompt = Prompt(question="Q: a")
    assert read(renderer(bos=True), prompt) == "<bos>Q: a"
    assert read(renderer(bos=False), prompt) == "Q: a"
    adding = Renderer(tokenizer(adds_bos=True), bos=True, limit=100)
    assert read(adding, prompt) == "<bos>Q: a"


def test_a_template_s_own_bos_is_not_doubled() -> None:
    chat = Prompt(question="Q: a", chat=True)
    for bos in (True, False):
        made = renderer(bos=bos, template=GEMMA_LIKE)
        assert read(made, chat) == "<bos>user: Q: a\nmodel:"


# --- Template and text ----------------------------------------------------------------------------


class Spy:
    """Stands for a tokenizer or processor, and keeps the messages that it is given."""

    chat_template = "a template"

    def apply_chat_template(self, messages: Any, **_settings: Any) -> str:
        self.messages = messages
        return "a"


def test_text_alone_is_a_plain_string_and_pictures_make_a_list() -> None:
    spy = Spy()
    made = Renderer(tokenizer(), spy, bos=False, limit=100)
    prompt = Prompt(question=("b", "c"), header="H", examples=("1", "2"), system="s", chat=True)
    made.text(prompt, 1)
    assert spy.messages == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "H1bc"},
    ]
    made.text(Prompt(question=("b", Image("x.png"), "c"), header="H", chat=True), 0)
    assert spy.messages == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "H"},
                {"type": "text", "text": "b"},
                {"type": "image"},
                {"type": "text", "text": "c"},
            ],
        }
    ]


def test_without_a_template_a_chat_is_plain_text() -> None:
    prompt = Prompt(question="Q", header="H ", examples=("a ", "b "), system="S", chat=True)
    assert renderer().text(prompt, 2) == "S\n\nH a b Q"


def test_a_prompt_that_is_no_chat_leaves_the_template_alone() -> None:
    assert renderer(template=GEMMA_LIKE).text(Prompt(question="Q"), 0) == "Q"


def test_a_picture_without_a_template_has_no_place(tmp_path: Path) -> None:
    prompt = Prompt(question=(picture(tmp_path), "What?"), chat=True)
    with pytest.raises(Unanswerable, match="no chat template, so an image has no place"):
        renderer().encode(prompt)


def test_a_template_that_refuses_a_prompt_makes_it_unanswerable() -> None:
    prompt = Prompt(question="a", system="b", chat=True)
    with pytest.raises(Unanswerable, match="refuses the prompt: System role not supported"):
        renderer(template=NO_SYSTEM).encode(prompt)


def test_a_template_s_digest_tells_templates_apart() -> None:
    assert template_hash("") == ""
    assert template_hash("a") != template_hash("b")


# --- Fitting the context --------------------------------------------------------------------------

SHORT = Sampling(max_tokens=4)


@pytest.mark.parametrize(
    ("limit", "shots"), [(24, 3), (23, 2), (20, 2), (19, 1), (16, 1), (15, 0), (12, 0)]
)
def test_examples_are_dropped_from_the_end_until_the_rest_fits(limit: int, shots: int) -> None:
    made = renderer(limit=limit)
    prompt = Prompt(
        question="Q: e\nA:", header="H", examples=("a b\n", "c d\n", "e f\n"), sampling=SHORT
    )
    # One token a character: 7 of the question, 1 of the header, 4 an example; 4 for the answer.
    assert made.encode(prompt).shots == shots
    assert read(made, prompt) == "H" + "".join(prompt.examples[:shots]) + "Q: e\nA:"


def test_a_prompt_that_never_fits_is_unanswerable_and_never_cut() -> None:
    prompt = Prompt(question="a" * 30, examples=("b", "c"), sampling=SHORT)
    with pytest.raises(Unanswerable, match=r"has 30 tokens.* within the context of 33"):
        renderer(limit=33).encode(prompt)
    assert len(renderer(limit=34).encode(prompt).token_ids) == 30


def test_weighed_choices_need_room_for_one_token_only() -> None:
    prompt = Prompt(question="a" * 30, choices=letters("A", "B"))
    assert len(renderer(limit=31).encode(prompt).token_ids) == 30
    with pytest.raises(Unanswerable):
        renderer(limit=30).encode(prompt)


def test_a_long_reply_is_promised_at_most_half_the_context() -> None:
    prompt = Prompt(question="a" * 10, sampling=Sampling(max_tokens=1000))
    assert len(renderer(limit=20).encode(prompt).token_ids) == 10
    with pytest.raises(Unanswerable):
        renderer(limit=18).encode(prompt)


def test_bos_counts_towards_the_context() -> None:
    prompt = Prompt(question="a" * 10, sampling=SHORT)
    assert renderer(limit=14).encode(prompt)
    with pytest.raises(Unanswerable, match="has 11 tokens"):
        renderer(limit=14, bos=True).encode(prompt)


# --- Pictures and digests -------------------------------------------------------------------------


def picture(folder: Path, colour: str = "red") -> Image:
    file = folder / f"{colour}.png"
    pillow.new("RGB", (2, 2), colour).save(file)
    return Image(str(file))


def test_pictures_are_opened_in_reading_order_and_are_part_of_the_digest(tmp_path: Path) -> None:
    made = renderer(template=GEMMA_LIKE)
    red, blue = picture(tmp_path, "red"), picture(tmp_path, "blue")

    def encoded(*parts: str | Image) -> Any:
        return made.encode(Prompt(question=parts, chat=True))

    both = encoded(red, "b", blue)
    assert [image.getpixel((0, 0)) for image in both.images] == [(255, 0, 0), (0, 0, 255)]
    assert both.digest == encoded(red, "b", blue).digest
    assert both.token_ids == encoded(blue, "b", red).token_ids
    assert both.digest != encoded(blue, "b", red).digest


def test_a_broken_picture_is_a_bad_image(tmp_path: Path) -> None:
    with pytest.raises(BadImage):
        renderer(template=GEMMA_LIKE).encode(
            Prompt(question=(Image(str(tmp_path / "gone.png")), "a"), chat=True)
        )


# --- Choices --------------------------------------------------------------------------------------


def named(made: Renderer, branch: Branch) -> dict[str, Any]:
    """Return a tree by the text of its tokens, with the names that end at each."""
    return {
        made._tokenizer.decode([token]): (following.names, named(made, following))
        for token, following in branch.next.items()
    }


def test_letters_of_one_token_make_a_tree_of_one_level() -> None:
    made = renderer(" A", " B")
    tree = made.choices(Prompt(question="Answer:", choices=letters("A", "B")), 0)
    assert named(made, tree) == {" A": (["A"], {}), " B": (["B"], {})}


def test_letters_of_two_tokens_share_the_branch_of_their_first() -> None:
    made = renderer()
    tree = made.choices(Prompt(question="Answer:", choices=letters("A", "B")), 0)
    assert named(made, tree) == {" ": ([], {"A": (["A"], {}), "B": (["B"], {})})}


def test_a_spelling_of_one_token_is_preferred_to_one_of_two() -> None:
    made = renderer(" A")
    prompt = Prompt(question="Answer:", choices=(Choice("A", ("\nA", " A")),))
    assert named(made, made.choices(prompt, 0)) == {" A": (["A"], {})}


def test_all_spellings_of_one_token_count_for_their_choice() -> None:
    made = renderer(" A")
    prompt = Prompt(question="Answer:", choices=(Choice("A", ("A", " A")),))
    assert named(made, made.choices(prompt, 0)) == {"A": (["A"], {}), " A": (["A"], {})}


def test_a_choice_that_another_begins_with_ends_on_the_way() -> None:
    made = renderer()
    tree = made.choices(
        Prompt(question="Q", choices=(Choice("A", ("A",)), Choice("AB", ("AB",)))), 0
    )
    assert named(made, tree) == {"A": (["A"], {"B": (["AB"], {})})}


def test_a_spelling_that_merges_with_the_text_before_is_not_weighed() -> None:
    made = renderer(": ")
    merging = Prompt(question="Answer:", choices=letters("A", "B"))
    with pytest.raises(Unanswerable, match="choice 'A' has no tokens of its own in this context"):
        made.choices(merging, 0)
    other = Prompt(question="Answer:", choices=(Choice("A", (" A", "A")), Choice("B", (" B", "B"))))
    assert named(made, made.choices(other, 0)) == {"A": (["A"], {}), "B": (["B"], {})}


def test_the_context_decides_how_a_choice_is_cut() -> None:
    made = renderer("AA")
    choices = (Choice("A", ("A",)),)
    assert made.choices(Prompt(question="b", choices=choices), 0).next
    with pytest.raises(Unanswerable):
        made.choices(Prompt(question="A", choices=choices), 0)


# --- Weighing, over a stand-in for the engine -----------------------------------------------------

Continue = Callable[[str], Mapping[str, float]]


class FakeEngine:
    """Answers like vLLM's AsyncLLM: a partial output, then the finished one with logprobs."""

    def __init__(self, made: Renderer, continues: Continue) -> None:
        self._tokenizer, self._continues = made._tokenizer, continues
        self.asked: list[str] = []

    async def generate(
        self, prompt: dict[str, Any], params: Sequence[int], *, request_id: str
    ) -> AsyncIterator[Any]:
        text = self._tokenizer.decode(prompt["prompt_token_ids"])
        self.asked.append(text)
        weights = self._continues(text)
        words = {token: self._tokenizer.decode([token]) for token in params}
        logprobs = [{t: SimpleNamespace(logprob=weights[word]) for t, word in words.items()}]
        completion = SimpleNamespace(token_ids=[params[0]], logprobs=logprobs)
        for finished in (False, True):
            yield SimpleNamespace(
                finished=finished,
                prompt_token_ids=prompt["prompt_token_ids"],
                num_cached_tokens=3,
                outputs=[completion],
            )


@pytest.fixture
def weigh(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Prediction, list[str]]]:
    """Answer one prompt over a fake engine, whose settings are just the tokens to read."""
    monkeypatch.setattr(vllm_engine, "weighed", list)

    def weigh(made: Renderer, prompt: Prompt, continues: Continue) -> tuple[Prediction, list[str]]:
        async def answer() -> tuple[Prediction, list[str]]:
            engine: Any = FakeEngine(made, continues)
            answerer = vllm_engine.Answerer(engine, made, asyncio.Semaphore(4))
            return await answerer.answer(Request(7, "1", prompt)), engine.asked

        return asyncio.run(answer())

    return weigh


def test_one_request_weighs_letters_of_one_token(weigh: Any) -> None:
    prompt = Prompt(question="Q:", choices=letters("A", "B"))
    prediction, asked = weigh(renderer(" A", " B"), prompt, lambda _: {" A": -0.25, " B": -1.5})
    assert prediction.logprobs == {"A": -0.25, "B": -1.5}
    assert asked == ["Q:"]
    assert (prediction.requests, prediction.prompt_tokens, prediction.cached_tokens) == (1, 2, 3)
    assert (prediction.run_id, prediction.sample_id, prediction.output_tokens) == (7, "1", 1)
    assert prediction.outcome is Outcome.ANSWERED


def test_letters_of_two_tokens_sum_along_their_branch(weigh: Any) -> None:
    weights = {"Q:": {" ": -0.5}, "Q: ": {"A": -0.25, "B": -2.0}}
    prompt = Prompt(question="Q:", choices=letters("A", "B"))
    prediction, asked = weigh(renderer(), prompt, weights.__getitem__)
    assert prediction.logprobs == {"A": -0.75, "B": -2.5}
    assert asked == ["Q:", "Q: "]
    assert (prediction.requests, prediction.prompt_tokens, prediction.cached_tokens) == (2, 5, 6)


def test_the_spellings_of_a_choice_add_their_probabilities(weigh: Any) -> None:
    prompt = Prompt(question="Q:", choices=(Choice("A", ("A", " A")), Choice("B", ("B",))))
    weights = {"A": math.log(0.25), " A": math.log(0.5), "B": math.log(0.125)}
    prediction, asked = weigh(renderer(" A"), prompt, lambda _: weights)
    assert prediction.logprobs["A"] == pytest.approx(math.log(0.75))
    assert prediction.logprobs["B"] == math.log(0.125)
    assert len(asked) == 1


def test_a_choice_that_another_begins_with_is_weighed_as_far_as_it_goes(weigh: Any) -> None:
    weights = {"Q": {"A": -1.0}, "QA": {"B": -0.5}}
    prompt = Prompt(question="Q", choices=(Choice("A", ("A",)), Choice("AB", ("AB",))))
    prediction, _ = weigh(renderer(), prompt, weights.__getitem__)
    assert prediction.logprobs == {"A": -1.0, "AB": -1.5}


def test_impossible_choices_weigh_nothing_without_an_error(weigh: Any) -> None:
    prompt = Prompt(question="Q:", choices=letters("A", "B"))
    weights = {" A": -math.inf, " B": -1.0}
    prediction, _ = weigh(renderer(" A", " B"), prompt, lambda _: weights)
    assert prediction.logprobs == {"A": -math.inf, "B": -1.0}


def test_a_model_that_gives_nan_has_given_no_answer(weigh: Any) -> None:
    prompt = Prompt(question="Q:", choices=letters("A", "B"))
    weights = {" A": math.nan, " B": -1.0}
    prediction, _ = weigh(renderer(" A", " B"), prompt, lambda _: weights)
    assert prediction.outcome is Outcome.FAILED
    assert prediction.logprobs == {}
    assert "NaN" in prediction.reason


def test_what_cannot_be_put_is_a_failed_prediction_with_the_reason(
    weigh: Any, tmp_path: Path
) -> None:
    long = Prompt(question="a" * 50, choices=letters("A"))
    broken = Prompt(question=(Image(str(tmp_path / "gone.png")), "a"), chat=True)
    for prompt, reason in ((long, "within the context of 40"), (broken, "gone.png cannot be read")):
        prediction, asked = weigh(renderer(limit=40, template=GEMMA_LIKE), prompt, lambda _: {})
        assert prediction.outcome is Outcome.FAILED
        assert reason in prediction.reason
        assert (prediction.run_id, prediction.sample_id, asked) == (7, "1", [])
