"""The sample in the manner of Humanity's Last Exam: ten questions, three of them with a picture."""

from samples.shapes import HleQuestion

QUESTIONS: list[HleQuestion] = [
    HleQuestion(
        (
            "The picture shows a graph: dots are nodes, lines are edges. How many spanning trees "
            "does it have?"
        ),
        "8",
        "exactMatch",
        "Math",
        "Graph Theory",
        (
            "The graph is a square with one diagonal: four nodes, five edges. A spanning tree "
            "keeps three of the five edges, which can be chosen in 10 ways; the 2 triangles are "
            "the only choices that contain a cycle and must be taken away. 10 - 2 = 8."
        ),
        picture="square_with_diagonal",
    ),
    HleQuestion(
        (
            "In how many ways can a board of 2 by 10 squares be covered with ten dominoes of 2 "
            "by 1 squares?"
        ),
        "89",
        "exactMatch",
        "Math",
        "Combinatorics",
        (
            "Let T(n) be the number for a board of 2 by n. The last column is covered by one "
            "upright domino, or the last two columns by two lying ones, so T(n) = T(n-1) + "
            "T(n-2) with T(1) = 1 and T(2) = 2. The sequence runs 1, 2, 3, 5, 8, 13, 21, 34, 55, "
            "89."
        ),
    ),
    HleQuestion(
        (
            "The blue line in the picture is the speed of a tram against time. Each square of "
            "the grid is 1 s wide and 1 m/s high; the tram starts at rest in the lower left "
            "corner. How far does it travel until it stops again?"
        ),
        "20 m",
        "exactMatch",
        "Physics",
        "Kinematics",
        (
            "The distance is the area under the line: a triangle of 2 s by 4 m/s (4 m), a "
            "rectangle of 3 s by 4 m/s (12 m) and another triangle of 2 s by 4 m/s (4 m), "
            "together 20 m."
        ),
        picture="speed_of_a_tram",
    ),
    HleQuestion(
        (
            "Burning 0.25 mol of a hydrocarbon completely gives 1.00 mol of carbon dioxide and "
            "1.25 mol of water. What is the molecular formula of the hydrocarbon?"
        ),
        "C4H10",
        "exactMatch",
        "Chemistry",
        "Stoichiometry",
        (
            "One mole gives 4 mol of carbon dioxide and 5 mol of water, so a molecule has 4 "
            "carbon atoms and 5 * 2 = 10 hydrogen atoms."
        ),
    ),
    HleQuestion(
        (
            "A couple are both carriers of a rare autosomal recessive disease. Their daughter is "
            "healthy; nothing else is known about her genes. She has a child with a man who is a "
            "carrier. How likely is it that the child has the disease?\n\n"
            "Answer Choices:\n"
            "A. 1/12\n"
            "B. 1/8\n"
            "C. 1/6\n"
            "D. 1/4\n"
            "E. 1/3"
        ),
        "C",
        "multipleChoice",
        "Biology/Medicine",
        "Genetics",
        (
            "Given that she is healthy, the daughter is a carrier with probability 2/3. Two "
            "carriers have an affected child with probability 1/4. 2/3 * 1/4 = 1/6."
        ),
    ),
    HleQuestion(
        (
            "The picture shows the first eight generations of a one-dimensional cellular "
            "automaton, the oldest on top; dark cells are alive. A cell's next state depends on "
            "itself and its two neighbours, and the rules are numbered in Wolfram's way. Which "
            "rule is it?\n\n"
            "Answer Choices:\n"
            "A. Rule 4\n"
            "B. Rule 90\n"
            "C. Rule 30\n"
            "D. Rule 184\n"
            "E. Rule 254"
        ),
        "B",
        "multipleChoice",
        "Computer Science/AI",
        "Cellular Automata",
        (
            "From a single living cell, rule 4 keeps that cell alone, rule 184 moves it to the "
            "right, rule 254 fills a solid triangle and rule 30 is lopsided. The nested "
            "triangles with gaps are those of rule 90, in which a cell lives exactly if one of "
            "its two neighbours lived."
        ),
        picture="cellular_automaton",
    ),
    HleQuestion(
        (
            "A language model reads a text of four tokens and gives them, one after the other, "
            "the probabilities 1/2, 1/4, 1/8 and 1/8. What is the perplexity of the text under "
            "the model? Give the exact value."
        ),
        "2^(9/4)",
        "exactMatch",
        "Computer Science/AI",
        "Language Modelling",
        (
            "The product of the probabilities is 2^-(1+2+3+3) = 2^-9. Perplexity is its inverse, "
            "to the power of one over the number of tokens: 2^(9/4), about 4.76."
        ),
    ),
    HleQuestion(
        (
            "A beam of 6 m rests freely on two supports at its ends and carries a single load of "
            "12 kN, 2 m from the left support. Its own weight is negligible. How large is the "
            "greatest bending moment?\n\n"
            "Answer Choices:\n"
            "A. 8 kN m\n"
            "B. 12 kN m\n"
            "C. 24 kN m\n"
            "D. 16 kN m\n"
            "E. 36 kN m"
        ),
        "D",
        "multipleChoice",
        "Engineering",
        "Structural Engineering",
        (
            "The left support bears 12 kN * 4/6 = 8 kN. The moment is greatest under the load: 8 "
            "kN * 2 m = 16 kN m."
        ),
    ),
    HleQuestion(
        (
            'In an invented language, sonapa means "I sleep", sonati "you sleep", sonapaku "I '
            'slept" and meroti "you walk". What is "you walked"?'
        ),
        "merotiku",
        "exactMatch",
        "Humanities/Social Science",
        "Linguistics",
        (
            "The stems are sona- (sleep) and mero- (walk), -pa and -ti mark the person, and a "
            "final -ku marks the past: mero-ti-ku."
        ),
    ),
    HleQuestion(
        (
            "What is the smallest number of moves in which a knight gets from a1 to h8 on an "
            "empty chessboard?"
        ),
        "6",
        "exactMatch",
        "Other",
        "Chess",
        (
            "The knight has to go 7 files and 7 ranks, 14 in all, and a move covers 3 of them, "
            "so it takes at least 5 moves. Both corners have the same colour and each move "
            "changes the colour, so the number is even, at least 6. Six suffice: "
            "a1-c2-d4-e6-f4-g6-h8."
        ),
    ),
]
