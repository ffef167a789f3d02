"""The way back after a stop, in two steps: look and get a token; then name yourself, with that token.

The token stands for what the first step found. Whatever changes in between (another stop, a fill, a booking) makes it
worthless, so nobody resumes what they have not seen. Taking the kill file away by hand resumes nothing: the ledger
still says halted. For live money the second step carries that person's signed word.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from execution.domain.canonical import content_hash
from execution.domain.errors import LedgerError, NotArmed
from execution.domain.events import ControlChanged, ControlState, Event
from execution.domain.quantities import Shares
from execution.ledger.book import Book
from execution.risk.kill_switch import KillSwitch
from execution.session.consent import signed_word
from execution.session.control import control_state, take_in_stop_requests
from execution.session.desk import Desk
from execution.session.reconcile import Reconciled, reconcile


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """What stands after a clean reconcile.

    Attributes:
        state: what the ledger says may be sent.
        control: who said so, when and why; None when only the kill file says it.
        kill_file: what the kill file tells; empty when the switch is off.
        working: orders the venue still works, ours or not.
        held_shares: positions of the account.
        token: stands for all of this.
    """

    state: ControlState
    control: ControlChanged | None
    kill_file: str
    working: tuple[str, ...]
    held_shares: dict[str, Shares]
    token: str


def look_before_resuming(desk: Desk, *, kill_switch: KillSwitch, stop_requests: Path) -> Stopped:
    """Reconcile and return what a person must have seen before resuming; looking changes what is stopped in nothing.

    Raises:
        ChainBroken: the ledger was changed by hand.
        LedgerError: ledger and venue differ, or nobody knows what became of an order.
    """
    desk.ledger.verify_chain()
    take_in_stop_requests(desk.ledger, stop_requests, at=desk.clock.now())
    reconciled = reconcile(desk)
    reconciled.refuse_differences()
    _refuse_unexplained(reconciled)
    return _stopped(desk, reconciled, kill_switch)


def resume(
    desk: Desk,
    *,
    kill_switch: KillSwitch,
    stop_requests: Path,
    token: str,
    actor: str,
    reason: str,
    to: Literal["active", "reducing"] = "active",
    word: str = "",
) -> ControlChanged:
    """Let orders out again, in a person's name, and return what was written down.

    The switch is taken away first: if nothing follows, the ledger still halts. A stop that is asked for meanwhile is
    written down after this one, and counts.

    Args:
        desk: the desk to resume.
        kill_switch: the home's switch.
        stop_requests: folder of halts the ledger has yet to hear of.
        token: what `look_before_resuming` returned.
        actor: the person's name, not empty.
        reason: why, in the person's words, not empty.
        to: `reducing` lets out only what takes a position nearer to zero.
        word: the person's signed word for this state and token, where one is wanted.

    Raises:
        NotArmed: nobody is named, no reason is given, nothing is stopped, the token stands for something else, or the
            word is missing where it must be signed, or is not believed.
        ChainBroken: the ledger was changed by hand.
        LedgerError: ledger and venue differ, or nobody knows what became of an order.
        Halted: the kill file cannot be taken away.
    """
    if not actor.strip() or not reason.strip():
        raise NotArmed("resume wants a name and a reason: give both")
    seen = look_before_resuming(desk, kill_switch=kill_switch, stop_requests=stop_requests)
    if seen.state == to and not seen.kill_file:
        raise NotArmed(f"nothing to resume: trading is {to} and the kill switch is off")
    if token != seen.token:
        raise NotArmed(f"token {token!r} does not stand for what is found now: look again with `touchstone resume`")
    proof = signed_word(desk, matter="resume", subject=f"{to}:{token}", person=actor, text=word)
    kill_switch.release()
    resumed = ControlChanged(at=desk.clock.now(), state=to, actor=actor, reason=reason)

    def unless_moved(book: Book) -> Sequence[Event]:
        # A stop recorded since the look is newer than the person's knowledge.
        return (*proof, resumed) if book.control == seen.control else ()

    if not desk.ledger.record(unless_moved):
        raise NotArmed("somebody stopped trading since you looked: look again with `touchstone resume`")
    take_in_stop_requests(desk.ledger, stop_requests, at=desk.clock.now())
    return resumed


def _refuse_unexplained(reconciled: Reconciled) -> None:
    """Refuse what acts may live with for a while, symbol by symbol, but nobody should resume over."""
    if reconciled.apart_shares:
        told = ", ".join(f"{symbol} by {shares} shares" for symbol, shares in sorted(reconciled.apart_shares.items()))
        raise LedgerError(f"ledger and venue differ in {told}: resuming waits until that is explained")
    unknown = [record for record in reconciled.book.orders.values() if record.state in ("in_flight", "unknown")]
    if unknown:
        told = ", ".join(f"{r.order.client_order_id} ({r.order.side} {r.order.symbol})" for r in unknown)
        raise LedgerError(
            f"nobody knows what became of {told}: resuming waits until the venue knows them or their session is over"
        )


def _stopped(desk: Desk, reconciled: Reconciled, kill_switch: KillSwitch) -> Stopped:
    book, account = reconciled.book, reconciled.account
    working = tuple(order.client_order_id for order in desk.broker.open_orders())
    held, told = dict(sorted(account.positions_shares.items())), _kill_file_tells(kill_switch)
    seen = [desk.ledger.verify_chain().hash, told, working, held]
    return Stopped(
        state=control_state(book),
        control=book.control,
        kill_file=told,
        working=working,
        held_shares=held,
        token=content_hash(seen)[:12],
    )


def _kill_file_tells(kill_switch: KillSwitch) -> str:
    """Return what stands under the kill file's name; empty when nothing does."""
    if not kill_switch.is_engaged:
        return ""
    try:
        made = f"made {os.lstat(kill_switch.kill_file).st_ctime_ns}"
    except OSError as error:
        return f"nobody can tell: {error}"
    try:
        return f"{kill_switch.kill_file.read_text(encoding='utf-8').strip() or 'an empty file'}, {made}"
    except (OSError, UnicodeDecodeError) as error:
        return f"not readable ({type(error).__name__}), {made}"
