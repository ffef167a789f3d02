"""Layered mappings and grown sequences are dicts and tuples to whoever reads them, and nobody's copy changes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from execution.ledger.grown import Grown
from execution.ledger.layered import Layered

WRITES = st.lists(st.lists(st.tuples(st.integers(0, 200), st.integers()), max_size=40), max_size=30)


@settings(max_examples=60, deadline=None)
@given(WRITES)
def test_a_layered_mapping_reads_as_the_dict_with_the_same_writes(rounds: list[list[tuple[int, int]]]) -> None:
    layered, plain = Layered[int, int]({}), dict[int, int]()
    for writes in rounds:
        layered = Layered(layered)
        for key, value in writes:
            layered[key] = value
            plain[key] = value
    assert list(layered.items()) == list(plain.items())
    assert list(layered.values()) == list(plain.values())
    assert (len(layered), list(reversed(layered))) == (len(plain), list(reversed(plain)))
    assert all(layered.get(key) == plain.get(key) and (key in layered) == (key in plain) for key in range(201))


def test_a_later_layer_leaves_the_earlier_one_as_it_was() -> None:
    before = Layered({number: number for number in range(3)})
    after = before
    for number in range(300):
        after = Layered(after)
        after[number] = -number
    assert dict(before) == {0: 0, 1: 1, 2: 2}
    assert len(after) == 300


def test_two_continuations_of_one_sequence_do_not_meet() -> None:
    begun = Grown(["a"])
    one, other = begun.followed_by("b"), begun.followed_by("c")
    assert (tuple(begun), tuple(one), tuple(other)) == (("a",), ("a", "b"), ("a", "c"))
    assert one.followed_by("d") == ("a", "b", "d")
    assert list(reversed(other)) == ["c", "a"]


def test_a_fold_goes_on_from_what_it_came_to_and_each_item_counts_once() -> None:
    seen: list[int] = []

    def step(total: int, item: int) -> int:
        seen.append(item)
        return total + item

    first = Grown([1, 2])
    assert first.fold("sum", 0, step) == 3
    assert first.followed_by(4).fold("sum", 0, step) == 7
    assert seen == [1, 2, 4]


def test_a_fold_over_an_earlier_sequence_knows_nothing_of_later_items() -> None:
    first = Grown([1, 2])
    first.followed_by(4).fold("sum", 0, int.__add__)
    assert first.fold("sum", 0, int.__add__) == 3
