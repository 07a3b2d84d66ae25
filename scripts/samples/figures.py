"""The drawings in the samples of MMMU, MMMU-Pro and MathVista: shapes only, each named by a text.

A name is a kind and its numbers: "bars:3,5,2" draws three bars. Text is left out, because it looks
different with each font library.
"""

import math
from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw

INK, PAPER, GRID = "black", "white", "silver"
SQUARE = 20
CELL = 30  # some models take no picture that is less than 28 pixels high
COLOURS = {"r": "red", "g": "lime", "b": "blue", "y": "yellow", "k": "black", "a": "gray"}


def paper(columns: int, rows: int, side: int = SQUARE) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Return a white picture with a grid of so many squares."""
    image = Image.new("RGB", (columns * side + 1, rows * side + 1), PAPER)
    draw = ImageDraw.Draw(image)
    for column in range(columns + 1):
        draw.line([(column * side, 0), (column * side, rows * side)], fill=GRID)
    for row in range(rows + 1):
        draw.line([(0, row * side), (columns * side, row * side)], fill=GRID)
    return image, draw


def bars(text: str) -> Image.Image:
    """Draw bars of the given heights on a grid: "3,5,2,4"."""
    heights = [int(word) for word in text.split(",")]
    rows = max(heights) + 1
    image, draw = paper(2 * len(heights) + 1, rows)
    for place, height in enumerate(heights):
        left, top = (2 * place + 1) * SQUARE, (rows - height) * SQUARE
        draw.rectangle((left, top, left + SQUARE, rows * SQUARE), fill="steelblue", outline=INK)
    return image


def cells(text: str) -> Image.Image:
    """Draw rows of dark and light squares: "10,11"."""
    rows = text.split(",")
    image, draw = paper(len(rows[0]), len(rows), CELL)
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            if cell == "1":
                box = (x * CELL, y * CELL, (x + 1) * CELL, (y + 1) * CELL)
                draw.rectangle(box, fill=INK, outline=GRID)
    return image


def polygon(text: str) -> Image.Image:
    """Draw a dark polygon on a grid of 7 by 5 squares: "1,1 5,1 1,4"."""
    image, draw = paper(7, 5)
    draw.polygon([(x * SQUARE, y * SQUARE) for x, y in _points(text)], fill="dimgray", outline=INK)
    return image


def line(text: str) -> Image.Image:
    """Draw a blue line through points of a grid of 8 by 6 squares, y upwards: "0,1 8,5"."""
    image, draw = paper(8, 6)
    draw.line([(x * SQUARE, (6 - y) * SQUARE) for x, y in _points(text)], fill="blue", width=3)
    return image


def pie(text: str) -> Image.Image:
    """Draw a circle cut into equal parts, the first of them dark: "3,8"."""
    dark, parts = map(int, text.split(","))
    image = Image.new("L", (121, 121), PAPER)
    draw = ImageDraw.Draw(image)
    for part in range(parts):
        start, end = 360 * part / parts - 90, 360 * (part + 1) / parts - 90
        fill = "dimgray" if part < dark else PAPER
        draw.pieslice((5, 5, 115, 115), start, end, fill=fill, outline=INK)
    return image


def dots(text: str) -> Image.Image:
    """Draw dots in rows of five: "7"."""
    n = int(text)
    image = Image.new("L", (121, 24 * math.ceil(n / 5) + 1), PAPER)
    draw = ImageDraw.Draw(image)
    for dot in range(n):
        x, y = 24 * (dot % 5) + 12, 24 * (dot // 5) + 12
        draw.ellipse((x - 7, y - 7, x + 7, y + 7), fill=INK)
    return image


def graph(text: str) -> Image.Image:
    """Draw nodes on a circle and edges between them: "5 01 12 23"."""
    count, *edges = text.split()
    image = Image.new("L", (141, 141), PAPER)
    draw = ImageDraw.Draw(image)
    nodes = [_on_circle(node, int(count), 70, 55) for node in range(int(count))]
    for edge in edges:
        draw.line([nodes[int(end)] for end in edge], fill=INK, width=2)
    for x, y in nodes:
        draw.ellipse((x - 6, y - 6, x + 6, y + 6), fill=INK)
    return image


def tree(text: str) -> Image.Image:
    """Draw a binary tree of the nodes with these numbers, counted as in a heap: "1,2,3,5"."""
    nodes = [int(word) for word in text.split(",")]
    image = Image.new("L", (161, 121), PAPER)
    draw = ImageDraw.Draw(image)

    def place(node: int) -> tuple[int, int]:
        level = node.bit_length() - 1
        return 160 * (2 * (node - 2**level) + 1) // 2 ** (level + 1), 15 + 30 * level

    for node in nodes:
        if node > 1:
            draw.line([place(node // 2), place(node)], fill=INK, width=2)
    for x, y in map(place, nodes):
        draw.ellipse((x - 6, y - 6, x + 6, y + 6), fill=INK)
    return image


def star(text: str) -> Image.Image:
    """Draw a star of so many points on a transparent ground: "6"."""
    n = int(text)
    image = Image.new("RGBA", (121, 121), (255, 255, 255, 0))
    corners = [_on_circle(k, 2 * n, 60, 55 if k % 2 == 0 else 25) for k in range(2 * n)]
    ImageDraw.Draw(image).polygon(corners, fill="teal", outline=INK)
    return image


def stripes(text: str) -> Image.Image:
    """Draw upright stripes of the colours red, green, blue, yellow, black, grey: "rgbr"."""
    image = Image.new("RGB", (SQUARE * len(text), 80), PAPER)
    draw = ImageDraw.Draw(image)
    for place, letter in enumerate(text):
        box = (place * SQUARE, 0, (place + 1) * SQUARE, 80)
        draw.rectangle(box, fill=COLOURS[letter])
    return image


def lights(text: str) -> Image.Image:
    """Draw two coloured lights that overlap on black: "rg"."""
    image = Image.new("RGB", (161, 101), INK)
    pixels = []
    for letter, x in zip(text, (60, 100), strict=True):
        layer = Image.new("RGB", image.size, INK)
        ImageDraw.Draw(layer).ellipse((x - 45, 5, x + 45, 95), fill=COLOURS[letter])
        pixels.append(layer.tobytes())
    added = bytes(min(255, one + other) for one, other in zip(*pixels, strict=True))
    return Image.frombytes("RGB", image.size, added)


def disc(text: str) -> Image.Image:
    """Draw a disc of one grey on another: "0,255"."""
    front, ground = map(int, text.split(","))
    image = Image.new("L", (81, 81), ground)
    ImageDraw.Draw(image).ellipse((15, 15, 65, 65), fill=front)
    return image


def ruler(text: str) -> Image.Image:
    """Draw a ruler with a mark at a tenth of its length: "4"."""
    image = Image.new("L", (187, 40), PAPER)
    draw = ImageDraw.Draw(image)
    for tenth in range(11):
        draw.line([(3 + 18 * tenth, 20), (3 + 18 * tenth, 39)], fill=INK)
    x = 3 + 18 * int(text)
    draw.polygon([(x - 8, 2), (x + 8, 2), (x, 18)], fill=INK)
    return image


def angle(text: str) -> Image.Image:
    """Draw two lines that meet at an angle in degrees: "60"."""
    degrees = math.radians(int(text))
    image = Image.new("L", (161, 121), PAPER)
    draw = ImageDraw.Draw(image)
    corner = (30, 100)
    tip = (30 + round(90 * math.cos(degrees)), 100 - round(90 * math.sin(degrees)))
    draw.line([(150, 100), corner, tip], fill=INK, width=2)
    return image


KINDS: dict[str, Callable[[str], Image.Image]] = {
    kind.__name__: kind
    for kind in (
        angle,
        bars,
        cells,
        disc,
        dots,
        graph,
        lights,
        line,
        pie,
        polygon,
        ruler,
        star,
        stripes,
        tree,
    )
}


def figure(name: str) -> Image.Image:
    """Return the drawing of a name."""
    kind, _, text = name.partition(":")
    return KINDS[kind](text)


def _points(text: str) -> Sequence[tuple[int, int]]:
    return [(int(x), int(y)) for x, y in (word.split(",") for word in text.split())]


def _on_circle(place: int, count: int, centre: int, radius: int) -> tuple[int, int]:
    turn = 2 * math.pi * place / count
    return centre + round(radius * math.sin(turn)), centre - round(radius * math.cos(turn))
