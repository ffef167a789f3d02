import dagster as dg

from assets.partitions import SESSIONS

DAGSTERS_OWN = dg.StaticPartitionsDefinition(SESSIONS.get_partition_keys())


def test_the_text_of_all_sessions_is_made_once():
    first, second = (repr(SESSIONS) for _ in range(2))
    assert first is second


def test_the_sessions_are_to_dagster_what_its_own_partitions_would_be():
    assert SESSIONS == DAGSTERS_OWN
    assert hash(SESSIONS) == hash(DAGSTERS_OWN)
    # What it writes down beside partitions, and later compares.
    assert type(SESSIONS).__name__ == type(DAGSTERS_OWN).__name__
    assert SESSIONS.get_serializable_unique_identifier() == DAGSTERS_OWN.get_serializable_unique_identifier()
