"""The sample in the manner of MathVista: twelve questions of every kind of answer and task."""

from samples.shapes import VistaQuestion

FIGURES = "figure question answering"
GEOMETRY = "geometry problem solving"
WORDS = "math word problem"
TEXTBOOK = "textbook question answering"
VISUAL = "visual question answering"

ARITHMETIC, STATISTICAL, GEOMETRIC = (
    "arithmetic reasoning",
    "statistical reasoning",
    "geometry reasoning",
)

QUESTIONS = [
    VistaQuestion(
        "How many squares is the tallest bar higher than the lowest?",
        "3",
        "bars:2,5,3,4",
        "integer",
        FIGURES,
        "bar chart",
        (ARITHMETIC, STATISTICAL),
    ),
    VistaQuestion(
        "Every dot is a coin of 5 cents. How many cents are there?",
        "40",
        "dots:8",
        "integer",
        WORDS,
        "abstract scene",
        (ARITHMETIC, "numeric commonsense"),
        unit="cents",
    ),
    VistaQuestion(
        "How many lines join the four points?",
        "5",
        "graph:4 01 12 23 30 02",
        "integer",
        VISUAL,
        "puzzle test",
        ("logical reasoning",),
    ),
    VistaQuestion(
        "The squares of the grid have sides of 1 cm. How long is the edge of the dark rectangle?",
        "16",
        "polygon:1,1 6,1 6,4 1,4",
        "integer",
        GEOMETRY,
        "geometry diagram",
        (GEOMETRIC, ARITHMETIC),
        unit="cm",
    ),
    VistaQuestion(
        "The squares of the grid have sides of 1. What is the area of the dark triangle?",
        "7.5",
        "polygon:1,4 6,4 2,1",
        "float",
        GEOMETRY,
        "geometry diagram",
        (GEOMETRIC, ARITHMETIC),
        "high school",
        precision=1.0,
    ),
    VistaQuestion(
        "Which share of the circle is dark?",
        "0.25",
        "pie:1,4",
        "float",
        FIGURES,
        "pie chart",
        (STATISTICAL,),
        precision=2.0,
    ),
    VistaQuestion(
        "The lowest line of the grid has the height 0, the next the height 1. "
        "At which heights does the blue line begin and end?",
        "[1, 5]",
        "line:0,1 8,5",
        "list",
        FIGURES,
        "line plot",
        ("algebraic reasoning", STATISTICAL),
        "high school",
    ),
    VistaQuestion(
        "At which angle do the two lines meet?",
        "60°",
        "angle:60",
        "text",
        GEOMETRY,
        "geometry diagram",
        (GEOMETRIC,),
        "high school",
        ("30°", "45°", "60°", "120°"),
    ),
    VistaQuestion(
        "Which bar is the tallest?",
        "the third",
        "bars:2,3,5",
        "text",
        FIGURES,
        "bar chart",
        (STATISTICAL,),
        choices=("the first", "the second", "the third"),
    ),
    VistaQuestion(
        "The ruler is 1 m long and begins on the left. Where is the mark?",
        "0.4",
        "ruler:4",
        "text",
        WORDS,
        "scientific figure",
        ("numeric commonsense",),
        choices=("0.3", "0.4", "0.5", "0.6"),
        unit="m",
    ),
    VistaQuestion(
        "图中有多少种颜色",
        "两种",
        "stripes:rgrgr",
        "text",
        VISUAL,
        "abstract scene",
        ("logical reasoning",),
        choices=("一种", "两种", "三种", "四种"),
        language="chinese",
    ),
    VistaQuestion(
        "How many levels has this tree, the root being the first?",
        "3",
        "tree:1,2,3,6",
        "text",
        TEXTBOOK,
        "scientific figure",
        ("scientific reasoning",),
        "college",
        ("2", "3", "4"),
        webp=True,  # and named .jpg, as some genuine pictures are
    ),
]
