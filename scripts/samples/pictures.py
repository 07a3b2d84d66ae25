"""The drawings in the samples: shapes only, because text looks different with each font library."""

from collections.abc import Callable

from PIL import Image, ImageDraw

INK = "black"
PAPER = "white"


def square_with_diagonal() -> Image.Image:
    """Draw a graph of four nodes and five edges."""
    image = Image.new("RGB", (160, 160), PAPER)
    draw = ImageDraw.Draw(image)
    corners = [(30, 30), (130, 30), (130, 130), (30, 130)]
    draw.line([*corners, corners[0]], fill=INK, width=3)
    draw.line([corners[0], corners[2]], fill=INK, width=3)
    for x, y in corners:
        draw.ellipse((x - 8, y - 8, x + 8, y + 8), fill=INK)
    return image


def speed_of_a_tram() -> Image.Image:
    """Draw a line that rises for 2 squares to a height of 4, stays for 3 and falls for 2."""
    square, columns, rows = 24, 8, 5
    image = Image.new("RGB", (columns * square + 1, rows * square + 1), PAPER)
    draw = ImageDraw.Draw(image)
    for column in range(columns + 1):
        draw.line([(column * square, 0), (column * square, rows * square)], fill="silver")
    for row in range(rows + 1):
        draw.line([(0, row * square), (columns * square, row * square)], fill="silver")
    points = [(0, 0), (2, 4), (5, 4), (7, 0)]
    draw.line([(x * square, (rows - y) * square) for x, y in points], fill="blue", width=3)
    return image


def cellular_automaton() -> Image.Image:
    """Draw eight generations of rule 90, grown from a single living cell."""
    square, columns, generations = 12, 17, 8
    image = Image.new("RGB", (columns * square + 1, generations * square + 1), PAPER)
    draw = ImageDraw.Draw(image)
    alive = {columns // 2}
    for row in range(generations):
        for column in range(columns):
            x, y = column * square, row * square
            fill = INK if column in alive else PAPER
            draw.rectangle((x, y, x + square, y + square), fill=fill, outline="silver")
        alive = {cell - 1 for cell in alive} ^ {cell + 1 for cell in alive}
    return image


PICTURES: dict[str, Callable[[], Image.Image]] = {
    "cellular_automaton": cellular_automaton,
    "speed_of_a_tram": speed_of_a_tram,
    "square_with_diagonal": square_with_diagonal,
}
