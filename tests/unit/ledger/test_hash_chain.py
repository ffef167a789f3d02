"""The links themselves, without a store."""

import pytest

from execution.domain.errors import ChainBroken
from execution.ledger.hash_chain import GENESIS, ChainHead, ChainRow, linked, verified_head


def a_chain(*sequences: int) -> list[ChainRow]:
    """Return rows whose links are right; each body says the sequence given."""
    rows: list[ChainRow] = []
    for place, told in enumerate(sequences, start=1):
        previous = rows[-1].hash.decode() if rows else GENESIS
        rows.append(linked(ChainHead(place - 1, previous), b'{"seq":%d}' % told))
    return rows


def test_an_empty_chain_ends_where_it_begins() -> None:
    assert verified_head([]) == ChainHead(0, GENESIS)


def test_the_head_is_the_last_row() -> None:
    rows = a_chain(1, 2, 3)
    assert verified_head(rows) == ChainHead(3, rows[-1].hash.decode())


def test_equal_bodies_in_other_places_have_other_hashes() -> None:
    rows = a_chain(1, 1)
    assert rows[0].hash != rows[1].hash


def test_a_body_that_says_another_place_is_found_even_when_every_link_fits() -> None:
    with pytest.raises(ChainBroken, match="row 2 holds the body of another row"):
        verified_head(a_chain(1, 3, 2))


def test_a_missing_first_row_is_found() -> None:
    with pytest.raises(ChainBroken, match="row 1 is missing: found row 2 in its place"):
        verified_head(a_chain(1, 2)[1:])


def test_a_row_that_was_changed_is_told_apart_from_a_row_of_another_place() -> None:
    first, second = a_chain(1, 2)
    told = "row 2 was changed after it was written. Nothing is sent on a broken chain"
    with pytest.raises(ChainBroken, match=told):
        verified_head([first, second._replace(body=b'{"cash":"9","seq":2}')])


def test_a_chain_goes_on_from_a_head_somebody_vouches_for() -> None:
    rows = a_chain(1, 2, 3)
    assert verified_head(rows[2:], after=verified_head(rows[:2])) == verified_head(rows)
    with pytest.raises(ChainBroken, match="row 3 does not follow the row before it"):
        verified_head(rows[2:], after=ChainHead(2, GENESIS))


@pytest.mark.parametrize("broken", [b"not hexadecimal", b""])
def test_a_link_that_is_no_hash_is_found(broken: bytes) -> None:
    rows = a_chain(1, 2)
    with pytest.raises(ChainBroken):
        verified_head([rows[0]._replace(previous_hash=broken), rows[1]])
