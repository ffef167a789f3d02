"""Small charts as metadata: a PNG inside Markdown, so that a page of the UI needs no file and no server.

The renderer writes loosely packed pixels; packing them again makes a chart about a tenth of the size, which keeps the
event log small. Nothing is imported until a chart is drawn.
"""

import base64
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

MAX_CHART_BYTES: Final = 60_000
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def png_markdown(chart: Any, *, title: str = "chart") -> str:
    """Return an altair chart as a Markdown image with the PNG inside it.

    Args:
        chart: any altair chart; its data are embedded, nothing is fetched.
        title: alternative text of the image.

    Raises:
        ValueError: the image is larger than `MAX_CHART_BYTES` as text; draw fewer marks or a smaller chart.
    """
    import vl_convert  # noqa: PLC0415 - faces import this module; the renderer loads with the first chart

    packed = _repacked(vl_convert.vegalite_to_png(chart.to_json(), scale=1))
    markdown = f"![{title}](data:image/png;base64,{base64.b64encode(packed).decode('ascii')})"
    if len(markdown) > MAX_CHART_BYTES:
        raise ValueError(
            f"the chart {title!r} has {len(markdown)} bytes, at most {MAX_CHART_BYTES} are allowed: draw fewer marks"
        )
    return markdown


def histogram(values: Sequence[float], *, title: str, x_title: str, bins: int = 30) -> Any:
    """Return a histogram of finite numbers as an altair chart.

    Args:
        values: the numbers; an empty sequence draws empty axes.
        title: headline of the chart.
        x_title: meaning and unit of the numbers.
        bins: number of equal bins between the smallest and the largest number.
    """
    import altair as alt  # noqa: PLC0415 - faces import this module; altair loads with the first chart

    counts, edges = np.histogram(np.asarray(values, dtype=np.float64), bins=bins)
    bars = [
        {"from": float(low), "to": float(high), "count": int(count)}
        for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True)
    ]
    return (
        alt.Chart(_data(bars), title=title)
        .mark_bar()
        .encode(
            x=alt.X("from:Q", title=x_title),
            x2="to:Q",
            y=alt.Y("count:Q", title="count"),
            # Between two bounds a bar is a dash unless it is told to stand on zero.
            y2=alt.datum(0),
        )
        .properties(width=420, height=160)
    )


def bars(amounts: Mapping[str, float], *, title: str, y_title: str) -> Any:
    """Return one bar per name, in the order given, as an altair chart."""
    import altair as alt  # noqa: PLC0415 - faces import this module; altair loads with the first chart

    rows = [{"name": name, "amount": amount} for name, amount in amounts.items()]
    return (
        alt.Chart(_data(rows), title=title)
        .mark_bar()
        .encode(
            x=alt.X("name:N", title=None, sort=None, axis=alt.Axis(labelAngle=0 if len(rows) <= 4 else -60)),
            y=alt.Y("amount:Q", title=y_title),
        )
        .properties(width=420, height=160)
    )


def shares(amounts: Mapping[str, float], *, title: str) -> Any:
    """Return one lying bar per name, in the order given, on an axis from nothing to all, as an altair chart.

    Args:
        amounts: a share between 0 and 1 by name; a name that nothing has keeps its place, without a bar.
        title: headline of the chart; it says of what the shares are.
    """
    import altair as alt  # noqa: PLC0415 - faces import this module; altair loads with the first chart

    rows = [{"name": name, "share": share} for name, share in amounts.items()]
    # Names on lines of their own never overlap, and measuring text to find that out is a third of the drawing.
    plain: dict[str, Any] = {
        "labelOverlap": False,
        "labelLimit": 0,
        "labelFlush": False,
        "ticks": False,
        "domain": False,
    }
    return (
        alt.Chart(_data(rows), title=title)
        .mark_bar()
        .encode(
            x=alt.X(
                "share:Q",
                title=None,
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format="%", values=[0, 0.5, 1], **plain),
            ),
            y=alt.Y("name:N", title=None, sort=None, axis=alt.Axis(**plain)),
        )
        .properties(width=320, height=alt.Step(15))
    )


def line(points: Mapping[str, float], *, title: str, y_title: str) -> Any:
    """Return a line over days, keyed by ISO date, as an altair chart."""
    import altair as alt  # noqa: PLC0415 - faces import this module; altair loads with the first chart

    rows = [{"day": day, "amount": amount} for day, amount in points.items()]
    return (
        alt.Chart(_data(rows), title=title)
        .mark_line()
        .encode(x=alt.X("day:T", title=None), y=alt.Y("amount:Q", title=y_title, scale=alt.Scale(zero=False)))
        .properties(width=420, height=160)
    )


def _data(rows: list[dict[str, Any]]) -> Any:
    import altair as alt  # noqa: PLC0415 - faces import this module; altair loads with the first chart

    return alt.Data(values=rows)  # type: ignore[no-untyped-call]  # altair generates this class without types


def _repacked(png: bytes) -> bytes:
    # The pixels are inflated and deflated again at the best level; every other chunk is kept as it was.
    pixels = b"".join(body for kind, body in _chunks(png) if kind == b"IDAT")
    before = [chunk for chunk in _chunks(png) if chunk[0] not in (b"IDAT", b"IEND")]
    kept = [*before, (b"IDAT", zlib.compress(zlib.decompress(pixels), 9)), (b"IEND", b"")]
    return _SIGNATURE + b"".join(_chunk(kind, body) for kind, body in kept)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(_SIGNATURE)
    while position < len(png):
        (length,) = struct.unpack_from(">I", png, position)
        yield png[position + 4 : position + 8], png[position + 8 : position + 8 + length]
        position += length + 12


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
