"""A chain that grows, and an owner of its file who tampers: links find it, or a head that is kept elsewhere."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from execution.domain.errors import ChainBroken
from execution.ledger.hash_chain import EMPTY, ChainHead, ChainRow, linked, verified_head


def a_body(sequence: int, amount: int) -> bytes:
    return b'{"amount":"%d","seq":%d}' % (amount, sequence)


def is_found(rows: list[ChainRow]) -> bool:
    try:
        verified_head(rows)
    except ChainBroken:
        return True
    return False


class Chain(RuleBasedStateMachine):
    """The true rows; each rule that tampers works on a copy. `heads` are kept where the owner of the rows is not."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[ChainRow] = []
        self.heads: list[ChainHead] = [EMPTY]

    @rule(amounts=st.lists(st.integers(0, 3), min_size=1, max_size=5))
    def grow(self, amounts: list[int]) -> None:
        for amount in amounts:
            row = linked(self.heads[-1], a_body(len(self.rows) + 1, amount))
            self.rows.append(row)
            self.heads.append(ChainHead(row.sequence, row.hash.decode()))

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), amount=st.integers(4, 9))
    def edit_a_row(self, data: st.DataObject, amount: int) -> None:
        place = self._place(data)
        rows = list(self.rows)
        rows[place] = rows[place]._replace(body=a_body(place + 1, amount))
        assert is_found(rows)

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), amount=st.integers(4, 9))
    def edit_a_row_and_hash_it_again(self, data: st.DataObject, amount: int) -> None:
        place = self._place(data)
        rows = list(self.rows)
        rows[place] = linked(self.heads[place], a_body(place + 1, amount))
        # The last row has no follower whose link would break.
        assert is_found(rows) or (place == len(rows) - 1 and verified_head(rows) != self.heads[-1])

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), amount=st.integers(4, 9))
    def hash_everything_again_from_a_row_on(self, data: st.DataObject, amount: int) -> None:
        place = self._place(data)
        rows, head = self.rows[:place], self.heads[place]
        for number, row in enumerate(self.rows[place:], start=place):
            rows.append(linked(head, a_body(number + 1, amount) if number == place else row.body))
            head = ChainHead(number + 1, rows[-1].hash.decode())
        assert verified_head(rows) == head
        assert all(head != kept for kept in self.heads)

    @precondition(lambda self: len(self.rows) > 1)
    @rule(data=st.data())
    def take_a_row_out(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.rows) - 2))
        assert is_found(self.rows[:place] + self.rows[place + 1 :])

    @precondition(lambda self: len(self.rows) > 1)
    @rule(data=st.data())
    def swap_two_rows(self, data: st.DataObject) -> None:
        first = data.draw(st.integers(0, len(self.rows) - 2))
        second = data.draw(st.integers(first + 1, len(self.rows) - 1))
        rows = list(self.rows)
        rows[first], rows[second] = rows[second], rows[first]
        assert is_found(rows)

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def put_a_row_in_twice(self, data: st.DataObject) -> None:
        place = self._place(data)
        assert is_found([*self.rows[: place + 1], *self.rows[place:]])

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def cut_the_tail_off(self, data: st.DataObject) -> None:
        kept = self._place(data)
        # No link tells: the head is a true one, and older than the one kept elsewhere.
        assert verified_head(self.rows[:kept]) == self.heads[kept] != self.heads[-1]

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), bit=st.integers(0, 7), part=st.sampled_from(["previous_hash", "hash", "body"]))
    def flip_a_bit(self, data: st.DataObject, bit: int, part: str) -> None:
        place = self._place(data)
        held = bytearray(getattr(self.rows[place], part))
        held[data.draw(st.integers(0, len(held) - 1))] ^= 1 << bit
        rows = list(self.rows)
        rows[place] = rows[place]._replace(**{part: bytes(held)})
        assert is_found(rows)

    @invariant()
    def the_true_rows_verify_at_once_and_in_two_parts(self) -> None:
        assert verified_head(self.rows) == self.heads[-1]
        middle = len(self.rows) // 2
        assert verified_head(self.rows[middle:], after=self.heads[middle]) == self.heads[-1]

    def _place(self, data: st.DataObject) -> int:
        return data.draw(st.integers(0, len(self.rows) - 1))


TestChain = Chain.TestCase
TestChain.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
