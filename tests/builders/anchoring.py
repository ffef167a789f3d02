"""A key and two places for anchors."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from execution.ledger.anchors import AnchorFile, Anchoring


def an_anchoring(folder: Path, *, seed: int = 1) -> Anchoring:
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return Anchoring(signer=key, sinks=[AnchorFile(folder / "here"), AnchorFile(folder / "there")])
