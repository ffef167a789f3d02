"""A key and two places for anchors."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from execution.ledger.anchors import Anchor, AnchorFile, Anchors, anchor_head
from execution.ledger.store import LedgerStore
from tests.builders.orders import AT


@dataclass
class Anchoring:
    signer: Ed25519PrivateKey
    sinks: Sequence[AnchorFile]

    @property
    def anchors(self) -> Anchors:
        return Anchors(key=self.signer.public_key(), sinks=self.sinks)

    def anchor(self, ledger: LedgerStore, at: datetime = AT) -> Anchor | None:
        return anchor_head(ledger, signer=self.signer, sinks=self.sinks, at=at)


def an_anchoring(folder: Path, *, seed: int = 1) -> Anchoring:
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return Anchoring(key, [AnchorFile(folder / "here"), AnchorFile(folder / "there")])
