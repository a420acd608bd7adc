"""Three plots as inline SVG: dots of rounds, stacked bars, lines. Colours come from the page's variables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape

Points = Sequence[tuple[float, float]]

WIDTH, LABEL, RIGHT, ROW = 640, 130, 90, 30
LINES_HEIGHT, LEFT, BOTTOM, TOP = 260, 60, 42, 12
COLOURS = 5  # of the page: --c0 …


def dots(values: Mapping[str, Sequence[float]], unit: str) -> str:
    """A row for each label: a dot for each round, a stroke at the median; the axis begins at 0."""
    most = max((max(row) for row in values.values() if row), default=0) or 1
    parts = []
    for index, (label, row) in enumerate(values.items()):
        y = index * ROW + ROW / 2
        middle = sorted(row)[len(row) // 2]
        parts.append(_text(LABEL - 10, y + 4, label, "end"))
        parts.append(f'<line class="axis" x1="{LABEL}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        x = _across(middle, most)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 10}" y2="{y + 10}" {_stroke(index)}/>')
        parts += [
            f'<circle cx="{_across(value, most):.1f}" cy="{y}" r="5" {_fill(index)} fill-opacity="0.6"/>'
            for value in row
        ]
        parts.append(_text(WIDTH - RIGHT + 12, y + 4, f"{_short(middle)} {unit}"))
    return _svg(len(values) * ROW, parts)


def stacks(values: Mapping[str, Mapping[str, float]], unit: str) -> str:
    """A bar for each label, made of named parts, in the order of the first bar's."""
    names = list(dict.fromkeys(name for parts in values.values() for name in parts))
    most = max((sum(parts.values()) for parts in values.values()), default=0) or 1
    drawn = []
    for index, (label, parts) in enumerate(values.items()):
        y, x = index * ROW + 5, float(LABEL)
        drawn.append(_text(LABEL - 10, y + 14, label, "end"))
        for name in names:
            width = parts.get(name, 0) / most * (WIDTH - LABEL - RIGHT)
            title = f"<title>{escape(name)}: {_short(parts.get(name, 0))} {unit}</title>"
            box = f'x="{x:.1f}" y="{y}" width="{max(width, 0):.1f}" height="{ROW - 10}"'
            drawn.append(f"<rect {box} {_fill(names.index(name))}>{title}</rect>")
            x += width
        drawn.append(_text(x + 8, y + 14, f"{_short(sum(parts.values()))} {unit}"))
    return _svg(len(values) * ROW, drawn) + legend(names)


def lines(
    series: Mapping[str, Points], x_label: str, y_label: str, *, log_x: bool = False, marks: bool = False
) -> str:
    """A line for each label; y begins at 0."""
    points = [point for line in series.values() for point in line]
    to_x, x_ticks = _scale([x for x, _ in points], LEFT, WIDTH - 20, is_log=log_x)
    to_y, y_ticks = _scale([0, *(y for _, y in points)], LINES_HEIGHT - BOTTOM, TOP)
    parts = []
    for tick in y_ticks:
        y = to_y(tick)
        parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - 20}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(LEFT - 8, y + 4, _short(tick), "end"))
    for tick in x_ticks:
        parts.append(_text(to_x(tick), LINES_HEIGHT - BOTTOM + 18, _short(tick), "middle"))
    for index, line in enumerate(series.values()):
        path = " ".join(f"{to_x(x):.1f},{to_y(y):.1f}" for x, y in line)
        parts.append(f'<polyline points="{path}" fill="none" {_stroke(index)}/>')
        if marks:
            parts += [
                f'<circle cx="{to_x(x):.1f}" cy="{to_y(y):.1f}" r="4" {_fill(index)}/>' for x, y in line
            ]
    parts.append(_text((LEFT + WIDTH) / 2, LINES_HEIGHT - 4, x_label, "middle"))
    parts.append(_text(4, TOP, y_label))
    return _svg(LINES_HEIGHT, parts) + legend(series)


def shares(values: Sequence[float]) -> list[tuple[float, float]]:
    """The share (per cent) of values that are at most x, at a hundred points or so."""
    ordered = sorted(values)
    step = max(1, len(ordered) // 100)
    chosen = [*range(0, len(ordered), step), len(ordered) - 1] if ordered else []
    return [(ordered[index], 100 * (index + 1) / len(ordered)) for index in chosen]


def legend(names: Iterable[str]) -> str:
    """Which colour is what."""
    items = (
        f'<span><i style="background:var(--c{index % COLOURS})"></i>{escape(name)}</span>'
        for index, name in enumerate(names)
    )
    return f'<p class="legend">{"".join(items)}</p>'


def _scale(
    values: Sequence[float], begin: float, end: float, *, is_log: bool = False
) -> tuple[Callable[[float], float], list[float]]:
    """From a value to its place, and the values to be named on the axis."""
    if is_log:
        least, most = math.log(max(min(values), 1)), math.log(max(*values, 2))
        width = most - least or 1
        return (
            lambda value: begin + (math.log(max(value, 1)) - least) / width * (end - begin),
            sorted({*values}),
        )
    least, most = min(0.0, *values), max(*values, 0.0) or 1.0
    step = _nice((most - least) / 5)
    first = math.floor(least / step)
    ticks = [number * step for number in range(first, math.ceil(most / step) + 1)]
    low, high = ticks[0], ticks[-1]
    return lambda value: begin + (value - low) / (high - low) * (end - begin), ticks


def _nice(step: float) -> float:
    """1, 2 or 5 times a power of ten, at least `step`."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step * 0.999)


def _across(value: float, most: float) -> float:
    return LABEL + value / most * (WIDTH - LABEL - RIGHT)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _fill(index: int) -> str:
    return f'style="fill:var(--c{index % COLOURS})"'


def _stroke(index: int) -> str:
    return f'style="stroke:var(--c{index % COLOURS});stroke-width:2.5"'


def _svg(height: float, parts: Iterable[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img">{"".join(parts)}</svg>'
