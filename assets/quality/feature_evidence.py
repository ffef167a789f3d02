"""The feature rows a gate looks at: one session of every judged mart, and the raw rows they must agree with."""

from collections.abc import Sequence
from datetime import date
from functools import cached_property

import pyarrow as pa

from assets.feature_catalogue import FEATURES, Feature
from assets.judged_rows import judged_features_hash, judged_rows
from assets.quality.leakage import Recomputation
from assets.quality.raw_evidence import RawEvidence
from assets.schemas import FILINGS, NEWS
from assets.warehouse import Warehouse


class FeatureEvidence:
    """What the feature checks of one session look at. Rows are read when first asked for.

    Attributes:
        raw: what the raw checks of the same session looked at.
        recompute: computes feature rows from data known at their session's cut-off only.
        catalogue: the features the mart promises.
    """

    def __init__(
        self, *, raw: RawEvidence, marts: Warehouse, recompute: Recomputation, catalogue: Sequence[Feature] = FEATURES
    ) -> None:
        self.raw = raw
        self.recompute = recompute
        self.catalogue = tuple(catalogue)
        self._marts = marts

    @cached_property
    def judged(self) -> dict[str, pa.Table]:
        """The session's rows of every judged mart, by the mart's name."""
        return judged_rows(self._marts, self.raw.session)

    @cached_property
    def features_hash(self) -> str:
        """The hash that names the judged rows."""
        return judged_features_hash(self.judged)

    @property
    def features(self) -> pa.Table:
        """The session's feature rows, ordered by symbol."""
        return self.judged["fct_features"]

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of the session's universe, members or not, sorted."""
        return tuple(self.judged["fct_universe"].column("symbol").to_pylist())

    @cached_property
    def stored_sessions(self) -> tuple[date, ...]:
        """Sessions with stored features within the reach of the leakage check, ascending, none later than this one."""
        calendar, reach = self.raw.calendar, self.raw.policy.leakage_reach_sessions
        first = calendar.sessions[max(0, calendar.index(self.raw.session) - reach)]
        found = self._marts.read(
            "select distinct session from marts.fct_features where session between ? and ? order by session",
            [first, self.raw.session],
        )
        return tuple(found.column("session").to_pylist())

    def stored(self, session: date, symbols: Sequence[str]) -> pa.Table:
        """Return stored feature rows of some symbols on one session."""
        rows = self._marts.read("select * from marts.fct_features where session = ?", [session])
        wanted = set(symbols)
        return rows.filter(pa.array([symbol in wanted for symbol in rows.column("symbol").to_pylist()], pa.bool_()))

    @cached_property
    def missing_sources(self) -> dict[str, str]:
        """Families without a source in their window, each with the reason it is not demanded."""
        policy = self.raw.policy
        windows = {
            "news": (NEWS, policy.news_window_sessions),
            "fundamental": (FILINGS, policy.filings_window_sessions),
        }
        found = {}
        for family, (table, window) in windows.items():
            newest = self.raw.rows.newest_known_at(table)
            start = self.raw.calendar.sessions[max(0, self.raw.calendar.index(self.raw.session) - window)]
            if newest is None:
                found[family] = f"raw/{table.name} has no row"
            elif newest < self.raw.calendar.opens_at(start):
                found[family] = f"raw/{table.name} has no row known within {window} sessions"
        return found
