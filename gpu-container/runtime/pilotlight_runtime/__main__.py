"""Entry of a runner process: `python -m pilotlight_runtime --socket PATH --models DIR [--memory-max-mb N]`.

Exit codes: 0 after the conversation ended, however it ended; 2 for a wrong command line; 1 when it could not serve.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from .devices import Device
from .disk import close_disk, folders_of
from .host import serve
from .network import close_network
from .registry import Registry


def _positive(text: str) -> int:
    number = int(text)
    if number <= 0:
        raise ValueError
    return number


def main() -> int:
    """Serves one worker."""
    parser = argparse.ArgumentParser(
        prog="pilotlight_runtime",
        description="Runs models for one worker that speaks the runner protocol on a unix socket.",
        epilog="example: python -m pilotlight_runtime --socket /run/r.sock --models /models --device cuda",
    )
    parser.add_argument("--socket", required=True, metavar="PATH", help="unix socket to listen on (absolute)")
    parser.add_argument("--models", required=True, metavar="DIR", type=Path, help="one folder for each model")
    parser.add_argument("--device", default="cpu", metavar="NAME", help="cpu, cuda or cuda:N (cpu)")
    parser.add_argument("--memory-max-mb", type=_positive, metavar="N", help="cap of this process (none)")
    parser.add_argument("--threads", type=_positive, metavar="N", help="threads of a CPU device (one a core)")
    args = parser.parse_args()
    if args.threads is not None:
        # Read when torch is imported.
        os.environ["OMP_NUM_THREADS"] = str(args.threads)
    registry = Registry(args.models)
    # Before a library starts a thread.
    if registry.needs_network():
        print("the network of this runner is open: a model of its folder is a proxy", file=sys.stderr, flush=True)
    elif not close_network():
        print("the network of this runner is open: no filter for this system", file=sys.stderr, flush=True)
    if not close_disk(folders_of(args.socket, args.device)):
        print("the disk of this runner is open: no rule for this system", file=sys.stderr, flush=True)
    serve(registry, Device(args.device, args.memory_max_mb), args.socket)
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # At once: a runner may still be computing for a worker that is gone, and its thread would hold the process up.
    os._exit(code)
