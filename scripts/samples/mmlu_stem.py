"""MMLU's sample: abstract algebra, biology, physics and computer science."""

from samples.shapes import MmluSplits

STEM: dict[str, MmluSplits] = {
    "abstract_algebra": {
        "dev": [
            (
                "In the additive group Z_18, what is the order of the element 14?",
                "7",
                "9",
                "18",
                "2",
                "B",
            ),
            (
                (
                    "Which of these sets is closed under addition and negation, and so a "
                    "subgroup of the integers?"
                ),
                "The odd integers",
                "The positive integers",
                "The integers from −7 to 7",
                "The multiples of 11",
                "D",
            ),
            (
                "The permutation (1 5 2)(3 4) of five objects has which order and which sign?",
                "Order 6, odd",
                "Order 6, even",
                "Order 5, odd",
                "Order 5, even",
                "A",
            ),
            (
                (
                    "Two claims about finite groups:\n"
                    "(i) Every group with 13 elements is cyclic.\n"
                    "(ii) Every group with 6 elements is abelian.\n"
                    "Which of them hold?"
                ),
                "Both",
                "Only (ii)",
                "Only (i)",
                "None",
                "C",
            ),
            (
                (
                    "Over the field with five elements, what remains when x^3 + 2x + 1 is "
                    "divided by x + 1?"
                ),
                "3",
                "1",
                "4",
                "0",
                "A",
            ),
        ],
        "test": [
            ("How many group homomorphisms lead from Z_9 to Z_6?", "1", "2", "3", "6", "C"),
            (
                "Which of these residues has a multiplicative inverse modulo 14?",
                "9",
                "7",
                "8",
                "10",
                "A",
            ),
            (
                (
                    "The symmetries of a square form a group of 8 elements. How many of them "
                    "commute with all the others?"
                ),
                "8",
                "1",
                "4",
                "2",
                "D",
            ),
            (
                "Which two groups have the same structure?",
                "Z_4 and Z_2 × Z_2",
                "Z_15 and Z_3 × Z_5",
                "Z_6 and S_3",
                "Z_9 and Z_3 × Z_3",
                "B",
            ),
            (
                (
                    "Sending x to 3i turns real polynomials into complex numbers. Which "
                    "polynomial generates the kernel of this map?"
                ),
                "x^2 + 9",
                "x^2 − 9",
                "x − 3",
                "x^2 + 3",
                "A",
            ),
            (
                "Which of the rings Z_4, Z_8, Z_9 and Z_25 are fields?",
                "All four",
                "None",
                "Only Z_9 and Z_25",
                "Only Z_25",
                "B",
            ),
        ],
    },
    "high_school_biology": {
        "dev": [
            (
                "A red blood cell is dropped into pure water. What happens to it, and why?",
                "It shrinks, because salt leaves it",
                "It shrinks, because water leaves it by osmosis",
                "Nothing, because its membrane lets no water through",
                "It swells and bursts, because water enters it by osmosis",
                "D",
            ),
            (
                "One strand of a DNA molecule reads 5'-GATTC-3'. Which strand pairs with it?",
                "3'-CTAAG-5'",
                "5'-CTAAG-3'",
                "3'-GATTC-5'",
                "3'-CUAAG-5'",
                "A",
            ),
            (
                (
                    "In peas, round seeds (R) are dominant over wrinkled seeds (r). Two Rr "
                    "plants are crossed. What share of their offspring is expected to have "
                    "wrinkled seeds?"
                ),
                "1/2",
                "3/4",
                "1/4",
                "None",
                "C",
            ),
            (
                (
                    "Which organelle is found in the leaf cells of a maple but not in the liver "
                    "cells of a dog?"
                ),
                "Mitochondrion",
                "Chloroplast",
                "Ribosome",
                "Golgi apparatus",
                "B",
            ),
            (
                (
                    "After a drought only hard seeds are left on an island. Finches with thick "
                    "beaks survive better, and within some generations the average beak is "
                    "thicker. This is a case of"
                ),
                "genetic drift",
                "directional selection",
                "stabilizing selection",
                "artificial selection",
                "B",
            ),
        ],
        "test": [
            (
                (
                    "A food chain in a meadow runs: clover, vole, weasel, owl. Which one is the "
                    "secondary consumer?"
                ),
                "Weasel",
                "Vole",
                "Owl",
                "Clover",
                "A",
            ),
            (
                (
                    "The body cells of an animal have 24 chromosomes. How many are in each of "
                    "its sperm cells?"
                ),
                "48",
                "24",
                "12",
                "6",
                "C",
            ),
            (
                "Which list goes from the smallest level of organization to the largest?",
                "tissue, cell, organ, organism",
                "cell, tissue, organ, organism",
                "cell, organ, tissue, organism",
                "organ, tissue, cell, organism",
                "B",
            ),
            (
                "The stomata of a leaf close on a hot, dry day. What follows most directly?",
                "More water vapour leaves the leaf",
                "The roots stop growing",
                "Chlorophyll turns into starch",
                "Less carbon dioxide enters the leaf",
                "D",
            ),
            (
                (
                    "Red-green colour blindness is recessive and X-linked. A woman who carries "
                    "one such allele and a man with normal colour vision have a son. How likely "
                    "is the son to be colour-blind?"
                ),
                "0",
                "1/4",
                "1/2",
                "1",
                "C",
            ),
            (
                (
                    "Which observation speaks most strongly for the descent of mitochondria from "
                    "free-living bacteria?"
                ),
                "They are numerous in muscle cells",
                "They are smaller than the nucleus",
                "They release carbon dioxide",
                "They have circular DNA and ribosomes of bacterial size",
                "D",
            ),
        ],
    },
    "high_school_physics": {
        "dev": [
            (
                (
                    "A cyclist speeds up evenly from 4 m/s to 10 m/s within 3 s. How large is "
                    "the acceleration?"
                ),
                "0.5 m/s²",
                "1.5 m/s²",
                "2 m/s²",
                "3.3 m/s²",
                "C",
            ),
            (
                "A lamp rated at 12 W burns for 5 minutes. How much energy does it use?",
                "60 J",
                "3,600 J",
                "2.4 J",
                "720 J",
                "B",
            ),
            (
                (
                    "Two charges attract each other with the force F. Their distance is tripled. "
                    "The force becomes"
                ),
                "F/9",
                "F/3",
                "3F",
                "9F",
                "A",
            ),
            (
                (
                    "A lift rises with constant velocity. Compared with the lift's weight, the "
                    "tension in its cable is"
                ),
                "greater",
                "smaller, but not zero",
                "zero",
                "equal",
                "D",
            ),
            (
                (
                    "Overnight the air cools from 5 °C to −8 °C. What is the change of "
                    "temperature in kelvin?"
                ),
                "−3 K",
                "+13 K",
                "−13 K",
                "−286 K",
                "C",
            ),
        ],
        "test": [
            (
                (
                    "A stone falls from rest for 3 s. With g = 10 m/s² and no air resistance, "
                    "how far does it fall?"
                ),
                "15 m",
                "30 m",
                "90 m",
                "45 m",
                "D",
            ),
            (
                (
                    "Resistors of 6 Ω and 3 Ω are connected in parallel. What is their combined "
                    "resistance?"
                ),
                "9 Ω",
                "2 Ω",
                "4.5 Ω",
                "0.5 Ω",
                "B",
            ),
            (
                (
                    "Waves with a frequency of 4 Hz and a wavelength of 0.75 m run along a rope. "
                    "How fast do they travel?"
                ),
                "5.3 m/s",
                "4.75 m/s",
                "3 m/s",
                "0.19 m/s",
                "C",
            ),
            (
                (
                    "A cart of 2 kg rolls at 3 m/s into a resting cart of 1 kg, and the two stay "
                    "coupled. How fast do they roll on?"
                ),
                "2 m/s",
                "3 m/s",
                "1.5 m/s",
                "1 m/s",
                "A",
            ),
            (
                (
                    "A block slides down a ramp without friction.\n"
                    "I. Its kinetic energy grows.\n"
                    "II. Its potential energy falls.\n"
                    "III. The sum of the two grows.\n"
                    "Which of these statements are true?"
                ),
                "I and II only",
                "I and III only",
                "II and III only",
                "I, II and III",
                "A",
            ),
            (
                (
                    "A ray of light enters glass from air at a slant. Which of its properties is "
                    "unchanged?"
                ),
                "Its speed",
                "Its frequency",
                "Its wavelength",
                "Its direction",
                "B",
            ),
        ],
    },
    "college_computer_science": {
        "dev": [
            (
                (
                    "What is the value of this Python expression?\n\n"
                    "    [x * x for x in range(5) if x % 2][-1]"
                ),
                "9",
                "16",
                "1",
                "25",
                "A",
            ),
            (
                (
                    "Binary search looks for a value in a sorted array of 1,000 items. About how "
                    "many comparisons does it need at worst?"
                ),
                "500",
                "1,000",
                "10",
                "32",
                "C",
            ),
            (
                (
                    "What does this Python program print?\n\n"
                    "def f(n):\n"
                    "    if n > 0:\n"
                    "        f(n - 1)\n\n"
                    "print(f(3))"
                ),
                "3",
                "0",
                "6",
                "None",
                "D",
            ),
            (
                "Which of these questions can no algorithm answer in general?",
                "Is a given graph connected?",
                "Does a given program halt on a given input?",
                "Does a given regular expression match the empty string?",
                "Is a given number prime?",
                "B",
            ),
            ("Which decimal number is written 2F in hexadecimal?", "215", "32", "45", "47", "D"),
        ],
        "test": [
            (
                (
                    "A hash table with chaining holds n keys, and all of them happen to share "
                    "one bucket. How long does a lookup take at worst?"
                ),
                "O(1)",
                "O(n)",
                "O(log n)",
                "O(n log n)",
                "B",
            ),
            (
                (
                    "The keys 5, 2, 8, 1, 9 are inserted in this order into an empty, unbalanced "
                    "binary search tree. What is its pre-order traversal?"
                ),
                "1, 2, 5, 8, 9",
                "5, 2, 8, 1, 9",
                "1, 2, 9, 8, 5",
                "5, 2, 1, 8, 9",
                "D",
            ),
            (
                "Which bit pattern stands for −6 as an 8-bit two's-complement integer?",
                "11111010",
                "10000110",
                "11111001",
                "00000110",
                "A",
            ),
            (
                "Which SQL clause keeps or drops whole groups after they were aggregated?",
                "WHERE",
                "ORDER BY",
                "HAVING",
                "LIMIT",
                "C",
            ),
            (
                (
                    "A scheduler gives every ready process a slice of 20 ms, one after the "
                    "other, again and again. This policy is called"
                ),
                "first come, first served",
                "shortest job first",
                "round robin",
                "priority scheduling, with ageing",
                "C",
            ),
            (
                'The grammar\n\n    S -> "a" S "b" | ""\n\ngenerates exactly',
                "all strings of a's and b's",
                'the palindromes over "a" and "b"',
                "some a's followed by any number of b's",
                "some a's followed by as many b's, possibly none of each",
                "D",
            ),
        ],
    },
}
