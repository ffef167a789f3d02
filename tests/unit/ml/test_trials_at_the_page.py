"""What a person types into the backtest's fields at the page."""

from datetime import date
from decimal import Decimal

import pytest

from assets.ml.defs import TrialConfig
from execution.domain.errors import SettingsRefused


def test_the_fields_are_read_as_days_and_numbers() -> None:
    trial = TrialConfig(first="2024-01-04", last="2024-03-01", cost_multiples="1, 2", capitals_usd="").trial()
    assert (trial.first, trial.last) == (date(2024, 1, 4), date(2024, 3, 1))
    assert (trial.cost_multiples, trial.capitals_usd) == ((Decimal(1), Decimal(2)), ())


@pytest.mark.parametrize(
    ("field", "typed", "told"),
    [
        ("first", "4.1.2024", "first is '4.1.2024': expected a session, as 2023-01-04"),
        ("last", "", "last is '': expected a session"),
        ("cost_multiples", "one", "found 'one', expected numbers with commas between"),
    ],
)
def test_what_is_no_day_or_number_is_refused_by_its_field(field: str, typed: str, told: str) -> None:
    fields = {"first": "2024-01-04", "last": "2024-03-01", field: typed}
    with pytest.raises(SettingsRefused, match=told):
        TrialConfig(**fields).trial()
