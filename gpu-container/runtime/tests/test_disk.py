"""A runner changes nothing on the disk but its scratch folder. It is tried in a process of its own: closed stays so."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pilotlight_runtime.disk import folders_of

RUNTIME = Path(__file__).parent.parent


def _version() -> int:
    if sys.platform != "linux":
        return 0
    return int(ctypes.CDLL(None).syscall(444, None, 0, 1))


pytestmark = pytest.mark.skipif(_version() < 3, reason="needs Landlock of Linux 6.2 or later")

# Run as the runner's entry with its conversation left out: what it finds is what the code of a model would.
PROBE = """
import ctypes, json, os, subprocess, sys, threading
from pathlib import Path
from pilotlight_runtime import __main__ as entry

models, scratch, worker = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
weights = models / "tiny" / "weights"
file = weights / "model.safetensors"

def drop_capabilities():
    # As in the image: with some, such as CAP_PERFMON, a process looks into others whatever else holds.
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None).capset(header, none) == 0

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

def in_child(path):
    return subprocess.run([sys.executable, "-c", f"open({str(path)!r}, 'a')"], stderr=subprocess.DEVNULL).returncode

def open_twice(path):
    # A file that was opened to read is opened anew by its descriptor.
    with open(path) as found:
        open(f"/proc/self/fd/{found.fileno()}", "r+")

def serve(*_):
    (scratch / "batch-1").mkdir()
    (scratch / "batch-1" / "picture.png").write_bytes(b"drawn")
    os.rename(scratch / "batch-1" / "picture.png", scratch / "picture.png")
    (scratch / "link").symlink_to(file)
    print(json.dumps({
        "append": outcome(lambda: open(file, "ab")),
        "overwrite": outcome(lambda: open(file, "r+b")),
        "by a link of its own": outcome(lambda: open(scratch / "link", "r+b")),
        "by its descriptor": outcome(lambda: open_twice(file)),
        "truncate": outcome(lambda: os.truncate(file, 0)),
        "delete": outcome(file.unlink),
        "rename": outcome(lambda: file.rename(weights / "other")),
        "take away": outcome(lambda: file.rename(scratch / "taken")),
        "put in its place": outcome(lambda: os.replace(scratch / "picture.png", file)),
        "link": outcome(lambda: os.link(scratch / "picture.png", weights / "planted")),
        "create": outcome(lambda: (weights / "planted.safetensors").touch()),
        "make a folder": outcome(lambda: (models / "planted").mkdir()),
        "manifest": outcome(lambda: (models / "tiny" / "manifest.json").write_text("{}")),
        "another scratch folder": outcome(lambda: (scratch.parent / "other" / "file").touch()),
        "home": outcome(lambda: (Path.home() / "file").touch()),
        "the worker's environment": outcome(lambda: Path(f"/proc/{worker}/environ").read_bytes()),
        "the worker's memory": outcome(lambda: open(f"/proc/{worker}/mem", "rb")),
        "thread": in_thread(lambda: open(file, "ab")),
        "child": in_child(file),
        "read": file.read_bytes().decode(),
        "own scratch folder": sorted(path.name for path in scratch.iterdir()),
        "devices": outcome(lambda: Path("/dev/null").write_bytes(b"x")),
    }))

drop_capabilities()
entry.serve = serve
sys.argv = ["run", "--socket", str(scratch / "runner.sock"), "--models", str(models)]
entry.main()
"""


def test_a_runner_changes_nothing_but_its_scratch_folder_and_sees_nothing_of_its_worker(tmp_path: Path) -> None:
    weights = tmp_path / "models" / "tiny" / "weights"
    scratch = tmp_path / "scratch" / "own"
    home = tmp_path / "home"
    for folder in (weights, scratch, scratch.parent / "other", home):
        folder.mkdir(parents=True)
    # Its owner may write it, as the worker may: what holds is not the mode.
    (weights / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "models" / "tiny" / "manifest.json").write_text(json.dumps({"revision": "1"}))

    told = subprocess.run(
        [sys.executable, "-c", PROBE, str(tmp_path / "models"), str(scratch), str(os.getpid())],
        cwd=RUNTIME,
        env={**os.environ, "HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )

    found = json.loads(told.stdout)
    allowed = {"read": "weights", "own scratch folder": ["batch-1", "link", "picture.png"], "devices": "done"}
    assert {name: found.pop(name) for name in allowed} == allowed
    assert found.pop("child") == 1
    assert {name for name, outcome in found.items() if outcome != "PermissionError"} == set()
    assert [path.name for path in weights.iterdir()] == ["model.safetensors"]
    assert (weights / "model.safetensors").read_bytes() == b"weights"
    assert told.stderr == ""


def test_on_a_card_the_caches_of_what_is_compiled_may_be_written_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    socket = str(tmp_path / "scratch" / "runner.sock")

    cpu = folders_of(socket, "cpu")
    made = sorted(path.name for path in tmp_path.iterdir())
    card = folders_of(socket, "cuda:1")

    assert cpu[0] == tmp_path / "scratch"
    assert made == []
    assert [path.relative_to(tmp_path) for path in card if path not in cpu] == [
        Path(".cache"),
        Path(".nv"),
        Path(".triton"),
    ]
    assert all(path.is_dir() for path in card if path not in cpu)


def test_the_pipes_of_a_shared_card_are_where_its_variable_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_MPS_PIPE_DIRECTORY", raising=False)
    default = folders_of("/scratch/runner.sock", "cpu")
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", "/run/mps")
    told = folders_of("/scratch/runner.sock", "cpu")

    assert (default[-1], told[-1]) == (Path("/tmp/nvidia-mps"), Path("/run/mps"))
