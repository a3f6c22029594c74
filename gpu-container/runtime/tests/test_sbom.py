"""The Python side of the image: its bill of materials, and the licences of all that image and tests install."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

import sbom

RUNTIME = Path(__file__).resolve().parent.parent
LOCK = RUNTIME.parent.parent / "tools" / "requirements-test.txt"
REQUIREMENTS = [RUNTIME / "requirements.txt", RUNTIME / "requirements-quants.txt"]

PERMISSIVE = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CNRI-Python", "ISC", "MIT"),
    *("MIT-0", "MIT-CMU", "PSF-2.0", "Unlicense", "Zlib", "Apache-2.0 WITH LLVM-exception"),
}
# What metadata from before SPDX expressions calls them. "BSD" alone: of two clauses or three.
OTHER_NAMES = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "PSFL": "PSF-2.0",
    "The MIT License (MIT)": "MIT",
}
# What is in the image under another licence, or says none, and why that is no matter.
SHIPPED = {
    "certifi": "MPL-2.0: a list of certificates, passed on unchanged",
    "torchao": "says none; its licence file is BSD-3-Clause",
    "tqdm": "MPL-2.0 for some of its files, passed on unchanged",
}
# The same of what only tests install, and nobody is given.
OF_TESTS = {
    "fal-client": "says none; its licence file is Apache-2.0",
    "hypothesis": "MPL-2.0",
    "paramiko": "LGPL-2.1: RunPod's own client asks for it",
    "replicate": "gives the text of Apache-2.0 in place of its name",
    "python-dateutil": "says 'Dual License': of BSD and Apache-2.0",
}
# Libraries of a card come with a torch for cards: no metadata of theirs is here to be read. NVIDIA's have licences of
# their own, which whoever builds the image takes them under.
NOT_READ = {"cuda-bindings", "cuda-pathfinder", "cuda-toolkit", "triton"}


@pytest.fixture(scope="module")
def bill() -> dict:
    return said("--lock", str(LOCK), *map(str, REQUIREMENTS))


@pytest.fixture(scope="module")
def whole() -> dict:
    return said()


def said(*asked: str) -> dict:
    """By a process of its own: in this one, what other tests import may have brought packages of its own along."""
    command = [sys.executable, str(RUNTIME / "sbom.py"), *asked]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def named(bill: dict) -> dict[str, dict]:
    return {each["name"]: each for each in bill["components"]}


def is_permissive(licence: str) -> bool:
    """`A OR B`: one of them is enough. `A AND B`: each must be."""
    known = [[OTHER_NAMES.get(one, one) for one in each.split(" AND ")] for each in licence.split(" OR ")]
    return any(all(one in PERMISSIVE for one in each) for each in known)


def others(names: Iterable[str]) -> set[str]:
    known = sbom.installed()
    return {name for name in names if not is_permissive(sbom.licence_of(known[name]) or "none")}


def test_the_bill_is_cyclonedx_with_a_name_of_its_own_for_each_package(bill: dict) -> None:
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    for each in bill["components"]:
        assert each["type"] == "library"
        assert re.fullmatch(r"pkg:pypi/[a-z0-9-]+@[\w.]+", each["purl"])
    references = [each["bom-ref"] for each in bill["components"]]
    assert len(set(references)) == len(references) > 40


def test_the_bill_names_all_that_the_image_pins_at_its_version(bill: dict) -> None:
    lines = [line for file in REQUIREMENTS for line in file.read_text().splitlines()]
    pins = dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    assert len(pins) > 10
    assert {name: named(bill)[name]["version"] for name in pins} == pins


def test_the_bill_names_what_those_ask_for_and_what_a_torch_for_cards_brings_along(bill: dict) -> None:
    asked_for_by_others = {"jinja2", "sympy", "requests", "regex", "urllib3"}
    of_a_card = {"nvidia-cublas", "nvidia-cudnn-cu13", "triton"}
    assert asked_for_by_others | of_a_card <= named(bill).keys()
    # In no image: left out there, or of tests alone.
    assert not {"torchvision", "pytest", "paramiko", "schemathesis"} & named(bill).keys()


def test_without_requirements_the_bill_names_all_that_is_installed(whole: dict) -> None:
    assert {"pytest", "ruff", "torch"} <= named(whole).keys()


def test_a_requirement_that_is_not_installed_ends_the_bill_and_is_not_passed_over(tmp_path: Path) -> None:
    asked = tmp_path / "asked.txt"
    asked.write_text("# a comment\nno-such-package==1.0\n")
    with pytest.raises(KeyError, match="no-such-package"):
        sbom.closure(sbom.asked_for([asked]), sbom.installed())


def test_each_package_of_the_image_has_a_licence_of_the_list_or_a_reason(bill: dict) -> None:
    names = named(bill).keys()
    unread = {name for name in names if "licenses" not in named(bill)[name] and name not in SHIPPED}
    assert {name for name in unread if not name.startswith("nvidia-")} == NOT_READ
    assert others(names - unread) == SHIPPED.keys()


def test_each_package_of_the_tests_has_a_licence_of_the_list_or_a_reason(bill: dict, whole: dict) -> None:
    assert others(named(whole).keys()) - SHIPPED.keys() == OF_TESTS.keys()
    assert not OF_TESTS.keys() & named(bill).keys()


@pytest.mark.parametrize("licence", ["GPL-3.0-only", "MIT AND AGPL-3.0-only", "none", "", "BSD-3-Clause-Attribution"])
def test_another_licence_would_be_caught(licence: str) -> None:
    assert not is_permissive(licence)
