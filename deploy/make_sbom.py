"""Write what the program is made of as a CycloneDX bill of materials: build/sbom.json, from the lock alone.

Every package of requirements.lock with its version, its hashes and, where it is installed, the licence it names. The
file is checked against CycloneDX's own schema before it is written, and equal locks give equal bytes.
"""

import re
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parent.parent
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Locked:
    """One package of a lock.

    Attributes:
        name: normalised as the index does.
        version: the one and only.
        sha256: hashes of every file the index may serve for it.
    """

    name: str
    version: str
    sha256: tuple[str, ...]


def locked(text: str) -> Iterator[Locked]:
    """Yield the packages of a lock's text, in its order.

    Raises:
        ValueError: a package has no hash.
    """
    for entry in re.split(r"\n(?=\S)", text):
        pinned = _PINNED.match(entry)
        if pinned is None:
            continue
        hashes = tuple(sorted(_HASH.findall(entry)))
        if not hashes:
            raise ValueError(f"{pinned[1]} {pinned[2]} has no hash in the lock: run `make lock`")
        yield Locked(normalised(pinned[1]), pinned[2], hashes)


def normalised(name: str) -> str:
    """Return a package's name as the index spells it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def bill_of(packages: list[Locked]) -> str:
    """Return the bill of materials as JSON.

    Raises:
        ValueError: it does not fit CycloneDX's schema.
    """
    bom = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_URL, repr(packages)))
    program = Component(name="touchstone", type=ComponentType.APPLICATION, bom_ref="touchstone")
    bom.metadata.component = program
    # Left out on purpose: a moment in it would make equal locks give other bytes.
    bom.metadata.timestamp = None  # type: ignore[assignment]  # the schema makes it optional, the library's type does not
    components = [_component(package) for package in packages]
    bom.components.update(components)
    # The lock does not say who asked for whom; the program needs them all.
    bom.register_dependency(program, components)
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    if (fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)) is not None:
        raise ValueError(f"the bill of materials does not fit its schema: {fault}")
    return text + "\n"


def _component(package: Locked) -> Component:
    url = PackageURL(type="pypi", name=package.name, version=package.version)
    licence = _licence(package.name)
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        purl=url,
        bom_ref=url.to_string(),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in package.sha256],
        licenses=[DisjunctiveLicense(name=licence)] if licence else [],
    )


def _licence(name: str) -> str:
    try:
        told = metadata(name)
    except PackageNotFoundError:
        return ""
    named = told.get("License-Expression") or next(
        (line.rpartition("::")[2].strip() for line in told.get_all("Classifier", []) if line.startswith("License ::")),
        "",
    )
    return str(named)


def main() -> int:
    """Write the file and say how much is in it."""
    packages = list(locked((ROOT / "requirements.lock").read_text(encoding="utf-8")))
    target = ROOT / "build" / "sbom.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(bill_of(packages), encoding="utf-8")
    sys.stdout.write(f"wrote build/sbom.json: {len(packages)} packages\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
