from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.features.feature_parts import PRICE_FEATURES, SCHEMA_PART, FeatureParts
from execution.durable_files import DurableFiles
from tests.builders.raw_rows import sessions

FIRST, SECOND, THIRD = sessions(3)


def rows(*records):
    return pa.table({"session": pa.array([row[0] for row in records], pa.date32()), "x": [row[1] for row in records]})


SCHEMA = rows((FIRST, 1.0)).schema


def in_force(parts, last=THIRD):
    return {part.session: part.part for part in parts.in_force(PRICE_FEATURES, schema=SCHEMA, last=last)}


def test_newest_part_of_a_session_is_in_force_and_the_older_file_stays(tmp_path):
    parts = FeatureParts(tmp_path)
    old = parts.write(PRICE_FEATURES, rows((FIRST, 1.0), (SECOND, 2.0)), [FIRST, SECOND])
    new = parts.write(PRICE_FEATURES, rows((SECOND, 3.0)), [SECOND])
    assert in_force(parts) == {None: SCHEMA_PART, FIRST: old, SECOND: new}
    assert pq.read_table(tmp_path / PRICE_FEATURES / f"{old}.parquet").num_rows == 2


def test_same_rows_written_twice_change_no_byte(tmp_path):
    parts = FeatureParts(tmp_path)
    first = parts.write(PRICE_FEATURES, rows((FIRST, 1.0)), [FIRST])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert parts.write(PRICE_FEATURES, rows((FIRST, 1.0)), [FIRST]) == first
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_part_whose_rows_return_to_an_older_state_is_in_force_again(tmp_path):
    parts = FeatureParts(tmp_path)
    first = parts.write(PRICE_FEATURES, rows((FIRST, 1.0)), [FIRST])
    parts.write(PRICE_FEATURES, rows((FIRST, 2.0)), [FIRST])
    parts.write(PRICE_FEATURES, rows((FIRST, 1.0)), [FIRST])
    assert in_force(parts)[FIRST] == first


def test_a_part_no_session_uses_is_retired_and_one_that_came_back_into_force_stays(tmp_path):
    parts = FeatureParts(tmp_path)
    first = parts.write(PRICE_FEATURES, rows((FIRST, 1.0)), [FIRST])
    second = parts.write(PRICE_FEATURES, rows((FIRST, 2.0)), [FIRST])
    parts.write(PRICE_FEATURES, rows((FIRST, 1.0)), [FIRST])
    for part in (first, second):
        parts.retire(PRICE_FEATURES, part)
    assert [path.stem for path in (tmp_path / PRICE_FEATURES).glob("2*.parquet")] == [first]
    assert in_force(parts)[FIRST] == first


def test_session_without_a_row_counts_as_done(tmp_path):
    parts = FeatureParts(tmp_path)
    parts.write(PRICE_FEATURES, SCHEMA.empty_table(), [SECOND])
    assert parts.sessions(PRICE_FEATURES) == {SECOND}


def test_later_sessions_are_not_listed_for_an_earlier_one(tmp_path):
    parts = FeatureParts(tmp_path)
    parts.write(PRICE_FEATURES, rows((FIRST, 1.0), (THIRD, 3.0)), [FIRST, THIRD])
    assert set(in_force(parts, last=SECOND)) == {None, FIRST}


@pytest.mark.parametrize("step", ["write_temporary", "sync", "rename", "sync_folder", "append_line"])
def test_crash_at_any_step_leaves_the_session_undone_and_the_next_write_whole(tmp_path, step):
    class Dying(DurableFiles):
        pass

    def die(self, *arguments):
        raise KeyboardInterrupt

    FeatureParts(tmp_path).in_force(PRICE_FEATURES, schema=SCHEMA, last=FIRST)
    setattr(Dying, step, die)
    with pytest.raises(KeyboardInterrupt):
        FeatureParts(tmp_path, Dying()).write(PRICE_FEATURES, rows((FIRST, 1.0)), [FIRST])
    parts = FeatureParts(tmp_path)
    assert parts.sessions(PRICE_FEATURES) == frozenset()
    name = parts.write(PRICE_FEATURES, rows((FIRST, 1.0)), [FIRST])
    assert pq.read_table(tmp_path / PRICE_FEATURES / f"{name}.parquet")["x"].to_pylist() == [1.0]


def test_line_cut_short_by_a_crash_is_no_line(tmp_path):
    parts = FeatureParts(tmp_path)
    parts.write(PRICE_FEATURES, rows((FIRST, 1.0)), [FIRST])
    index = tmp_path / PRICE_FEATURES / "parts.jsonl"
    index.write_bytes(index.read_bytes()[:-9])
    assert parts.sessions(PRICE_FEATURES) == frozenset()


JANUARY = (date(2024, 1, 29), date(2024, 1, 30), date(2024, 1, 31))
FEBRUARY = (date(2024, 2, 1), date(2024, 2, 2))


def served(parts, last=FEBRUARY[-1]):
    """Return each session's rows as a reader gets them."""
    found = {}
    for part in parts.in_force(PRICE_FEATURES, schema=SCHEMA, last=last)[1:]:
        table = pq.read_table(part.path).to_pylist()
        found[part.session] = [row for row in table if row["session"] == part.session]
    return found


def of_two_months(root):
    parts = FeatureParts(root)
    for number, session in enumerate((*JANUARY, *FEBRUARY)):
        parts.write(PRICE_FEATURES, rows((session, float(number)), (session, -1.0)), [session])
    parts.write(PRICE_FEATURES, SCHEMA.empty_table(), [JANUARY[1]])
    return parts


def files(root):
    return sorted(path.stem for path in (root / PRICE_FEATURES).glob("2*.parquet"))


def test_a_whole_month_becomes_one_part_that_serves_the_same_rows(tmp_path):
    parts = of_two_months(tmp_path)
    before = served(parts)
    assert parts.merge(before=FEBRUARY[-1]) == 3
    assert served(parts) == before
    assert before[JANUARY[1]] == []
    assert len({part for session, part in in_force(parts, FEBRUARY[-1]).items() if session in JANUARY}) == 1
    assert len([name for name in files(tmp_path) if name.startswith("2024-01-29_2024-01-31_")]) == 1


def test_a_merged_month_is_not_merged_again_and_its_bytes_stay(tmp_path):
    parts = of_two_months(tmp_path)
    parts.merge(before=FEBRUARY[-1])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert parts.merge(before=FEBRUARY[-1]) == 0
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_a_session_computed_again_after_its_month_was_merged_is_served_anew(tmp_path):
    parts = of_two_months(tmp_path)
    parts.merge(before=FEBRUARY[-1])
    parts.write(PRICE_FEATURES, rows((JANUARY[0], 99.0)), [JANUARY[0]])
    assert served(parts)[JANUARY[0]] == [{"session": JANUARY[0], "x": 99.0}]
    before = served(parts)
    assert parts.merge(before=FEBRUARY[-1]) == 2
    assert served(parts) == before


def test_a_part_that_serves_another_month_too_is_left_alone(tmp_path):
    parts = FeatureParts(tmp_path)
    long = parts.write(PRICE_FEATURES, rows((JANUARY[0], 1.0), (FEBRUARY[0], 2.0)), [JANUARY[0], FEBRUARY[0]])
    parts.write(PRICE_FEATURES, rows((JANUARY[1], 3.0)), [JANUARY[1]])
    assert parts.merge(before=date(2024, 3, 1)) == 0
    assert long in files(tmp_path)


def test_parts_of_other_columns_are_left_alone(tmp_path):
    parts = of_two_months(tmp_path)
    wider = rows((FEBRUARY[0], 1.0)).append_column("y", pa.array([2.0]))
    parts.write(PRICE_FEATURES, wider, [FEBRUARY[0]])
    assert parts.merge(before=FEBRUARY[-1]) == 0


def test_a_merging_killed_before_it_removed_anything_serves_the_same_rows(tmp_path, monkeypatch):
    parts = of_two_months(tmp_path)
    before = served(parts)

    def die(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "unlink", die)
    with pytest.raises(KeyboardInterrupt):
        parts.merge(before=FEBRUARY[-1])
    assert served(parts) == before
