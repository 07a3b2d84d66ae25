"""MMLU-Pro's sample: math, biology, law and computer science, with three to ten options."""

from samples.shapes import ProQuestion, ProSplits

CATEGORIES: dict[str, ProSplits] = {
    "math": {
        "validation": [
            ProQuestion(
                (
                    "A bag holds 4 red and 6 blue marbles. Two are drawn without putting the "
                    "first one back. How likely is it that both are red?"
                ),
                ("1/15", "2/15", "4/25", "1/5", "2/5", "3/10", "1/3", "6/25", "8/45", "1/45"),
                "B",
                (
                    "The first marble is red with probability 4/10. Then 3 of the 9 remaining "
                    "marbles are red. The product is 4/10 * 3/9 = 12/90 = 2/15."
                ),
            ),
            ProQuestion(
                "What is the last digit of 7^50?",
                ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
                "J",
                (
                    "The last digits of the powers of 7 repeat with period four: 7, 9, 3, 1. "
                    "Since 50 leaves the remainder 2 when divided by 4, the last digit is the "
                    "second of them, 9."
                ),
            ),
            ProQuestion(
                "The first n odd numbers add up to 289. What is n?",
                ("13", "14", "15", "16", "17", "18", "19", "21", "34", "144"),
                "E",
                "The first n odd numbers add up to n^2. From n^2 = 289 follows n = 17.",
            ),
            ProQuestion(
                "Where does f(x) = x^3 − 6x^2 + 9x have a local minimum?",
                (
                    "x = −3",
                    "x = −1",
                    "x = 0",
                    "x = 1",
                    "x = 2",
                    "x = 3",
                    "x = 4",
                    "x = 6",
                    "x = 9",
                    "Nowhere",
                ),
                "F",
                (
                    "The derivative is 3x^2 − 12x + 9 = 3(x − 1)(x − 3), with zeros at 1 and 3. "
                    "The second derivative 6x − 12 is negative at 1 and positive at 3, so the "
                    "minimum is at x = 3."
                ),
            ),
            ProQuestion(
                "What is the determinant of the matrix with the rows (3, 5) and (−2, 4)?",
                ("22", "2", "−22", "12", "−2", "10", "7", "15", "26", "0"),
                "A",
                "The determinant is 3 * 4 − 5 * (−2) = 12 + 10 = 22.",
            ),
        ],
        "test": [
            ProQuestion(
                "How many positive integers divide 360?",
                ("8", "12", "16", "18", "20", "22", "24", "30", "36", "48"),
                "G",
            ),
            ProQuestion(
                "In how many different orders can the letters of LEVEL be written?",
                ("10", "20", "24", "30", "60", "120"),
                "D",
            ),
            ProQuestion(
                "What is the integral of 2x·e^(x^2) over x from 0 to 1?",
                ("e", "e + 1", "e − 1"),
                "C",
            ),
            ProQuestion(
                "A straight line runs through (2, −1) and (6, 7). Where does it meet the y-axis?",
                (
                    "(0, −5)",
                    "(0, −4)",
                    "(0, −3)",
                    "(0, −2)",
                    "(0, 0)",
                    "(0, 2)",
                    "(0, 3)",
                    "(0, 5)",
                ),
                "A",
            ),
        ],
    },
    "biology": {
        "validation": [
            ProQuestion(
                (
                    "A cell spends 12 hours in G1, 8 in S, 3 in G2 and 1 in M. If 480 cells are "
                    "spread evenly over this cycle, how many of them are in M?"
                ),
                ("10", "12", "15", "20", "24", "30", "40", "48", "60", "160"),
                "D",
                (
                    "The whole cycle takes 12 + 8 + 3 + 1 = 24 hours, of which M takes 1. So 480 "
                    "/ 24 = 20 cells are in M."
                ),
            ),
            ProQuestion(
                (
                    "In a population in Hardy-Weinberg equilibrium 9% show a recessive trait. "
                    "What share of the population are heterozygous carriers?"
                ),
                ("9%", "18%", "21%", "30%", "42%", "49%", "51%", "58%", "70%", "91%"),
                "E",
                (
                    "The recessive allele has the frequency q with q^2 = 0.09, so q = 0.3 and p "
                    "= 0.7. The heterozygotes are 2pq = 2 * 0.7 * 0.3 = 0.42."
                ),
            ),
            ProQuestion(
                "Which anticodon, written from 3' to 5', pairs with the codon 5'-AUG-3'?",
                ("AUG", "UAC", "TAC", "GUA", "CAU", "ATG", "UUC", "GAU", "CUA", "TAG"),
                "B",
                (
                    "Read against the codon, A pairs with U, U with A and G with C. Written from "
                    "3' to 5' this is UAC; RNA has no T."
                ),
            ),
            ProQuestion(
                (
                    "Which substance takes up the electrons at the end of the respiratory chain "
                    "of a mitochondrion?"
                ),
                (
                    "Water",
                    "Carbon dioxide",
                    "NAD+",
                    "FAD",
                    "Pyruvate",
                    "Cytochrome c",
                    "Ubiquinone",
                    "Oxygen",
                    "Glucose",
                    "ATP",
                ),
                "H",
                (
                    "Ubiquinone and cytochrome c carry electrons along the chain. The last "
                    "complex hands them to oxygen, which becomes water."
                ),
            ),
            ProQuestion(
                (
                    "A mother has blood group A and her child has group O. Leaving mutations "
                    "aside, which blood group rules a man out as the father?"
                ),
                ("O", "A", "B", "AB"),
                "D",
                (
                    "The child has two O alleles, one of them from the father. A man of group AB "
                    "has an A and a B allele, but no O allele to pass on."
                ),
            ),
        ],
        "test": [
            ProQuestion(
                (
                    "An organism has cell walls of chitin, no chlorophyll, and absorbs its food "
                    "from dead wood. To which group does it belong?"
                ),
                ("Animals", "Plants", "Fungi", "Bacteria", "Archaea", "Brown algae"),
                "C",
            ),
            ProQuestion(
                (
                    "Two plants of the genotype AaBb are crossed; the genes are not linked and A "
                    "and B are fully dominant. What share of the offspring is expected to show "
                    "both recessive traits?"
                ),
                ("1/2", "1/4", "3/4", "3/16", "9/16", "1/8", "3/8", "1/32", "1/16", "7/16"),
                "I",
            ),
            ProQuestion(
                (
                    "A rodent of the desert makes extremely concentrated urine. Which part of "
                    "its nephrons would you expect to be unusually long?"
                ),
                (
                    "The glomerulus",
                    "Bowman's capsule",
                    "The proximal tubule",
                    "The loop of Henle",
                    "The distal tubule",
                ),
                "D",
            ),
            ProQuestion(
                (
                    "Sixty beetles are marked and set free. A week later 80 beetles are caught, "
                    "16 of which carry a mark. What is the simplest (Lincoln-Petersen) estimate "
                    "of the number of beetles?"
                ),
                ("75", "124", "140", "160", "200", "240", "300", "320", "480", "4,800"),
                "G",
            ),
        ],
    },
    "law": {
        "validation": [
            ProQuestion(
                (
                    "An offer arrives on Monday. The offeror posts a revocation on Tuesday, the "
                    "offeree posts an acceptance on Wednesday, and both letters arrive on "
                    "Thursday. Where the common law's postal rule applies, when is the contract "
                    "made?"
                ),
                (
                    "On Monday",
                    "On Tuesday",
                    "On Wednesday",
                    "On Thursday",
                    "When the acceptance is read",
                    "When the revocation is read",
                    "When both parties have met",
                    "Never",
                ),
                "C",
                (
                    "A revocation takes effect only when it arrives, here on Thursday. Under the "
                    "postal rule an acceptance takes effect when it is posted, here on "
                    "Wednesday, while the offer was still open."
                ),
            ),
            ProQuestion(
                "How convincing must the prosecution's case be in a common-law criminal trial?",
                (
                    "It must outweigh the defence's case",
                    "It must be clear and convincing",
                    "It must give reasonable suspicion",
                    "It must show probable cause",
                    "It must leave no reasonable doubt",
                    "It must rest on some evidence",
                    "It must persuade most of the public",
                ),
                "E",
                (
                    "Suspicion and probable cause are enough for a search or an arrest, and the "
                    "balance of probabilities decides civil cases. A conviction requires proof "
                    "beyond reasonable doubt."
                ),
            ),
            ProQuestion(
                (
                    "A shopkeeper leaves her floor wet and a customer breaks a wrist. Which "
                    "element of negligence asks whether the wrist would have been broken had the "
                    "floor been dry?"
                ),
                (
                    "Duty of care",
                    "Breach of duty",
                    "Damage",
                    "Consent",
                    "Malice",
                    "Factual causation",
                ),
                "F",
                (
                    "Duty and breach concern what the shopkeeper had to do and failed to do; "
                    "damage is the broken wrist. Whether the harm would have happened anyway is "
                    "the but-for test of factual causation."
                ),
            ),
            ProQuestion(
                (
                    "Which Latin phrase stands for the rule that nobody is tried twice for the "
                    "same offence?"
                ),
                (
                    "habeas corpus",
                    "stare decisis",
                    "mens rea",
                    "actus reus",
                    "ultra vires",
                    "res ipsa loquitur",
                    "pacta sunt servanda",
                    "caveat emptor",
                    "ne bis in idem",
                    "ex parte",
                ),
                "I",
                (
                    "The phrase must speak of twice and of the same matter. Bis means twice and "
                    "in idem means in the same thing, so it is ne bis in idem."
                ),
            ),
            ProQuestion(
                (
                    "Under the Vienna Convention on the Law of Treaties, a treaty that conflicts "
                    "with a peremptory norm of international law when it is concluded is"
                ),
                (
                    "void",
                    "valid until it is denounced",
                    "binding on its signatories alone",
                    "suspended for ten years",
                    "valid once it is registered",
                ),
                "A",
                (
                    "No agreement between states can set a peremptory norm aside. Article 53 "
                    "therefore declares such a treaty void."
                ),
            ),
        ],
        "test": [
            ProQuestion(
                (
                    "The shareholders of a company can lose what they have paid for their "
                    "shares, but need not pay its debts from their own pockets. What is this "
                    "called?"
                ),
                (
                    "Joint liability",
                    "Vicarious liability",
                    "Strict liability",
                    "Limited liability",
                    "Product liability",
                    "Criminal liability",
                ),
                "D",
            ),
            ProQuestion(
                (
                    "On his round, the carelessly driving employee of a courier firm injures a "
                    "cyclist. The firm chose and trained him with all due care. On what ground "
                    "can the cyclist still claim damages from the firm under the common law?"
                ),
                (
                    "Breach of contract",
                    "Product liability",
                    "Unjust enrichment",
                    "Private nuisance",
                    "Defamation",
                    "Trespass to land",
                    "Promissory estoppel",
                    "Vicarious liability",
                    "Conversion",
                    "Breach of warranty",
                ),
                "H",
            ),
            ProQuestion(
                "Which of these is an equitable remedy in common-law countries?",
                (
                    "Compensatory damages",
                    "Nominal damages",
                    "Punitive damages",
                    "Liquidated damages",
                    "Specific performance",
                ),
                "E",
            ),
            ProQuestion(
                (
                    "Five judges reach the same result. One of them writes an opinion of her own "
                    "because she gets there by other reasons. Hers is"
                ),
                ("a dissenting opinion", "a concurring opinion", "an opinion per curiam"),
                "B",
            ),
        ],
    },
    "computer science": {
        "validation": [
            ProQuestion(
                (
                    "Each of 300 students gets a different binary code, all of the same length. "
                    "How many bits must a code have at least?"
                ),
                ("5", "6", "7", "8", "9", "10", "11", "12", "16", "300"),
                "E",
                (
                    "With 8 bits there are 2^8 = 256 codes, too few for 300 students. With 9 "
                    "bits there are 512, which is enough."
                ),
            ),
            ProQuestion(
                "What is 1011 XOR 0110, both in binary, as a decimal number?",
                ("2", "4", "6", "9", "11", "13", "14", "15", "17", "29"),
                "F",
                (
                    "The bits differ in the first, second and fourth place, so the result is "
                    "1101. That is 8 + 4 + 1 = 13."
                ),
            ),
            ProQuestion(
                (
                    "An empty stack goes through: push 1, push 2, pop, push 3, push 4, pop, pop. "
                    "What is left on it?"
                ),
                (
                    "Only 1",
                    "Only 2",
                    "Only 3",
                    "Only 4",
                    "1 and 2",
                    "1 and 3",
                    "2 and 3",
                    "3 and 4",
                    "1, 2 and 3",
                    "Nothing",
                ),
                "A",
                (
                    "The first pop removes 2. The other two remove 4 and then 3. Only 1 is never "
                    "removed."
                ),
            ),
            ProQuestion(
                "How does T(n) grow if T(n) = 2·T(n/2) + n and T(1) = 1?",
                (
                    "Θ(1)",
                    "Θ(log n)",
                    "Θ(√n)",
                    "Θ(n / log n)",
                    "Θ(n)",
                    "Θ(n log log n)",
                    "Θ(n log n)",
                    "Θ(n^1.5)",
                    "Θ(n²)",
                    "Θ(2^n)",
                ),
                "G",
                (
                    "Halving n takes about log n levels, and the work on each level adds up to "
                    "n. Together that is n log n."
                ),
            ),
            ProQuestion(
                (
                    "Virtual addresses have 32 bits and a page holds 4 KiB, addressed byte by "
                    "byte. How many bits of an address are the page number?"
                ),
                ("4", "8", "10", "12", "14", "16", "18", "19", "20", "22"),
                "I",
                (
                    "A page has 4096 = 2^12 bytes, so 12 bits are the offset. The other 32 − 12 "
                    "= 20 bits are the page number."
                ),
            ),
        ],
        "test": [
            ProQuestion(
                (
                    "A hit in the cache takes 2 ns and a miss 50 ns in all. Nine of ten accesses "
                    "are hits. How long does an access take on average?"
                ),
                (
                    "52 ns",
                    "50 ns",
                    "48 ns",
                    "45.2 ns",
                    "26 ns",
                    "7 ns",
                    "5.2 ns",
                    "5 ns",
                    "2 ns",
                    "6.8 ns",
                ),
                "J",
            ),
            ProQuestion(
                (
                    "Every two of nine computers are joined by a cable of their own. How many "
                    "cables are there?"
                ),
                ("9", "18", "36", "45", "72", "81"),
                "C",
            ),
            ProQuestion(
                (
                    "Which of these is NOT among the four classic conditions that must all hold "
                    "for a deadlock?"
                ),
                (
                    "Starvation",
                    "Mutual exclusion",
                    "Hold and wait",
                    "No preemption",
                    "Circular wait",
                ),
                "A",
            ),
            ProQuestion(
                (
                    "def g(s):\n"
                    "    return s if len(s) < 2 else g(s[1:]) + s[0]\n\n"
                    'What does the Python call g("drawer") return?'
                ),
                ('"drawer"', '"reward"', '"warder"', '"redraw"', '"d"', '"r"', "None"),
                "B",
            ),
        ],
    },
}
