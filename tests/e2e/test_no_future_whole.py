"""The whole leakage proof: every symbol of a lived home, at many moments, computed again from what was known then."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from assets.features.feature_library import FeatureLibrary
from assets.features.recompute import recompute
from assets.raw_store import RawStore
from assets.warehouse import Warehouse
from pipelines.settings import load_settings
from tests.builders.lived_home import live_home
from tests.e2e.conftest import CALENDAR, SESSION, new_home

MOMENTS = 60


@pytest.mark.campaign
# What the orchestrator and the model library warn of in a long-lived process is theirs; every other test is strict.
@pytest.mark.filterwarnings("default")
def test_no_feature_of_any_symbol_knew_more_than_its_cut_off_told(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    home = new_home(tmp_path / "home").home
    live_home(home, load_settings(home.settings), until=CALENDAR.as_of(SESSION))
    warehouse, raw_store = Warehouse(home.warehouse), RawStore(home.raw)
    built = warehouse.read("select distinct session from marts.fct_features order by session")["session"].to_pylist()
    compared = 0
    for place in np.random.default_rng(17).choice(len(built), size=MOMENTS, replace=False):
        session = built[place]
        listed = warehouse.read("select symbol from marts.fct_features where session = ? order by symbol", (session,))
        again = recompute(
            raw_store=raw_store,
            session=session,
            as_of=CALENDAR.as_of(session),
            symbols=listed["symbol"].to_pylist(),
            library=FeatureLibrary(),
        )
        names = ", ".join(again.column_names)
        query = f"select {names} from marts.fct_features where session = ? order by symbol"  # noqa: S608 - own columns
        stored = warehouse.read(query, (session,))
        for name in again.column_names:
            assert stored[name].to_pylist() == again[name].to_pylist(), (session, name)
        compared += again.num_rows * again.num_columns
    record_property("moments", MOMENTS)
    record_property("values_compared", compared)
    assert compared > MOMENTS * 1000
