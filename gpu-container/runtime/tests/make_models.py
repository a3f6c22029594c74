"""Writes the tiny model of every kind: `python make_models.py DIR`."""

from __future__ import annotations

import sys
from pathlib import Path

import kinds

if __name__ == "__main__":
    for kind in kinds.ALL:
        kind.make(Path(sys.argv[1]))
