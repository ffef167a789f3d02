"""The natural logarithm with the same bits on every machine and at every place of an array."""

import math

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@numba.njit(cache=True, error_model="numpy")
def natural_logs(values: Floats) -> Floats:
    """Return natural logarithms of positive values by arithmetic alone; NaN for infinity and NaN.

    A library's logarithm may differ in its last bit between processors and between places in an array; this does not.

    Source:
        ln(m) = 2 artanh((m - 1) / (m + 1)) by its power series, m within a factor of the square root of 2 around 1.
    """
    out = np.empty(values.size)
    for place in range(values.size):
        mantissa, exponent = math.frexp(values[place])
        if mantissa < 0.7071067811865476:
            mantissa *= 2.0
            exponent -= 1
        share = (mantissa - 1.0) / (mantissa + 1.0)
        square = share * share
        series = 0.0
        for power in range(23, 0, -2):
            series = series * square + 1.0 / power
        out[place] = exponent * 0.6931471805599453 + 2.0 * share * series
    return out
