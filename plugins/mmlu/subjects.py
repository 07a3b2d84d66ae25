"""The 57 subjects of MMLU with their sizes, in the authors' 17 subcategories and 4 categories.

Source: `categories.py` of github.com/hendrycks/test (MIT); sizes counted in the test split.
"""

from collections.abc import Mapping
from types import MappingProxyType

CATEGORIES: Mapping[str, Mapping[str, Mapping[str, int]]] = MappingProxyType(
    {
        # lm-eval counts anatomy as STEM, which moves that category by about 0.7 points.
        "STEM": {
            "biology": {"college_biology": 144, "high_school_biology": 310},
            "chemistry": {"college_chemistry": 100, "high_school_chemistry": 203},
            "computer science": {
                "college_computer_science": 100,
                "computer_security": 100,
                "high_school_computer_science": 100,
                "machine_learning": 112,
            },
            "engineering": {"electrical_engineering": 145},
            "math": {
                "abstract_algebra": 100,
                "college_mathematics": 100,
                "elementary_mathematics": 378,
                "high_school_mathematics": 270,
                "high_school_statistics": 216,
            },
            "physics": {
                "astronomy": 152,
                "college_physics": 102,
                "conceptual_physics": 235,
                "high_school_physics": 151,
            },
        },
        "humanities": {
            "history": {
                "high_school_european_history": 165,
                "high_school_us_history": 204,
                "high_school_world_history": 237,
                "prehistory": 324,
            },
            "law": {"international_law": 121, "jurisprudence": 108, "professional_law": 1534},
            "philosophy": {
                "formal_logic": 126,
                "logical_fallacies": 163,
                "moral_disputes": 346,
                "moral_scenarios": 895,
                "philosophy": 311,
                "world_religions": 171,
            },
        },
        "social sciences": {
            "culture": {"human_sexuality": 131, "sociology": 201},
            "economics": {
                "econometrics": 114,
                "high_school_macroeconomics": 390,
                "high_school_microeconomics": 238,
            },
            "geography": {"high_school_geography": 198},
            "politics": {
                "high_school_government_and_politics": 193,
                "public_relations": 110,
                "security_studies": 245,
                "us_foreign_policy": 100,
            },
            "psychology": {"high_school_psychology": 545, "professional_psychology": 612},
        },
        # The authors call it "other (business, health, misc.)".
        "other": {
            "business": {"business_ethics": 100, "management": 103, "marketing": 234},
            "health": {
                "anatomy": 135,
                "clinical_knowledge": 265,
                "college_medicine": 173,
                "human_aging": 223,
                "medical_genetics": 100,
                "nutrition": 306,
                "professional_medicine": 272,
                "virology": 166,
            },
            "other": {"global_facts": 100, "miscellaneous": 783, "professional_accounting": 282},
        },
    }
)

GROUPS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        subject: {"subject": subject, "subcategory": subcategory, "category": category}
        for category, subcategories in CATEGORIES.items()
        for subcategory, sizes in subcategories.items()
        for subject in sizes
    }
)
"""What a subject's questions are grouped by on a board."""

SIZES: Mapping[str, int] = MappingProxyType(
    {
        subject: size
        for subcategories in CATEGORIES.values()
        for sizes in subcategories.values()
        for subject, size in sizes.items()
    }
)
"""How many test questions the official data has of each subject."""

SUBJECTS = tuple(sorted(SIZES))
