"""The page's own charts, drawn as SVG text: no script, no font to load, the same bytes for the same numbers.

A chart library numbers its gradients and clips from a counter of the process, so its second drawing differs from its
first. These two shapes need none of that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from markupsafe import Markup

_LEFT: Final = 52
_RIGHT: Final = 8
_TOP: Final = 8
_BOTTOM: Final = 18


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of a histogram: values in [low, high), the last bar's high included."""

    low: float
    high: float
    count: int


def equity_svg(
    sessions: Sequence[date], equity_usd: Sequence[Decimal], *, width: int = 420, height: int = 150
) -> Markup:
    """Return the account's value at each close as a line over a filled area; dots while the history is short.

    Args:
        sessions: exchange days, oldest first.
        equity_usd: account value at each close, as many as sessions.
        width: drawing width in CSS pixels.
        height: drawing height in CSS pixels.
    """
    if not sessions:
        return _empty("no equity recorded yet", width, height)
    low, high, ticks = _scale([float(value) for value in equity_usd])
    span = max(len(sessions) - 1, 1)
    inner_width, inner_height = width - _LEFT - _RIGHT, height - _TOP - _BOTTOM

    def point(index: int, value: float) -> tuple[float, float]:
        # A single value sits in the middle: at the left edge it would read as the start of a missing line.
        share = index / span if len(sessions) > 1 else 0.5
        return _LEFT + share * inner_width, _TOP + (high - value) / (high - low) * inner_height

    points = [point(index, float(value)) for index, value in enumerate(equity_usd)]
    path = " ".join(f"{'M' if index == 0 else 'L'}{x:.1f} {y:.1f}" for index, (x, y) in enumerate(points))
    floor = _TOP + inner_height
    parts = [_grid(ticks, low, high, width, height)]
    if len(points) > 1:
        parts.append(
            f'<path class="area" d="{path} L{points[-1][0]:.1f} {floor} L{points[0][0]:.1f} {floor} Z"/>'
            f'<path class="line" d="{path}"/>'
        )
    dotted = points if len(points) <= 30 else points[-1:]
    parts += [f'<circle class="spot" cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>' for x, y in dotted]
    first, last = sessions[0], sessions[-1]
    if len(sessions) == 1:
        parts.append(_text(_LEFT + inner_width / 2, height - 4, first.isoformat(), "middle"))
    else:
        parts.append(_text(_LEFT, height - 4, first.isoformat(), "start"))
        parts.append(_text(width - _RIGHT, height - 4, last.isoformat(), "end"))
    label = f"Equity at the close, {first} to {last}: {equity_usd[0]:,.2f} to {equity_usd[-1]:,.2f} USD"
    return _drawing(parts, label, width, height)


def bins(values: Sequence[float], *, count: int = 25) -> tuple[Bin, ...]:
    """Return equal-width bins from the lowest to the highest value; none when there is no value."""
    if not values:
        return ()
    low, high = min(values), max(values)
    step = (high - low) / count
    if step == 0.0:  # equal, or too near to one another for the smallest step there is
        return (Bin(low, high, len(values)),)
    counts = [0] * count
    for value in values:
        counts[min(int((value - low) / step), count - 1)] += 1
    return tuple(Bin(low + index * step, low + (index + 1) * step, number) for index, number in enumerate(counts))


def histogram_svg(values: Sequence[float], *, width: int = 420, height: int = 76) -> Markup:
    """Return how many values fall in each of 25 equal steps, with the range written below."""
    bars = bins(values)
    if not bars:
        return _empty("no symbol was scored", width, height)
    most = max(bar.count for bar in bars)
    inner_width, inner_height = width - 4, height - _BOTTOM - 4
    step = inner_width / len(bars)
    parts = []
    for index, bar in enumerate(bars):
        tall = bar.count / most * inner_height
        title = f"{bar.count} between {bar.low:.4f} and {bar.high:.4f}"
        parts.append(
            f'<rect class="bin" x="{2 + index * step:.1f}" y="{4 + inner_height - tall:.1f}" '
            f'width="{max(step - 1.5, 1):.1f}" height="{tall:.1f}"><title>{title}</title></rect>'
        )
    parts.append(_text(2, height - 4, f"{bars[0].low:.4f}", "start"))
    parts.append(_text(width - 2, height - 4, f"{bars[-1].high:.4f}", "end"))
    return _drawing(parts, f"Distribution of {len(values)} scores", width, height)


def sparkline_svg(values: Sequence[Decimal], *, points: int = 40) -> str:
    """Return the newest values as a bare line of a few hundred characters, styled in place: for a page of others.

    Args:
        values: oldest first; earlier ones than the last `points` are left out.
        points: most values shown.
    """
    shown = [float(value) for value in values][-points:]
    low, high = min(shown, default=0.0), max(shown, default=0.0)
    tall = (high - low) or 1.0
    step = 320 / max(len(shown) - 1, 1)
    spots = [f"{4 + index * step:.0f} {44 - (value - low) / tall * 38:.0f}" for index, value in enumerate(shown)]
    # A round cap makes a single value visible: a path of one spot draws a dot.
    path = "M" + "L".join(spots if len(spots) != 1 else spots * 2) if spots else ""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="328" height="48"><path fill="none" stroke="#275d86" '
        f'stroke-width="2" stroke-linecap="round" d="{path}"/></svg>'
    )


def _scale(values: list[float]) -> tuple[float, float, list[float]]:
    """Return the axis' low and high and its round tick values, never a flat axis."""
    low, high = min(values), max(values)
    # A quiet account would otherwise draw its cents as mountains: show at least 1 % of its value.
    least = max(abs(high) * 0.01, 1.0)
    if high - low < least:
        middle = (high + low) / 2
        low, high = middle - least / 2, middle + least / 2
    step = _round_step((high - low) / 3)
    first = int(low // step) * step
    ticks = [first + index * step for index in range(12)]
    top = next(tick for tick in ticks if tick >= high)
    shown = [tick for tick in ticks if tick <= top]
    return shown[0], shown[-1], shown


def _round_step(raw: float) -> float:
    power = 10.0
    while power * 10 <= raw:
        power *= 10
    while power > raw:
        power /= 10
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw)


def _grid(ticks: list[float], low: float, high: float, width: int, height: int) -> str:
    inner_height = height - _TOP - _BOTTOM
    lines = []
    for tick in ticks:
        y = _TOP + (high - tick) / (high - low) * inner_height
        lines.append(f'<line class="rule" x1="{_LEFT}" x2="{width - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        lines.append(_text(_LEFT - 6, y + 3.5, f"{tick:,.0f}", "end"))
    return "".join(lines)


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{words}</text>'


def _empty(words: str, width: int, height: int) -> Markup:
    return _drawing([_text(width / 2, height / 2, words, "middle")], words, width, height)


def _drawing(parts: list[str], label: str, width: int, height: int) -> Markup:
    # Everything inside is numbers, dates and words of this module; no outside text reaches a drawing.
    body = "".join(parts)
    return Markup(  # noqa: S704 - built from numbers and this module's own words, as said above
        f'<svg viewBox="0 0 {width} {height}" width="100%" role="img" aria-label="{label}">{body}</svg>'
    )
