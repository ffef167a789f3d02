import base64
import struct
import zlib

import numpy as np
import pytest
import vl_convert

from assets import charts
from assets.charts import bars, histogram, line, png_markdown, shares


def png_of(markdown: str) -> bytes:
    return base64.b64decode(markdown.split("base64,")[1].removesuffix(")"))


def a_histogram():
    return histogram(np.random.default_rng(1).standard_normal(500).tolist(), title="scores", x_title="score")


def test_a_chart_is_a_small_png_inside_markdown():
    markdown = png_markdown(a_histogram(), title="score distribution")
    assert markdown.startswith("![score distribution](data:image/png;base64,")
    assert png_of(markdown).startswith(b"\x89PNG\r\n\x1a\n")
    assert len(markdown) < 20_000


def test_packing_again_keeps_every_pixel():
    original = vl_convert.vegalite_to_png(a_histogram().to_json(), scale=1)
    pixels = [
        zlib.decompress(b"".join(body for kind, body in charts._chunks(png) if kind == b"IDAT"))
        for png in (original, png_of(png_markdown(a_histogram())))
    ]
    assert pixels[0] == pixels[1]


def test_every_chunk_has_its_checksum():
    png = png_of(png_markdown(a_histogram()))
    position = 8
    while position < len(png):
        (length,) = struct.unpack_from(">I", png, position)
        body = png[position + 4 : position + 8 + length]
        assert struct.unpack_from(">I", png, position + 8 + length) == (zlib.crc32(body),)
        position += length + 12


def test_a_chart_too_large_for_the_event_log_is_refused(monkeypatch):
    monkeypatch.setattr(charts, "MAX_CHART_BYTES", 1000)
    with pytest.raises(ValueError, match="at most 1000 are allowed"):
        png_markdown(a_histogram(), title="huge")


def test_a_histogram_counts_every_value():
    shown = histogram([1.0, 2.0, 2.0, 5.0], title="t", x_title="x", bins=4).to_dict()
    assert sum(bar["count"] for bar in shown["data"]["values"]) == 4


def test_nothing_to_show_is_still_a_chart():
    assert png_markdown(histogram([], title="none", x_title="score")).startswith("![")


def test_bars_keep_their_order_and_lines_their_days():
    named = bars({"b": 1.0, "a": 2.0}, title="t", y_title="y").to_dict()
    dated = line({"2024-01-02": 1.0, "2024-01-03": 2.0}, title="t", y_title="y").to_dict()
    assert [row["name"] for row in named["data"]["values"]] == ["b", "a"]
    assert named["encoding"]["x"]["sort"] is None
    assert [row["day"] for row in dated["data"]["values"]] == ["2024-01-02", "2024-01-03"]


def test_the_bars_of_a_histogram_stand_on_zero():
    assert a_histogram().to_dict()["encoding"]["y2"] == {"datum": 0}


def test_shares_keep_their_order_on_an_axis_from_nothing_to_all():
    shown = shares({"news": 0.0, "price": 1.0}, title="t").to_dict()
    assert [row["name"] for row in shown["data"]["values"]] == ["news", "price"]
    assert shown["encoding"]["y"]["sort"] is None
    assert shown["encoding"]["x"]["scale"] == {"domain": [0, 1]}
