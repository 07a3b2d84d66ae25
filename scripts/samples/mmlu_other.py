"""MMLU's sample: anatomy, nutrition and marketing."""

from samples.shapes import MmluSplits

OTHER: dict[str, MmluSplits] = {
    "anatomy": {
        "dev": [
            ("Which bone forms the heel?", "Talus", "Patella", "Ulna", "Calcaneus", "D"),
            (
                "Which chamber of the heart drives blood into the aorta?",
                "Right atrium",
                "Right ventricle",
                "Left ventricle",
                "Left atrium",
                "C",
            ),
            (
                (
                    "Which muscle parts the chest from the abdomen and does most of the work of "
                    "quiet breathing?"
                ),
                "Diaphragm",
                "Trapezius",
                "Rectus abdominis",
                "Pectoralis major",
                "A",
            ),
            (
                "Between meals, bile is stored in the",
                "pancreas",
                "gallbladder",
                "spleen",
                "appendix",
                "B",
            ),
            (
                "Through which vein does blood from the head and the arms reach the heart?",
                "Hepatic portal vein",
                "Superior vena cava",
                "Pulmonary vein",
                "Great saphenous vein",
                "B",
            ),
        ],
        "test": [
            (
                "Which of these bones lies in the forearm?",
                "Radius",
                "Tibia",
                "Humerus",
                "Fibula",
                "A",
            ),
            (
                (
                    "A person sways, reaches past a cup and cannot tap a steady rhythm. Damage "
                    "to which part of the brain explains this best?"
                ),
                "Hypothalamus",
                "Cerebellum",
                "Occipital lobe",
                "Pineal gland",
                "B",
            ),
            (
                "In the lungs, oxygen passes into the blood through the walls of the",
                "trachea",
                "main bronchi",
                "pleurae",
                "alveoli",
                "D",
            ),
            ("How many vertebrae does the human neck normally have?", "5", "12", "7", "4", "C"),
            (
                "Which tube leads from the kidney to the bladder?",
                "Urethra",
                "Renal artery",
                "Ureter",
                "Vas deferens",
                "C",
            ),
            (
                (
                    "In the standard anatomical position, where is the thumb in relation to the "
                    "little finger?"
                ),
                "Medial",
                "Proximal",
                "Posterior",
                "Lateral",
                "D",
            ),
        ],
    },
    "nutrition": {
        "dev": [
            (
                (
                    "A snack contains 10 g of fat, 20 g of carbohydrate and 5 g of protein. At "
                    "9, 4 and 4 kcal per gram, how much energy does it hold?"
                ),
                "140 kcal",
                "190 kcal",
                "210 kcal",
                "315 kcal",
                "B",
            ),
            (
                "Sailors of old got scurvy because their rations lacked",
                "vitamin C",
                "vitamin A",
                "vitamin D",
                "vitamin K",
                "A",
            ),
            (
                "Which of these foods is by nature rich in vitamin B12?",
                "Spinach",
                "Olive oil",
                "Apples, fresh or dried",
                "Beef liver",
                "D",
            ),
            (
                "When goitre is caused by the diet, the diet most often lacks",
                "calcium",
                "iron",
                "iodine",
                "sodium",
                "C",
            ),
            (
                (
                    "A guest with coeliac disease comes to dinner. Which flour must not be used "
                    "for the bread?"
                ),
                "Maize flour",
                "Rice flour",
                "Wheat flour",
                "Buckwheat flour",
                "C",
            ),
        ],
        "test": [
            (
                "Which of these yields the most energy per gram?",
                "Protein",
                "Starch",
                "Fat",
                "Alcohol",
                "C",
            ),
            (
                "What does the body need vitamin K for above all?",
                "Seeing at night",
                "Tasting sweetness",
                "Digesting milk sugar",
                "Clotting of the blood",
                "D",
            ),
            (
                "Why are beans eaten together with rice a good choice for vegans?",
                "Together they supply all essential amino acids",
                "Together they contain no carbohydrate",
                "Together they provide vitamin B12",
                "Together they are free of fibre",
                "A",
            ),
            (
                "Iron from plants is taken up better when the same meal contains",
                "black tea",
                "citrus fruit",
                "milk",
                "wheat bran",
                "B",
            ),
            (
                "An adult is 1.80 m tall and weighs 72 kg. What is the body mass index?",
                "22.2 kg/m²",
                "40.0 kg/m²",
                "25.9 kg/m²",
                "12.3 kg/m²",
                "A",
            ),
            (
                "Which of these foods contains no dietary fibre?",
                "Lentils",
                "Butter",
                "Oats",
                "Pears",
                "B",
            ),
        ],
    },
    "marketing": {
        "dev": [
            (
                (
                    'Three of the classic "four Ps" are product, price and promotion. What is '
                    "the fourth?"
                ),
                "Place",
                "Profit",
                "Planning",
                "Packaging",
                "A",
            ),
            (
                (
                    "A shop asks €49.99 for a jacket rather than €50, so that it looks cheaper. "
                    "This is known as"
                ),
                "penetration pricing",
                "price skimming",
                "cost-plus pricing",
                "psychological, or charm, pricing",
                "D",
            ),
            (
                (
                    "A bank sorts its customers by age, income and size of household. This is "
                    "segmentation by"
                ),
                "psychographic variables",
                "behavioural variables",
                "demographic variables",
                "geographic variables",
                "C",
            ),
            (
                (
                    "Fixed costs are $6,000; each unit costs $8 to make and sells for $20. How "
                    "many units must be sold to break even?"
                ),
                "300",
                "500",
                "750",
                "214",
                "B",
            ),
            (
                (
                    "A café hands out 2,000 coupons, and 90 of them are redeemed. What is the "
                    "redemption rate?"
                ),
                "0.45%",
                "22%",
                "9%",
                "4.5%",
                "D",
            ),
        ],
        "test": [
            (
                "In which phase of the product life cycle do sales usually reach their peak?",
                "Introduction",
                "Maturity",
                "Growth",
                "Decline",
                "B",
            ),
            (
                'In a SWOT analysis, which entry belongs under "threats"?',
                "A new competitor entering the market",
                "A loyal group of customers",
                "An outdated factory of one's own",
                "A growing export market",
                "A",
            ),
            (
                (
                    "A maker of yoghurt sells ice cream under its well-known name. This is an "
                    "example of"
                ),
                "private labelling",
                "co-branding",
                "brand extension",
                "franchising",
                "C",
            ),
            (
                "A firm plans a new bicycle. Which of these is secondary data for it?",
                "Its own interviews with cyclists",
                "A test ride watched by its engineers",
                "An online survey of its customers",
                "Traffic counts published by the city",
                "D",
            ),
            (
                (
                    "An advertisement is shown 15,000 times and has a click-through rate of 2%. "
                    "How many clicks is that?"
                ),
                "30",
                "3,000",
                "300",
                "750",
                "C",
            ),
            (
                'A company calls itself "B2B". That means it sells',
                "second-hand goods",
                "to private households only",
                "from door to door",
                "to other companies",
                "D",
            ),
        ],
    },
}
