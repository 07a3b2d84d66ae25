"""Charts of progress as files: PNG, SVG, a page, or Vega-Lite; the only module that imports Altair.

All is made offline. Weights are told apart by shape as well as by colour, and the two colours are
of Okabe and Ito's palette, which people who see no red or no green tell apart.
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from registry.errors import MissingExtra, RegistryError
from registry.leaderboard import Baseline
from registry.progress import Point, Progress, frontier_sentence

SUFFIXES = (".svg", ".png", ".html", ".json")
WIDTH, HEIGHT = 860, 460
LOOKS = {
    "open": ("#0072B2", "circle"),
    "closed": ("#D55E00", "diamond"),
    "unknown": ("#6B7280", "square"),
}
GREY, PALE = "#4B5563", "#C5CAD3"
FONT = 11
CHARACTER = 0.56 * FONT
"""The mean width of a character, in pixels; labels are placed by it so that they do not overlap."""


def save_chart(found: Progress, path: Path, title: str) -> None:
    """Write the chart in the format of the file's suffix, one of `SUFFIXES`.

    Raises MissingExtra without Altair, and RegistryError where the file cannot be written.
    """
    chart = _printable(progress_chart(found, title))
    try:
        if path.suffix == ".json":
            path.write_text(chart.to_json(), encoding="utf-8")
        elif path.suffix == ".html":
            # With its scripts: the page asks nobody for anything.
            chart.save(path, inline=True, json_kwds={"cls": _InScript})
        else:
            chart.save(path, scale_factor=2 if path.suffix == ".png" else 1)
    except OSError as error:
        raise RegistryError(
            f"{path} cannot be written: {error.strerror}. Look with: ls -ld {path.parent}"
        ) from error


class _InScript(json.JSONEncoder):
    """Writes JSON without "<", by which a model's name could end the script that holds it."""

    def encode(self, o: Any) -> str:
        """Return JSON of the same meaning."""
        return super().encode(o).replace("<", "\\u003c")


def _printable(chart: Any) -> Any:
    """Return the chart without control characters, of which no SVG can be made."""

    def cleaned(value: Any) -> Any:
        if isinstance(value, str):
            return "".join(c for c in value if c.isprintable())
        if isinstance(value, Mapping):
            return {name: cleaned(each) for name, each in value.items()}
        return [cleaned(each) for each in value] if isinstance(value, list) else value

    return type(chart).from_dict(cleaned(chart.to_dict()))


def progress_chart(found: Progress, title: str) -> Any:
    """Return an Altair chart of a board's dated models, with the frontiers as lines."""
    try:
        import altair as alt
        import vl_convert  # noqa: F401  (altair needs it to draw, and says so only then)
    except ImportError as error:
        raise MissingExtra("drawing a chart", "plot") from error
    frame = _Frame.of(found)
    layers = [
        *_baselines(alt, found.board.baselines, frame),
        _others(alt, found, frame),
        *_frontiers(alt, found, frame),
        _intervals(alt, found, frame),
        _marks(alt, found, frame),
        _labels(alt, found, frame),
    ]
    return (
        alt.layer(*layers)
        .properties(
            width=WIDTH,
            height=HEIGHT,
            title=alt.TitleParams(title, subtitle=_subtitle(found), anchor="start", offset=14),
            description=frontier_sentence(found),
            background="white",
        )
        .configure(font="sans-serif", padding=16)
        .configure_title(fontSize=17, subtitleFontSize=12, subtitleColor=GREY, subtitlePadding=5)
        .configure_axis(gridColor="#EEF0F3", labelColor=GREY, titleColor=GREY, labelFontSize=FONT)
        .configure_view(stroke=None)
        .configure_legend(orient="top", direction="horizontal", titleColor=GREY, symbolSize=90)
    )


def _subtitle(found: Progress) -> str:
    group = found.board.group
    better = "higher" if found.board.higher_is_better else "lower"
    label = f"group {group.name}" if group.name else group.variant
    left = f", {len(found.undated)} without a date left out" if found.undated else ""
    return (
        f"{label} · {group.metric}, {better} is better · {len(found.points)} models by "
        f"release date{left}"
    )


@dataclass(frozen=True, slots=True)
class _Frame:
    """The dates and values that the chart spans, and where they lie in pixels."""

    first: date
    last: date
    low: float
    high: float
    metric: str

    @classmethod
    def of(cls, found: Progress) -> "_Frame":
        """Return a frame that holds every point, interval and baseline, with a margin."""
        shown = [point.standing for point in found.on_frontiers]
        values = [
            *(point.standing.value for point in found.points),
            *(baseline.value for baseline in found.board.baselines),
            *(bound for s in shown for bound in (s.low, s.high) if bound is not None),
        ]
        days = [point.released for point in found.points]
        margin = timedelta(days=max(20, (max(days) - min(days)).days // 25))
        space = 0.06 * (max(values) - min(values)) or 0.05
        return cls(
            min(days) - margin,
            max(days) + margin,
            min(values) - space,
            max(values) + space,
            found.board.group.metric,
        )

    def place(self, point: Point) -> tuple[float, float]:
        """Return where a point lies, in pixels from the left and from the top."""
        across = (point.released - self.first) / (self.last - self.first)
        down = (self.high - point.standing.value) / (self.high - self.low)
        return across * WIDTH, down * HEIGHT

    def x(self, alt: Any) -> Any:
        """Return the axis of dates."""
        domain = [self.first.isoformat(), self.last.isoformat()]
        scale = alt.Scale(domain=domain, nice=False)
        axis = alt.Axis(title="model released", format="%b %Y", tickCount=8, grid=False)
        return alt.X("released:T", scale=scale, axis=axis)

    def y(self, alt: Any, field: str = "value") -> Any:
        """Return the axis of values."""
        scale = alt.Scale(domain=[self.low, self.high], nice=False, zero=False)
        axis = alt.Axis(title=self.metric, tickCount=7)
        return alt.Y(f"{field}:Q", scale=scale, axis=axis)


def _data(alt: Any, rows: Sequence[dict[str, Any]]) -> Any:
    return alt.Data(values=list(rows))


def _row(point: Point) -> dict[str, Any]:
    standing = point.standing
    return {
        "model": standing.title or standing.model,
        "organization": standing.organization,
        "released": point.released.isoformat(),
        "value": standing.value,
        "low": standing.low,
        "high": standing.high,
        "weights": point.weights,
        "kind": standing.kind,
    }


def _looks(alt: Any, found: Progress) -> tuple[Any, Any]:
    """Return colour and shape of the weights that occur; both share one legend."""
    known = [name for name in LOOKS if any(point.weights == name for point in found.points)]
    colors, shapes = zip(*(LOOKS[name] for name in known), strict=True)
    title = "weights (a line is their frontier, the broad grey one that of all)"
    legend = alt.Legend(title=title, titleLimit=WIDTH, symbolOpacity=1)
    return (
        alt.Color("weights:N", scale=alt.Scale(domain=known, range=list(colors)), legend=legend),
        alt.Shape("weights:N", scale=alt.Scale(domain=known, range=list(shapes)), legend=legend),
    )


def _tooltip(alt: Any) -> list[Any]:
    return [
        *(alt.Tooltip(f"{name}:N") for name in ("model", "organization", "weights", "kind")),
        alt.Tooltip("released:T"),
        *(alt.Tooltip(f"{name}:Q", format=".3f") for name in ("value", "low", "high")),
    ]


def _others(alt: Any, found: Progress, frame: _Frame) -> Any:
    """Return the models that are on no frontier, small and pale."""
    held = {point.standing.model for point in found.on_frontiers}
    rows = [_row(point) for point in found.points if point.standing.model not in held]
    color, shape = _looks(alt, found)
    return (
        alt.Chart(_data(alt, rows))
        .mark_point(filled=True, size=26, opacity=0.3)
        .encode(frame.x(alt), frame.y(alt), color, shape, tooltip=_tooltip(alt))
    )


def _frontiers(alt: Any, found: Progress, frame: _Frame) -> Iterator[Any]:
    """Yield the overall frontier as a broad pale line, then those by weights over it."""
    color, _ = _looks(alt, found)
    for name, steps in found.frontiers.items():
        rows = [_row(step.point) for step in steps]
        if not rows:
            continue
        end = max(point.released for point in found.points)
        line = alt.Chart(_data(alt, [*rows, rows[-1] | {"released": end.isoformat()}]))
        place = (frame.x(alt), frame.y(alt))
        if name == "overall":
            broad = line.mark_line(interpolate="step-after", strokeWidth=9, color=PALE)
            yield broad.encode(*place).properties(name="overall")
        else:
            dash = [6, 3] if name == "open" else [1, 0]
            thin = line.mark_line(interpolate="step-after", strokeWidth=2, strokeDash=dash)
            yield thin.encode(*place, color)


def _intervals(alt: Any, found: Progress, frame: _Frame) -> Any:
    rows = [_row(p) for p in found.on_frontiers if p.standing.low is not None]
    color, _ = _looks(alt, found)
    return (
        alt.Chart(_data(alt, rows))
        .mark_rule(strokeWidth=1.5, opacity=0.7)
        .encode(frame.x(alt), frame.y(alt, "low"), color, y2="high:Q")
    )


def _marks(alt: Any, found: Progress, frame: _Frame) -> Any:
    rows = [_row(point) for point in found.on_frontiers]
    color, shape = _looks(alt, found)
    return (
        alt.Chart(_data(alt, rows))
        .mark_point(filled=True, size=110, opacity=1, stroke="white", strokeWidth=1)
        .encode(frame.x(alt), frame.y(alt), color, shape, tooltip=_tooltip(alt))
    )


def _baselines(alt: Any, baselines: Sequence[Baseline], frame: _Frame) -> Iterator[Any]:
    """Yield a dotted line for what answers without looking, or a human, gets."""
    rows = [{"value": b.value, "label": f"{b.name} {b.value:.3f}"} for b in baselines]
    if not rows:
        return
    chart = alt.Chart(_data(alt, rows)).encode(frame.y(alt))
    yield chart.mark_rule(strokeDash=[2, 3], color=GREY, opacity=0.8)
    words = chart.mark_text(align="left", dx=4, dy=-5, fontSize=FONT - 1, color=GREY)
    yield words.encode(text="label:N", x=alt.value(0))


# --- Labels ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Box:
    """A rectangle of pixels."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def is_inside(self) -> bool:
        """Whether all of it lies within the chart."""
        return self.left >= 0 and self.right <= WIDTH and self.top >= 0 and self.bottom <= HEIGHT

    def meets_any(self, others: Iterable["_Box"]) -> bool:
        """Whether it overlaps one of the others."""
        return any(
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
            for other in others
        )


PLACES = (("right", -9, -9), ("left", 9, 10), ("right", -9, 10), ("left", 9, -9))
"""Where a label may stand beside its mark, the best first: which side of it ends there, and how far
to the right and down."""


def _labels(alt: Any, found: Progress, frame: _Frame) -> Any:
    """Return the names of frontier models over a white edge, each where it meets no other."""
    rows = list(_placed(found, frame))
    layers = []
    for number, (align, dx, dy) in enumerate(PLACES):
        own = [row for row in rows if row["place"] == number]
        words = alt.Chart(_data(alt, own)).encode(frame.x(alt), frame.y(alt), text="model:N")
        place = {"align": align, "dx": dx, "dy": dy, "fontSize": FONT}
        layers += [
            words.mark_text(**place, stroke="white", strokeWidth=3, strokeJoin="round"),
            words.mark_text(**place, color="#1F2937"),
        ]
    return alt.layer(*layers)


def _placed(found: Progress, frame: _Frame) -> Iterator[dict[str, Any]]:
    """Yield the rows to label, those of the overall frontier and the newest before others."""
    marks = [_around(*frame.place(point)) for point in found.on_frontiers]
    taken = [*marks, *(_baseline_box(b, frame) for b in found.board.baselines)]
    lines = list(_line_boxes(found, frame))
    on_top = {step.point.standing.model for step in found.frontiers["overall"]}
    points = sorted(
        found.on_frontiers, key=lambda p: (p.standing.model in on_top, p.released), reverse=True
    )
    for point in points:
        row = _row(point)
        boxes = [_label_box(frame.place(point), str(row["model"]), place) for place in PLACES]
        free = [i for i, box in enumerate(boxes) if box.is_inside and not box.meets_any(taken)]
        if free:
            best = min(free, key=lambda i: boxes[i].meets_any(lines))  # of equals the first
            taken.append(boxes[best])
            yield row | {"place": best}


def _line_boxes(found: Progress, frame: _Frame) -> Iterator[_Box]:
    """Yield where the frontiers' lines run, level and then up or down."""
    for steps in found.frontiers.values():
        corners = [frame.place(step.point) for step in steps]
        for (x, y), (end, level) in itertools.pairwise(corners):
            yield _Box(x, y - 1, end, y + 1)
            yield _Box(end - 1, min(y, level), end + 1, max(y, level))
        for x, y in corners[-1:]:
            yield _Box(x, y - 1, WIDTH, y + 1)


def _around(x: float, y: float, half: float = 5) -> _Box:
    return _Box(x - half, y - half, x + half, y + half)


def _label_box(at: tuple[float, float], text: str, place: tuple[str, int, int]) -> _Box:
    align, dx, dy = place
    x, y = at[0] + dx, at[1] + dy
    wide = len(text) * CHARACTER
    left = x if align == "left" else x - wide
    return _Box(left, y - 0.6 * FONT, left + wide, y + 0.6 * FONT)


def _baseline_box(baseline: Baseline, frame: _Frame) -> _Box:
    y = (frame.high - baseline.value) / (frame.high - frame.low) * HEIGHT
    wide = len(f"{baseline.name} 0.000") * CHARACTER
    return _Box(0, y - 5 - FONT / 2, wide, y)
