"""Puts the runtime and the makers of tiny models on the import path."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT), str(ROOT.parent)]

# Small models gain nothing by more, and threads that wait for each other spin.
os.environ["OMP_NUM_THREADS"] = "1"
