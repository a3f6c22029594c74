"""Writes every tiny model in one process, since importing the libraries takes longer: `python make_models.py DIR`."""

from __future__ import annotations

import sys
from pathlib import Path

import kinds
import tiny_qwen_vl

if __name__ == "__main__":
    for kind in kinds.ALL:
        kind.make(Path(sys.argv[1]))
    tiny_qwen_vl.main(Path(sys.argv[1]))
