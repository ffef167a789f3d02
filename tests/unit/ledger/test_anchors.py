"""Anchors: what they say, what they bind, and what happens to their files."""

import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from execution.domain.errors import ChainBroken, LedgerError
from execution.domain.events import FillBooked
from execution.ledger.anchors import FILE_NAME, Anchor, AnchorFile, Anchoring, key_id, parsed, verify_ledger
from execution.ledger.hash_chain import GENESIS, ChainHead
from execution.ledger.memory_ledger import MemoryLedger
from execution.ledger.signing_key import make_key, read_key
from tests.builders.anchoring import an_anchoring
from tests.builders.orders import AT, a_fill, account_opened, plan_recorded


@pytest.fixture
def anchoring(tmp_path: Path) -> Anchoring:
    return an_anchoring(tmp_path)


@pytest.fixture
def ledger() -> MemoryLedger:
    told = MemoryLedger()
    told.append(account_opened(), plan_recorded())
    return told


def grow(ledger: MemoryLedger, number: int) -> None:
    ledger.append(FillBooked(at=AT, fill=a_fill(f"x{number}", client_order_id="foreign")))


def file_of(sink: AnchorFile) -> Path:
    return sink.folder / FILE_NAME


def test_an_empty_ledger_has_nothing_to_anchor(anchoring: Anchoring) -> None:
    assert anchoring.anchor(MemoryLedger(), AT) is None
    assert verify_ledger(MemoryLedger(), anchoring.anchors).head == ChainHead(0, GENESIS)


def test_the_head_is_kept_in_every_sink(ledger: MemoryLedger, anchoring: Anchoring) -> None:
    anchor = anchoring.anchor(ledger, AT)
    assert anchor is not None
    assert (anchor.sequence, anchor.hash) == (ledger.head().sequence, ledger.head().hash)
    assert [sink.lines() for sink in anchoring.sinks] == [[anchor.line]] * 2


def test_a_line_is_a_signed_note_on_one_line(ledger: MemoryLedger, anchoring: Anchoring) -> None:
    anchor = anchoring.anchor(ledger, AT)
    assert anchor is not None
    name = key_id(anchoring.signer.public_key())
    assert anchor.line.startswith(
        f"touchstone-ledger 3 {anchor.hash} 2024-03-06T14:31:00.000000Z — touchstone-ledger+{name} "
    )
    assert parsed(anchor.line) == anchor


def test_the_same_head_is_not_written_twice(ledger: MemoryLedger, anchoring: Anchoring) -> None:
    anchoring.anchor(ledger, AT)
    anchoring.anchor(ledger, AT + timedelta(hours=1))
    assert [len(sink.lines()) for sink in anchoring.sinks] == [1, 1]


def test_the_ledger_notes_once_that_it_is_anchored_and_by_which_key(
    ledger: MemoryLedger, anchoring: Anchoring, tmp_path: Path
) -> None:
    anchoring.anchor(ledger, AT)
    grow(ledger, 1)
    anchoring.anchor(ledger, AT)
    other = an_anchoring(tmp_path / "other", seed=2)
    other.anchor(ledger, AT)
    noted = [subject for topic, _, subject in ledger.book().notes if topic == "anchoring"]
    assert noted == [key_id(anchoring.signer.public_key()), key_id(other.signer.public_key())]


def test_what_is_in_order_is_counted(ledger: MemoryLedger, anchoring: Anchoring) -> None:
    for number in range(3):
        grow(ledger, number)
        newest = anchoring.anchor(ledger, AT)
    grow(ledger, 7)
    quick = verify_ledger(ledger, anchoring.anchors)
    thorough = verify_ledger(ledger, anchoring.anchors, is_thorough=True)
    assert (quick.newest, quick.matched, thorough.matched) == (newest, 2, 6)
    assert (quick.head, quick.behind, quick.unreadable) == (ledger.head(), (), 0)


def test_a_ledger_without_anchors_is_verified_by_its_chain_alone(ledger: MemoryLedger) -> None:
    assert verify_ledger(ledger, None).head == ledger.head()


def test_a_ledger_that_lost_its_tail_is_found(ledger: MemoryLedger, anchoring: Anchoring) -> None:
    anchoring.anchor(ledger, AT)
    shorter = MemoryLedger()
    shorter.append(account_opened(), plan_recorded())
    with pytest.raises(ChainBroken, match="no such row"):
        verify_ledger(shorter, anchoring.anchors)


def test_a_ledger_hashed_again_is_found(ledger: MemoryLedger, anchoring: Anchoring) -> None:
    anchoring.anchor(ledger, AT)
    forged = MemoryLedger()
    forged.append(account_opened(), plan_recorded(decision_source="forged"))
    for number in range(5):
        grow(forged, number)
    with pytest.raises(ChainBroken, match="hashed again"):
        verify_ledger(forged, anchoring.anchors)


def test_one_sink_alone_finds_it(ledger: MemoryLedger, anchoring: Anchoring) -> None:
    anchoring.anchor(ledger, AT)
    file_of(anchoring.sinks[0]).unlink()
    with pytest.raises(ChainBroken):
        verify_ledger(MemoryLedger(), anchoring.anchors)


def test_a_sink_that_lost_its_anchors_is_named(ledger: MemoryLedger, anchoring: Anchoring) -> None:
    anchoring.anchor(ledger, AT)
    file_of(anchoring.sinks[1]).unlink()
    assert verify_ledger(ledger, anchoring.anchors).behind == (str(anchoring.sinks[1].folder),)


def test_a_ledger_whose_sinks_are_all_empty_is_found(ledger: MemoryLedger, anchoring: Anchoring) -> None:
    anchoring.anchor(ledger, AT)
    for sink in anchoring.sinks:
        file_of(sink).unlink()
    with pytest.raises(ChainBroken, match="no sink holds one"):
        verify_ledger(ledger, anchoring.anchors)


def test_a_key_that_was_exchanged_is_found(ledger: MemoryLedger, anchoring: Anchoring) -> None:
    anchoring.anchor(ledger, AT)
    exchanged = Anchoring(signer=Ed25519PrivateKey.from_private_bytes(bytes(32)), sinks=anchoring.sinks)
    with pytest.raises(ChainBroken, match="exchanged"):
        verify_ledger(ledger, exchanged.anchors)


def test_a_line_signed_by_nobody_we_know_stops_everything(ledger: MemoryLedger, anchoring: Anchoring) -> None:
    anchor = anchoring.anchor(ledger, AT)
    assert anchor is not None
    anchoring.sinks[0].append(replace(anchor, sequence=anchor.sequence + 1))
    with pytest.raises(ChainBroken, match="signature"):
        verify_ledger(ledger, anchoring.anchors)


def test_an_older_line_that_was_changed_is_found_by_a_thorough_look(ledger: MemoryLedger, anchoring: Anchoring) -> None:
    first = anchoring.anchor(ledger, AT)
    grow(ledger, 1)
    anchoring.anchor(ledger, AT)
    assert first is not None
    path = file_of(anchoring.sinks[0])
    path.write_text(path.read_text().replace(first.line, replace(first, hash="f" * 64).line))
    verify_ledger(ledger, anchoring.anchors)
    with pytest.raises(ChainBroken):
        verify_ledger(ledger, anchoring.anchors, is_thorough=True)


def test_lines_of_another_key_are_counted_and_believed_by_nobody(ledger: MemoryLedger, anchoring: Anchoring) -> None:
    anchoring.anchor(ledger, AT)
    other = Anchoring(signer=Ed25519PrivateKey.from_private_bytes(bytes(32)), sinks=anchoring.sinks)
    other.sinks[0].append(_forged(ledger, other))
    assert verify_ledger(ledger, anchoring.anchors).unreadable == 1


def _forged(ledger: MemoryLedger, other: Anchoring) -> Anchor:
    unsigned = Anchor(sequence=9, hash="f" * 64, at=AT, signature=b"", key_id=key_id(other.signer.public_key()))
    return replace(unsigned, signature=other.signer.sign(unsigned.text))


def test_a_torn_line_is_skipped_and_the_next_begins_on_its_own(ledger: MemoryLedger, anchoring: Anchoring) -> None:
    anchoring.anchor(ledger, AT)
    with file_of(anchoring.sinks[0]).open("a") as file:
        file.write("touchstone-ledger 4 abc")
    assert verify_ledger(ledger, anchoring.anchors).unreadable == 0
    grow(ledger, 1)
    anchoring.anchor(ledger, AT)
    found = verify_ledger(ledger, anchoring.anchors)
    assert (found.unreadable, found.behind) == (1, ())


@pytest.mark.parametrize(
    "line",
    ["", "hello", "touchstone-ledger 1 a b — c", "touchstone-ledger x a 2024-01-01 — touchstone-ledger+0 AA==", "— "],
)
def test_a_line_that_is_something_else_is_no_anchor(line: str) -> None:
    assert parsed(line) is None


def test_every_single_character_of_a_line_counts(ledger: MemoryLedger, anchoring: Anchoring) -> None:
    anchor = anchoring.anchor(ledger, AT)
    assert anchor is not None
    for at, old in enumerate(anchor.line):
        changed = parsed(anchor.line[:at] + ("0" if old != "0" else "1") + anchor.line[at + 1 :])
        assert changed is None or changed.key_id != anchor.key_id or not _is_signed(changed, anchoring), (at, old)


def _is_signed(anchor: Anchor, anchoring: Anchoring) -> bool:
    return anchoring.signer.sign(anchor.text) == anchor.signature


def test_a_sink_that_cannot_be_written_leaves_the_others(
    ledger: MemoryLedger, anchoring: Anchoring, tmp_path: Path
) -> None:
    (tmp_path / "here").write_text("a file where the folder should be")
    assert anchoring.anchor(ledger, AT) is not None
    assert verify_ledger(ledger, anchoring.anchors).behind == (str(tmp_path / "here"),)


def test_no_sink_that_can_be_written_is_an_error(ledger: MemoryLedger, anchoring: Anchoring, tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).write_text("a file where the folder should be")
    with pytest.raises(LedgerError, match="no anchor sink could be written"):
        anchoring.anchor(ledger, AT)


def test_a_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "anchor.key"
    make_key(path)
    first = path.read_bytes()
    make_key(path)
    assert path.read_bytes() == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["anchor.key"]
    assert read_key(path).public_key() is not None


def test_of_two_that_make_a_key_at_once_the_first_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "anchor.key"
    make_key(path)
    first = path.read_bytes()
    monkeypatch.setattr(Path, "exists", lambda _: False)
    make_key(path)
    monkeypatch.undo()
    assert path.read_bytes() == first
    assert [entry.name for entry in tmp_path.iterdir()] == ["anchor.key"]


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "anchor.key"
    make_key(path)
    path.chmod(0o640)
    with pytest.raises(LedgerError, match="mode 640"):
        read_key(path)


def test_a_missing_key_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="touchstone init"):
        read_key(tmp_path / "anchor.key")


def test_a_file_that_is_no_key_is_refused_without_being_shown(tmp_path: Path) -> None:
    path = tmp_path / "anchor.key"
    path.write_text("canary-secret")
    path.chmod(0o600)
    with pytest.raises(LedgerError, match="holds no Ed25519 key") as refused:
        read_key(path)
    assert "canary" not in str(refused.value)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey  # noqa: PLC0415 - only here

    path = tmp_path / "anchor.key"
    path.write_bytes(X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    with pytest.raises(LedgerError, match="holds no Ed25519 key"):
        read_key(path)
