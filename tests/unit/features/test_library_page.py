"""The page on adding a feature shows a file that works."""

import re
from pathlib import Path

import numpy as np

from assets.features.feature_library import FeatureLibrary
from tests.unit.features.test_alpha158 import bits, history

PAGE = Path(__file__).parents[3] / "docs" / "feature-library.md"


def shown_set():
    """Bind what the page's Python block binds, as the registry does with a file."""
    (text,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    bound = {}
    exec(text, bound)  # noqa: S102 - our own page
    return bound["SET"]


def test_the_shown_file_computes_what_it_says_with_the_same_bits_for_one_day():
    library, bars = FeatureLibrary((shown_set(),)), history()
    whole = library.compute(bars, 0)
    gaps = bars.open[1:] / bars.close[:-1] - 1.0
    np.testing.assert_allclose(whole[0, 20:], np.convolve(gaps, np.ones(20), "valid"), rtol=1e-5, atol=1e-7)
    assert np.isnan(whole[0, :20]).all()
    assert np.array_equal(bits(library.compute(bars.until(100), 99)), bits(whole[:, 99:100]))
