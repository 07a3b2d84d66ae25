"""MIMIC-CXR as questions: the tree on disk, views, label policies, prompts, and what falls out."""

import csv
import gzip
import pickle
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import jsonschema
import pytest

from plugins.mimic_cxr import SAMPLE, SETTINGS, register_benchmarks, samples
from plugins.mimic_cxr.labels import FIVE, FOURTEEN, POLICIES, Label
from plugins.mimic_cxr.layout import METADATA, SPLIT, Study, View, find_tree
from plugins.mimic_cxr.synthetic import write_tree
from registry import (
    BadImage,
    Benchmark,
    DatasetError,
    Excluded,
    Image,
    Prompt,
    Sample,
    Task,
    Terms,
    open_image,
)

RADIOLOGISTS = "mimic-cxr-2.1.0-test-set-labeled.csv"
CHEXPERT = "mimic-cxr-2.0.0-chexpert.csv.gz"
HOW_TO_GO_ON = "--data mimic-cxr=DIR, or try the offline sample with: --sample"


def benchmark() -> Benchmark:
    only, _ = register_benchmarks()
    return only


def task(*words: str) -> Task:
    return benchmark().task_for(benchmark().variant(words))


def read(root: Path, *words: str) -> list[Sample | Excluded]:
    return list(task(*words).dataset.read(root))


def asked(items: Sequence[Sample | Excluded]) -> dict[str, Sample]:
    return {item.id: item for item in items if isinstance(item, Sample)}


def reasons(items: Sequence[Sample | Excluded]) -> dict[str, str]:
    return {item.id: item.reason for item in items if isinstance(item, Excluded)}


def picture(sample: Sample) -> Image:
    first = sample.input[0]
    assert isinstance(first, Image)
    return first


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the built-in sample that a test may spoil."""
    root = tmp_path / "2.1.0"
    shutil.copytree(SAMPLE, root)
    return root


def edit(path: Path, change: Callable[[list[list[str]]], list[list[str]]]) -> None:
    """Rewrite a table, header and all."""
    compressed = path.suffix == ".gz"
    data = path.read_bytes()
    text = (gzip.decompress(data) if compressed else data).decode()
    lines = change(list(csv.reader(text.splitlines())))
    new = "".join(",".join(line) + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(new) if compressed else new)


def replace_cell(path: Path, old: str, new: str) -> None:
    edit(path, lambda rows: [[new if cell == old else cell for cell in row] for row in rows])


# The awkward studies


@pytest.mark.parametrize(
    ("study", "file"),
    [
        ("s50000001", "00000001"),  # PA before LATERAL
        ("s50000002", "00000003"),  # two AP: the lower dicom_id
        ("s50000004", "00000006"),  # no ViewPosition, but a portable AP
        ("s50000005", "00000007"),  # missing on disk
        ("s50000006", "00000008"),  # truncated, and PA before the empty AP
        ("s50000007", "0000000a"),  # nothing mentioned
        ("s50000009", "0000000c"),  # AP before SWIMMERS
    ],
)
def test_one_frontal_picture_stands_for_a_study(study: str, file: str) -> None:
    chosen = {
        Path(picture(sample).path)
        for name, sample in asked(read(SAMPLE)).items()
        if name.startswith(f"{study}/")
    }
    folder = SAMPLE / f"files/p10/p{10_000_001 + (int(study[1:]) - 50_000_001) // 3}/{study}"
    assert chosen == {(folder / f"00000000-00000000-00000000-00000000-{file}.jpg").resolve()}


def test_a_study_without_frontal_view_or_label_row_falls_out_with_its_reason() -> None:
    assert reasons(read(SAMPLE)) == {
        "s50000003": "no frontal image",
        "s50000008": "no row in the label table",
    }


def test_a_study_that_mentions_nothing_is_all_negative_or_falls_out_whole() -> None:
    negatives = [s.target for s in asked(read(SAMPLE)).values() if s.id.startswith("s50000007/")]
    assert negatives == ["no"] * 5
    excluded = reasons(read(SAMPLE, "exclude"))
    assert excluded["s50000007"] == "every condition is masked"
    assert not [name for name in excluded if name.startswith("s50000007/")]


def test_studies_of_the_other_splits_are_not_mentioned() -> None:
    items = read(SAMPLE, "14-conditions", "exclude")
    studies = {item.id.partition("/")[0] for item in items}
    assert studies.isdisjoint({"s50000010", "s50000011", "s50000012"})
    assert len(studies) == 45


def test_a_missing_or_broken_picture_stays_a_question_that_fails_at_the_engine() -> None:
    questions = asked(read(SAMPLE))
    for study, wrong in {"s50000005": "cannot be read", "s50000006": "cannot be decoded"}.items():
        with pytest.raises(BadImage, match=wrong):
            open_image(picture(questions[f"{study}/Edema"]))
    assert open_image(picture(questions["s50000009/Edema"])).mode == "RGB"


def test_a_study_that_the_metadata_does_not_describe_makes_the_run_partial(tree: Path) -> None:
    edit(tree / f"{METADATA}.csv.gz", lambda rows: [r for r in rows if r[2] != "50000013"])
    (found,) = [item for item in read(tree) if item.id.startswith("s50000013")]
    assert found == Excluded("s50000013", samples.UNDESCRIBED, incomplete=True)


# Views


def view(position: str, *, code: str = "", procedure: str = "", dicom_id: str = "a") -> View:
    return View(dicom_id, position, code, procedure)


def frontal(*views: View) -> View | None:
    return Study("50000001", "10000001", Path(), views).frontal


def test_pa_comes_before_ap_and_plain_before_oblique_or_lying() -> None:
    order = ["PA", "AP", "AP AXIAL", "AP LLD", "AP RLD", "PA RLD", "PA LLD"]
    views = [view(position) for position in order] + [view("", code="antero-posterior")]
    while views:
        assert frontal(*reversed(views)) == views.pop(0)


def test_equal_views_are_told_apart_by_dicom_id_whatever_their_order() -> None:
    first, second = view("AP", dicom_id="a"), view("AP", dicom_id="b")
    assert frontal(first, second) == frontal(second, first) == first


@pytest.mark.parametrize("position", ["LATERAL", "LL", "LAO", "RAO", "LPO", "RPO", "SWIMMERS"])
def test_other_views_never_stand_for_a_study(position: str) -> None:
    assert frontal(view(position, procedure="CHEST (PORTABLE AP)", code="antero-posterior")) is None


@pytest.mark.parametrize(
    ("code", "procedure", "is_frontal"),
    [
        ("", "CHEST (PORTABLE AP)", True),
        ("", "CHEST PORT. LINE PLACEMENT", True),
        ("", "CHEST (PA AND LAT)", False),
        ("", "CHEST (AP, LATERAL & OBLIQUES)", False),
        ("", "SHOULDER AP", False),
        ("", "CHEST", False),
        ("", "", False),
        ("postero-anterior", "CHEST (PA AND LAT)", True),
        ("antero-posterior", "", True),
        ("lateral", "CHEST (PORTABLE AP)", False),
        ("left lateral", "CHEST (PORTABLE AP)", False),
    ],
)
def test_a_blank_view_is_frontal_only_if_nothing_else_is_possible(
    code: str, procedure: str, is_frontal: bool
) -> None:
    assert (frontal(view("", code=code, procedure=procedure)) is not None) == is_frontal


# Labels and policies


@pytest.mark.parametrize(
    ("policy", "label", "edema", "cardiomegaly"),
    [
        ("u_zero", Label.PRESENT, "yes", "yes"),
        ("u_zero", Label.ABSENT, "no", "no"),
        ("u_zero", Label.UNCERTAIN, "no", "no"),
        ("u_zero", Label.BLANK, "no", "no"),
        ("exclude", Label.PRESENT, "yes", "yes"),
        ("exclude", Label.ABSENT, "no", "no"),
        ("exclude", Label.UNCERTAIN, "", ""),
        ("exclude", Label.BLANK, "", ""),
        ("u_one", Label.PRESENT, "yes", "yes"),
        ("u_one", Label.ABSENT, "no", "no"),
        ("u_one", Label.UNCERTAIN, "yes", "yes"),
        ("u_one", Label.BLANK, "no", "no"),
        ("u_ignore", Label.PRESENT, "yes", "yes"),
        ("u_ignore", Label.ABSENT, "no", "no"),
        ("u_ignore", Label.UNCERTAIN, "", ""),
        ("u_ignore", Label.BLANK, "no", "no"),
        ("chexagent", Label.PRESENT, "yes", "yes"),
        ("chexagent", Label.ABSENT, "no", "no"),
        ("chexagent", Label.UNCERTAIN, "yes", "no"),
        ("chexagent", Label.BLANK, "no", "no"),
    ],
)
def test_every_policy_says_what_every_label_counts_as(
    policy: str, label: Label, edema: str, cardiomegaly: str
) -> None:
    assert POLICIES[policy].target("Edema", label) == edema
    assert POLICIES[policy].target("Cardiomegaly", label) == cardiomegaly


def test_chexagent_takes_doubt_as_yes_for_three_conditions_only() -> None:
    doubted = {
        name for name in FOURTEEN if POLICIES["chexagent"].target(name, Label.UNCERTAIN) == "yes"
    }
    assert doubted == {"Atelectasis", "Edema", "Pleural Effusion"}


def test_a_masked_condition_says_why() -> None:
    excluded = reasons(read(SAMPLE, "exclude"))
    # Its row: Atelectasis -1.0, Consolidation 1.0, Pleural Effusion -1.0, the others blank.
    assert {name: why for name, why in excluded.items() if name.startswith("s50000014")} == {
        "s50000014/Atelectasis": "masked: uncertain in the report",
        "s50000014/Cardiomegaly": "masked: not mentioned in the report",
        "s50000014/Edema": "masked: not mentioned in the report",
        "s50000014/Pleural Effusion": "masked: uncertain in the report",
    }


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("conditions", ["5-conditions", "14-conditions"])
def test_each_study_and_condition_is_asked_or_excluded_exactly_once(
    policy: str, conditions: str
) -> None:
    items = read(SAMPLE, policy, conditions)
    counted = Counter(item.id for item in items)
    assert set(counted.values()) == {1}
    whole = [name for name in counted if "/" not in name]
    n = len(FIVE if conditions == "5-conditions" else FOURTEEN)
    assert len(counted) - len(whole) == (45 - len(whole)) * n


def test_the_label_sources_differ_where_their_labelers_do() -> None:
    targets = {
        source: asked(read(SAMPLE, source, "exclude")).get("s50000014/Atelectasis")
        for source in ("chexpert", "negbio", "radiologist")
    }
    assert targets["chexpert"] is None  # -1.0
    assert targets["negbio"] is not None
    assert targets["negbio"].target == "yes"
    assert targets["radiologist"] is None


def test_the_radiologists_table_is_read_under_its_own_names(tree: Path) -> None:
    before = read(tree, "radiologist", "14-conditions")
    assert asked(before)["s50000005/Lung Opacity"].target == "yes"
    assert reasons(before)["s50000000"] == samples.STRAY
    replace_cell(tree / RADIOLOGISTS, "No Finding", "No Findings")
    replace_cell(tree / RADIOLOGISTS, "Airspace Opacity", "Lung Opacity")
    assert read(tree, "radiologist", "14-conditions") == before


def test_a_train_study_labelled_by_mistake_is_no_question(tree: Path) -> None:
    replace_cell(tree / RADIOLOGISTS, "50000000", "50000011")
    items = read(tree, "radiologist")
    assert reasons(items)["s50000011"] == samples.STRAY


# The tree on disk


def test_root_parent_and_files_folder_lead_to_the_same_questions(tree: Path) -> None:
    expected = read(tree)
    assert read(tree.parent) == read(tree / "files") == expected
    assert len(asked(expected)) == 43 * 5


def test_questions_come_by_patient_and_study_however_the_tables_are_sorted(tree: Path) -> None:
    before = read(tree)
    for table in (SPLIT, METADATA, "mimic-cxr-2.0.0-chexpert"):
        edit(tree / f"{table}.csv.gz", lambda rows: [rows[0], *reversed(rows[1:])])
    assert read(tree) == before
    studies = [name.partition("/")[0] for name in asked(before)]
    assert studies == sorted(studies)


def test_the_newest_release_below_the_folder_is_taken(tree: Path) -> None:
    shutil.copytree(tree, tree.with_name("2.0.0"))
    assert find_tree(tree.parent).name == "2.1.0"


def test_unpacked_tables_are_read_as_well(tree: Path) -> None:
    expected = read(tree)
    for packed in tree.glob("*.csv.gz"):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    assert read(tree) == expected


def test_a_fresh_synthetic_tree_is_a_release_too(tmp_path: Path) -> None:
    studies = write_tree(tmp_path, patients=2, studies_per_patient=2, seed=3, awkward=False)
    questions = asked(read(tmp_path))
    assert len(questions) == len(studies) * 5
    assert {sample.cluster for sample in questions.values()} == {"p10000001", "p10000002"}


def test_pictures_may_lie_on_another_disk(tree: Path, tmp_path: Path) -> None:
    expected = [name for name in asked(read(tree))]
    (tree / "files").rename(tmp_path / "elsewhere")
    (tree / "files").symlink_to(tmp_path / "elsewhere")
    linked = asked(read(tree))
    assert list(linked) == expected
    assert open_image(picture(linked["s50000001/Edema"])).size == (64, 64)


@pytest.mark.parametrize("missing", [f"{SPLIT}.csv.gz", f"{METADATA}.csv.gz", CHEXPERT, "files"])
def test_what_is_missing_is_named_with_what_to_type(tree: Path, missing: str) -> None:
    (tree / missing).rename(tree.parent / "away")
    with pytest.raises(DatasetError) as error:
        read(tree)
    message = error.value.format_message()
    assert missing.removesuffix(".gz").removesuffix(".csv") in message
    assert message.endswith(HOW_TO_GO_ON)


def test_another_layout_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(DatasetError, match=r"looked for mimic-cxr-2\.0\.0-split\.csv\.gz") as error:
        read(tmp_path)
    assert error.value.format_message().endswith(HOW_TO_GO_ON)


@pytest.mark.parametrize(
    ("table", "old", "new", "complaint"),
    [
        (f"{SPLIT}.csv.gz", "test", "holdout", "no images of the split 'test'"),
        (f"{SPLIT}.csv.gz", "dicom_id", "image", "no column dicom_id"),
        (f"{METADATA}.csv.gz", "ViewPosition", "View", "no column ViewPosition"),
        (CHEXPERT, "Edema", "Oedema", "no column Edema"),
        (CHEXPERT, "study_id", "study", "no column study_id"),
        (CHEXPERT, "-1.0", "maybe", "the cell 'maybe'"),
    ],
)
def test_a_table_that_is_not_the_official_one_is_refused(
    tree: Path, table: str, old: str, new: str, complaint: str
) -> None:
    replace_cell(tree / table, old, new)
    with pytest.raises(DatasetError, match=complaint) as error:
        read(tree)
    assert error.value.format_message().endswith(HOW_TO_GO_ON)


def test_an_empty_table_is_refused(tree: Path) -> None:
    edit(tree / f"{SPLIT}.csv.gz", lambda rows: rows[:1])
    with pytest.raises(DatasetError, match="has no rows"):
        read(tree)


@pytest.mark.parametrize(
    ("old", "hostile"),
    [
        ("10000001", "../../etc/passwd"),
        ("10000001", "/etc"),
        ("50000001", "../../../../../../etc/passwd"),
        ("00000000-00000000-00000000-00000000-00000001", "../../../../../../../etc/passwd"),
        ("10000001", "10000001\u0661"),
    ],
)
def test_a_path_in_place_of_an_id_is_refused(tree: Path, old: str, hostile: str) -> None:
    replace_cell(tree / f"{SPLIT}.csv.gz", old, hostile)
    with pytest.raises(DatasetError, match="which is no official one"):
        read(tree)


def test_a_link_out_of_the_release_is_refused(tree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (tree / "files/p10/p10000002").rename(outside)
    (tree / "files/p10/p10000002").symlink_to(outside)
    with pytest.raises(DatasetError, match="outside its folder"):
        read(tree)


# What is asked


def test_the_direct_question_is_one_word_weighed_by_its_spellings() -> None:
    sample = asked(read(SAMPLE))["s50000001/Pleural Effusion"]
    prompt = task().prompt(sample)
    assert prompt.question == (
        picture(sample),
        "Is there pleural effusion in this image? Answer with one word, yes or no.",
    )
    assert prompt.chat
    assert prompt.system == ""
    assert prompt.sampling.max_tokens == 1
    assert {choice.name: choice.spellings for choice in prompt.choices} == {
        "yes": ("yes", "Yes", "YES", " yes", " Yes"),
        "no": ("no", "No", "NO", " no", " No"),
    }
    assert (sample.target, sample.cluster) == ("yes", "p10000001")
    assert sample.groups == {"condition": "Pleural Effusion"}


def test_the_argued_question_is_the_one_of_the_medgemma_report() -> None:
    sample = asked(read(SAMPLE, "binary-cot"))["s50000001/Edema"]
    prompt = task("binary-cot").prompt(sample)
    assert prompt.question == (
        picture(sample),
        "Is there edema in this image? You may write out your argument before stating your final "
        "very short, definitive, and concise answer (if possible, a single word or the letter "
        'corresponding to your answer choice) X in the format "Final Answer: X":',
    )
    assert (prompt.system, prompt.choices, prompt.sampling.temperature) == ("", (), 0.0)


def test_the_binary_modes_ask_about_the_same_samples() -> None:
    assert read(SAMPLE, "binary-cot", "u_one") == read(SAMPLE, "u_one")


def test_no_finding_is_asked_so_that_yes_means_healthy() -> None:
    sample = asked(read(SAMPLE, "14-conditions"))["s50000021/No Finding"]
    assert sample.input[1] == "Is this image free of abnormal findings?"
    assert sample.target == "yes"


def json_prompt(sample: Sample, *words: str) -> Prompt:
    return task("multilabel-json", *words).prompt(sample)


def test_a_whole_study_is_asked_for_one_boolean_a_condition() -> None:
    sample = asked(read(SAMPLE, "multilabel-json"))["s50000001"]
    schema = json_prompt(sample).sampling.json_schema
    assert schema is not None
    jsonschema.validate(dict.fromkeys(FIVE, True), schema)
    for wrong in ({}, dict.fromkeys(FIVE, "yes"), dict.fromkeys((*FIVE, "Fracture"), True)):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
    text = json_prompt(sample).question[1]
    assert isinstance(text, str)
    assert text.startswith(
        "Which of these does this image show: "
        "Atelectasis, Cardiomegaly, Consolidation, Edema, Pleural Effusion? "
        "Answer with a JSON object"
    )


def test_the_question_about_a_study_does_not_tell_what_its_report_mentions() -> None:
    words = ("multilabel-json", "exclude", "14-conditions")
    questions = asked(read(SAMPLE, *words)).values()
    assert len({sample.target for sample in questions}) > 10
    assert len({str(json_prompt(s, *words[1:]).question[1:]) for s in questions}) == 1


def test_a_whole_study_has_only_its_unmasked_conditions_as_target() -> None:
    items = read(SAMPLE, "multilabel-json", "exclude")
    assert asked(items)["s50000014"].target == '{"Consolidation": "yes"}'
    assert reasons(items) == reasons(read(SAMPLE, "exclude"))


# The benchmark


def test_the_default_variant_is_direct_chexpert_u_zero_on_five_conditions() -> None:
    name = benchmark().variant().name
    assert name == "binary-direct,chexpert,u_zero,5-conditions,unparseable-wrong"


def test_the_nearest_public_relative_of_the_published_number_can_be_typed() -> None:
    chosen = benchmark().variant(["radiologist", "exclude", "binary-cot"])
    assert chosen.name == "binary-cot,radiologist,exclude,5-conditions,unparseable-wrong"


def test_every_variant_makes_a_task_with_baselines_and_macro_f1() -> None:
    variants = benchmark().variants()
    assert len(variants) == 3 * 3 * 5 * 2 * 3
    for variant in variants:
        made = benchmark().task_for(variant)
        assert made.headline.name == "macro-f1"
        assert set(made.baselines) == {"always-yes", "always-no", "prevalence-random"}


def test_the_data_are_credentialed_and_the_page_says_so() -> None:
    assert benchmark().terms is Terms.CREDENTIALED
    assert "no sharing of data" in benchmark().terms_text
    assert all(setting.summary for setting in SETTINGS)


def test_the_dataset_can_travel_to_another_process() -> None:
    dataset = pickle.loads(pickle.dumps(task("exclude").dataset))
    assert list(dataset.read(SAMPLE)) == read(SAMPLE, "exclude")
