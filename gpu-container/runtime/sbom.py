"""Prints what Python packages an installation holds, as a CycloneDX bill of materials.

In an image `gpu`, all that is installed in it:

    docker run --rm --entrypoint /opt/venv/bin/python IMAGE /app/gpu-container/runtime/sbom.py

In a checkout (`npm run sbom:python`), what the requirements of the image ask for, out of what the tests have installed,
with the libraries of a card that a torch for cards brings along: those are on no machine without one, so their versions
are those of the lock file.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SPEC_VERSION = "1.6"
# spandrel asks for it, and the image leaves it out (gpu-container/Dockerfile).
LEFT_OUT = {"torchvision"}


def installed() -> dict[str, Distribution]:
    """Every package of this Python, by its canonical name."""
    return {canonicalize_name(each.metadata["Name"]): each for each in distributions()}


def asked_for(files: Iterable[Path]) -> list[str]:
    """Names of the packages that these requirements files pin."""
    lines = [line for file in files for line in file.read_text().splitlines()]
    return [canonicalize_name(line.split("==")[0]) for line in lines if re.match(r"[A-Za-z0-9]", line)]


def closure(names: Iterable[str], known: dict[str, Distribution]) -> dict[str, Distribution]:
    """These and what they ask for on this machine, extras apart. Raises KeyError for one that is not installed."""
    found: dict[str, Distribution] = {}
    left = list(names)
    while left:
        name = left.pop()
        if name in found or name in LEFT_OUT:
            continue
        found[name] = known[name]
        asked = [Requirement(text) for text in found[name].requires or []]
        left += [
            canonicalize_name(each.name)
            for each in asked
            if each.marker is None or each.marker.evaluate({"extra": ""})
        ]
    return found


def of_a_card(lock: Path) -> dict[str, str]:
    """Versions of what only a torch for cards asks for: the lock file has them, for no platform."""
    lines = re.findall(r"^([\w.-]+)==([\w.]+) ; sys_platform == 'never'", lock.read_text(), re.MULTILINE)
    return {name: version for name, version in lines if name not in LEFT_OUT}


def licence_of(each: Distribution) -> str | None:
    """As its metadata says it: by SPDX, a name of its own, or its classifiers; None where it says nothing."""
    metadata = each.metadata
    said = metadata.get("License-Expression") or metadata.get("License")
    if said and said.strip() and "\n" not in said.strip():
        return said.strip()
    classifiers = [line for line in metadata.get_all("Classifier") or [] if line.startswith("License :: ")]
    return " OR ".join(line.split(" :: ")[-1] for line in classifiers) or None


def component(name: str, version: str, licence: str | None = None, **more: object) -> dict[str, object]:
    """One package, as CycloneDX has it. A licence is given by name: not all of them are SPDX's."""
    purl = f"pkg:pypi/{name}@{version}"
    licences = {"licenses": [{"license": {"name": licence}}]} if licence else {}
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, **licences, **more}


def bill(packages: dict[str, Distribution], cards: dict[str, str]) -> dict[str, object]:
    """The same bill for the same packages: it says no time and has no number of its own."""
    components = [
        # A build for another device (`+cpu`) is the same release.
        component(name, each.version.split("+")[0], licence_of(each))
        for name, each in packages.items()
    ]
    not_here = {"properties": [{"name": "pilotlight:installed", "value": "in images for cards alone"}]}
    components += [component(name, version, **not_here) for name, version in cards.items()]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "version": 1,
        "metadata": {"component": {"type": "container", "name": "pilotlight-worker-gpu"}},
        "components": sorted(components, key=lambda each: str(each["name"])),
    }


def main() -> None:
    """Prints the bill of the requirements that are named, or of all that is installed."""
    parser = argparse.ArgumentParser(description="Python packages as a CycloneDX bill of materials")
    parser.add_argument("requirements", nargs="*", type=Path)
    parser.add_argument("--lock", type=Path, help="has what a torch for cards brings along")
    asked = parser.parse_args()
    known = installed()
    packages = closure(asked_for(asked.requirements), known) if asked.requirements else known
    cards = of_a_card(asked.lock) if asked.lock else {}
    print(json.dumps(bill(packages, cards), indent=2))


if __name__ == "__main__":
    main()
