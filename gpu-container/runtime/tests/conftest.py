"""Puts the runtime, its benchmark and the makers of tiny models on the import path."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT), str(ROOT.parent), str(ROOT.parent / "bench")]

# Small models gain nothing by more, and threads that wait for each other spin.
os.environ["OMP_NUM_THREADS"] = "1"

# A property must not fail because the machine has much else to do.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny model of every kind."""
    import kinds

    folder = tmp_path_factory.mktemp("models")
    for kind in kinds.ALL:
        kind.make(folder)
    return folder
