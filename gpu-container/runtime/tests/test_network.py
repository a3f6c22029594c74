"""A runner reaches nobody but its worker. Each test has a process of its own: what is closed stays closed."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from pilotlight_runtime.registry import Registry

RUNTIME = Path(__file__).parent.parent

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"), reason="the filter is of Linux"
)

PROBE = """
import ctypes, json, socket, subprocess, sys, threading
from pilotlight_runtime.network import close_network

def outcome(act):
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return "done"

def in_thread(act):
    found = []
    thread = threading.Thread(target=lambda: found.append(outcome(act)))
    thread.start()
    thread.join()
    return found[0]

def in_child():
    code = "import socket; socket.socket(socket.AF_INET)"
    return subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL).returncode

def ring():
    libc = ctypes.CDLL(None, use_errno=True)
    return ctypes.get_errno() if libc.syscall(425, 8, ctypes.create_string_buffer(120)) < 0 else 0

closed = close_network()
pair = socket.socketpair()
pair[0].sendall(b"worker")
print(json.dumps({
    "closed": closed,
    "inet": outcome(lambda: socket.socket(socket.AF_INET)),
    "inet, datagrams": outcome(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
    "inet6": outcome(lambda: socket.socket(socket.AF_INET6)),
    "packet": outcome(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
    "vsock": outcome(lambda: socket.socket(socket.AF_VSOCK)),
    "unix": outcome(lambda: socket.socket(socket.AF_UNIX)),
    "pair": pair[1].recv(6).decode(),
    "thread": in_thread(lambda: socket.socket(socket.AF_INET)),
    "child": in_child(),
    "ring": ring(),
}))
"""


def test_a_closed_process_opens_unix_sockets_alone_and_so_do_its_threads_and_children() -> None:
    told = subprocess.run([sys.executable, "-c", PROBE], cwd=RUNTIME, capture_output=True, text=True, check=True)

    refused = "PermissionError"
    assert json.loads(told.stdout) == {
        "closed": True,
        "inet": refused,
        "inet, datagrams": refused,
        "inet6": refused,
        "packet": refused,
        "vsock": refused,
        "unix": "done",
        "pair": "worker",
        "thread": refused,
        "child": 1,
        "ring": 1,
    }


@pytest.mark.parametrize(("runner", "says"), [("qwen_vl", ""), ("vllm_proxy", "a model of its folder is a proxy")])
def test_a_runner_says_so_where_its_network_is_open(tmp_path: Path, runner: str, says: str) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "manifest.json").write_text(json.dumps({"revision": "1", "runtime": {"runner": runner}}))
    code = (
        "import sys; sys.argv = ['run', '--socket', 'x', '--models', sys.argv[1]]\n"
        "from pilotlight_runtime import __main__ as entry\n"
        "import socket\n"
        "def serve(*_):\n"
        "    try: socket.socket(socket.AF_INET); print('open')\n"
        "    except PermissionError: print('closed')\n"
        "entry.serve = serve\n"
        "entry.main()\n"
    )

    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=RUNTIME, capture_output=True, text=True, check=True
    )

    assert Registry(tmp_path).needs_network() == (says != "")
    assert told.stdout.strip() == ("open" if says else "closed")
    assert says in told.stderr
