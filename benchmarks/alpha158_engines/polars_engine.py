"""polars: the published definitions as expressions, without IMAX, IMIN and IMXD, for which it has no rolling form."""

from pathlib import Path

import polars as pl
from engine_run import measure

WINDOWS = (5, 10, 20, 30, 60)
TINY = 1e-12


def features(panel: Path, mode: str) -> pl.DataFrame:
    bars = pl.scan_parquet(panel / "bars.parquet").cast({"symbol": pl.Categorical})
    if mode == "day":
        sessions = bars.select(pl.col("session").unique().sort().tail(61)).collect()["session"]
        bars = bars.filter(pl.col("session") >= sessions[0])
    rows = bars.sort("symbol", "session").with_columns(steps()).with_columns(more_steps())
    out = rows.select("session", "symbol", *of_the_day(), *rolling())
    found = out.collect()
    return found.filter(pl.col("session") == pl.col("session").max()) if mode == "day" else found


def steps() -> list[pl.Expr]:
    close, volume = pl.col("close"), pl.col("volume")
    before, volume_before = close.shift(1).over("symbol"), volume.shift(1).over("symbol")
    return [
        pl.int_range(pl.len()).over("symbol").cast(pl.Float64).alias("time"),
        (volume + 1).log().alias("log_volume"),
        (close / before).alias("ratio"),
        (volume / volume_before + 1).log().alias("log_ratio"),
        (close - before).alias("change"),
        (volume - volume_before).alias("volume_change"),
    ]


def more_steps() -> list[pl.Expr]:
    change, volume_change = pl.col("change"), pl.col("volume_change")
    return [
        (change > 0).cast(pl.Float64).alias("up"),
        (change < 0).cast(pl.Float64).alias("down"),
        change.clip(lower_bound=0).alias("gain"),
        (-change).clip(lower_bound=0).alias("loss"),
        volume_change.clip(lower_bound=0).alias("more"),
        (-volume_change).clip(lower_bound=0).alias("less"),
        ((pl.col("ratio") - 1).abs() * pl.col("volume")).alias("weighted"),
    ]


def of_the_day() -> list[pl.Expr]:
    o, h, low, c = (pl.col(name) for name in ("open", "high", "low", "close"))
    span = h - low + TINY
    top, bottom = pl.max_horizontal("open", "close"), pl.min_horizontal("open", "close")
    measures = {
        "KMID": (c - o) / o, "KLEN": (h - low) / o, "KMID2": (c - o) / span, "KUP": (h - top) / o,
        "KUP2": (h - top) / span, "KLOW": (bottom - low) / o, "KLOW2": (bottom - low) / span,
        "KSFT": (2 * c - h - low) / o, "KSFT2": (2 * c - h - low) / span, "OPEN0": o / c, "HIGH0": h / c,
        "LOW0": low / c, "VWAP0": (h + low + c) / 3 / c,
    }  # fmt: skip
    return [measure.cast(pl.Float32).alias(name) for name, measure in measures.items()]


def rolling() -> list[pl.Expr]:
    return [
        measure.over("symbol").cast(pl.Float32).alias(f"{name}{n}")
        for n in WINDOWS
        for name, measure in measures_over(n).items()
    ]


def measures_over(n: int) -> dict[str, pl.Expr]:
    c, v, time = pl.col("close"), pl.col("volume"), pl.col("time")
    slope = pl.rolling_cov(time, c, window_size=n) / (n * (n + 1) / 12)
    highest, lowest = pl.col("high").rolling_max(n), pl.col("low").rolling_min(n)
    total = {name: pl.col(name).rolling_sum(n) for name in ("up", "down", "gain", "loss", "more", "less")}
    moved, volume_moved = total["gain"] + total["loss"] + TINY, total["more"] + total["less"] + TINY
    weighted = pl.col("weighted")
    return {
        "ROC": c.shift(n) / c, "MA": c.rolling_mean(n) / c, "STD": c.rolling_std(n) / c, "BETA": slope / c,
        "RSQR": pl.rolling_corr(time, c, window_size=n) ** 2,
        "RESI": (c - c.rolling_mean(n) - slope * ((n - 1) / 2)) / c,
        "MAX": highest / c, "MIN": lowest / c,
        "QTLU": c.rolling_quantile(0.8, "linear", n) / c, "QTLD": c.rolling_quantile(0.2, "linear", n) / c,
        "RANK": c.rolling_rank(n, "average") / n, "RSV": (c - lowest) / (highest - lowest + TINY),
        "CORR": pl.rolling_corr(c, pl.col("log_volume"), window_size=n),
        "CORD": pl.rolling_corr(pl.col("ratio"), pl.col("log_ratio"), window_size=n),
        "CNTP": total["up"] / n, "CNTN": total["down"] / n, "CNTD": (total["up"] - total["down"]) / n,
        "SUMP": total["gain"] / moved, "SUMN": total["loss"] / moved, "SUMD": (total["gain"] - total["loss"]) / moved,
        "VMA": v.rolling_mean(n) / (v + TINY), "VSTD": v.rolling_std(n) / (v + TINY),
        "WVMA": weighted.rolling_std(n) / (weighted.rolling_mean(n) + TINY),
        "VSUMP": total["more"] / volume_moved, "VSUMN": total["less"] / volume_moved,
        "VSUMD": (total["more"] - total["less"]) / volume_moved,
    }  # fmt: skip


if __name__ == "__main__":
    measure(features, lambda found, out: found.write_parquet(out))
