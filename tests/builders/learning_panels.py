"""Training sets of a made market, quickly: overlapping labels, features that persist, and as much signal as asked.

`signal` is the daily expected return told by the first feature, in standard deviations of a day's return: at 0.02 the
feature itself ranks five-session returns with a correlation near 0.04.
"""

import numpy as np

from assets.ml.dataset import TrainingSet, gaussian_rank
from assets.ml.policy import JUDGED_HORIZONS
from execution.trading_calendar import TradingCalendar

CALENDAR = TradingCalendar.shipped()
HORIZON = 5
RULE_FEATURES = ("momentum_12_1", "return_5d", "position_in_range_20d", "close_to_high_252d")
_DAILY_VOLATILITY = 0.02
_PERSISTENCE = (0.97, 0.9, 0.5, 0.0)


def a_panel(
    *, seed: int, symbols: int = 100, sessions: int = 600, signal: float = 0.0, noise_features: int = 12
) -> TrainingSet:
    """Return a training set of `sessions` labelled days; everything but the told share of returns is noise."""
    random = np.random.default_rng(seed)
    names = ("told", *RULE_FEATURES, *(f"noise_{number}" for number in range(noise_features)))
    length = sessions + 1 + max(JUDGED_HORIZONS)
    features = np.stack(
        [_persistent(random, (length, symbols), _PERSISTENCE[place % len(_PERSISTENCE)]) for place in range(len(names))]
    )
    shocks = random.standard_t(4, size=(length, symbols)) / np.sqrt(2.0)
    returns = _DAILY_VOLATILITY * shocks
    returns[1:] += _DAILY_VOLATILITY * signal * features[0, :-1]
    forward = {span: _forward(returns, span) for span in (HORIZON, *JUDGED_HORIZONS)}
    day = np.repeat(np.arange(sessions), symbols)
    net = forward[HORIZON][:sessions] - forward[HORIZON][:sessions].mean(axis=1, keepdims=True)
    days = np.array(CALENDAR.sessions[1000 : 1000 + length], dtype="datetime64[D]")
    return TrainingSet(
        cut_off=days[-1].item(),
        horizon_sessions=HORIZON,
        feature_names=names,
        sessions=days[day],
        symbols=np.array([f"S{number:03d}" for number in range(symbols)] * sessions, dtype=object),
        features=features[:, :sessions].reshape(len(names), -1).T.astype(np.float32).copy(),
        label=gaussian_rank(net.ravel(), day).astype(np.float32),
        net_return=net.ravel(),
        label_end=days[day + 1 + HORIZON],
        volatility_20d=np.full(len(day), _DAILY_VOLATILITY),
        sectors=np.array(["" for _ in day], dtype=object),
        forward_returns=np.column_stack([forward[span][:sessions].ravel() for span in JUDGED_HORIZONS]),
    )


def _persistent(random: np.random.Generator, shape: tuple[int, int], persistence: float) -> np.ndarray:
    made = random.standard_normal(shape)
    for place in range(1, shape[0]):
        made[place] = persistence * made[place - 1] + np.sqrt(1.0 - persistence**2) * made[place]
    return made


def _forward(returns: np.ndarray, span: int) -> np.ndarray:
    """Return from the close after each day over `span` days; NaN where the rows end."""
    found = np.full(returns.shape, np.nan)
    total = np.vstack([np.zeros((1, returns.shape[1])), np.cumsum(np.log1p(np.maximum(returns, -0.9)), axis=0)])
    last = len(returns) - 1 - span
    found[:last] = np.expm1(total[2 + span : 2 + span + last] - total[2 : 2 + last])
    return found
