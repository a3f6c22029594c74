"""Weights are rewritten to bfloat16 as torch would, in bounded memory, and listed by their hashes."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from pilotlight_runtime import repack as module
from pilotlight_runtime.repack import Options, RepackError, convert_file, main, repack, to_bfloat16
from pilotlight_runtime.safetensors_file import read_header, write_header

TYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "BF16": np.uint16}


def write_file(path: Path, tensors: dict[str, tuple[str, np.ndarray]], metadata: dict[str, str] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_header(file, [(name, dtype, data.shape) for name, (dtype, data) in tensors.items()], metadata or {})
        for dtype, data in tensors.values():
            data.astype(TYPES[dtype]).tofile(file)


def read_tensor(path: Path, name: str) -> tuple[str, np.ndarray]:
    tensor = next(tensor for tensor in read_header(path).tensors if tensor.name == name)
    data = np.fromfile(path, dtype=TYPES[tensor.dtype], count=tensor.items, offset=tensor.start)
    return tensor.dtype, data.reshape(tensor.shape)


def numbers(count: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(count).astype(np.float32)


def widened(bits: np.ndarray) -> np.ndarray:
    return (bits.astype(np.uint32) << 16).view(np.float32)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A model in the layout of a hub, its transformer in two files."""
    folder = tmp_path / "source"
    shards = {
        "a.weight": "model-00001.safetensors",
        "a.norm": "model-00001.safetensors",
        "b": "model-00002.safetensors",
    }
    transformer = folder / "transformer"
    write_file(
        transformer / "model-00001.safetensors",
        {"a.weight": ("F32", numbers(600).reshape(20, 30)), "a.norm": ("F32", numbers(20))},
        {"format": "pt"},
    )
    write_file(transformer / "model-00002.safetensors", {"b": ("F16", numbers(50)), "ids": ("I64", np.arange(5))})
    index = {"metadata": {"total_size": 1, "more": "x"}, "weight_map": {**shards, "ids": "model-00002.safetensors"}}
    (transformer / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model_index.json").write_text('{"_class_name": "Pipeline"}')
    (folder / ".cache").mkdir()
    (folder / ".cache" / "note.bin").write_bytes(b"x")
    return folder


def test_numbers_become_the_nearest_bfloat16_and_ties_go_to_even() -> None:
    asked = np.array([1.0, 1.00390625, 1.01171875, -2.5, 0.0, -0.0, np.inf, -np.inf, np.nan], dtype=np.float32)
    wanted = [0x3F80, 0x3F80, 0x3F82, 0xC020, 0x0000, 0x8000, 0x7F80, 0xFF80, 0x7FC0]

    assert to_bfloat16(asked).tolist() == wanted


def test_every_number_is_what_torch_makes_of_it() -> None:
    torch = pytest.importorskip("torch")
    bits = np.random.default_rng(2).integers(0, 2**32, 100_000, dtype=np.uint32)
    asked = bits.view(np.float32)
    asked = asked[~np.isnan(asked)]

    ours = to_bfloat16(asked)

    theirs = torch.from_numpy(asked.copy()).to(torch.bfloat16).view(torch.uint16).numpy()
    assert np.array_equal(ours, theirs)


def test_a_file_is_read_by_the_library_of_the_format(source: Path, tmp_path: Path) -> None:
    safetensors_torch = pytest.importorskip("safetensors.torch")
    torch = pytest.importorskip("torch")
    repack(source, tmp_path / "model")

    loaded = safetensors_torch.load_file(tmp_path / "model" / "weights" / "transformer" / "model-00001.safetensors")

    wanted = torch.from_numpy(numbers(600).reshape(20, 30)).to(torch.bfloat16)
    assert torch.equal(loaded["a.weight"], wanted)
    assert loaded["a.norm"].dtype == torch.bfloat16


def test_floats_are_halved_and_whole_numbers_stay(source: Path, tmp_path: Path) -> None:
    repack(source, tmp_path / "model")

    folder = tmp_path / "model" / "weights" / "transformer"
    dtype, found = read_tensor(folder / "model-00001.safetensors", "a.weight")
    assert dtype == "BF16"
    assert np.allclose(widened(found), numbers(600).reshape(20, 30), rtol=2**-8)
    assert read_tensor(folder / "model-00002.safetensors", "b")[0] == "BF16"
    dtype, ids = read_tensor(folder / "model-00002.safetensors", "ids")
    assert (dtype, ids.tolist()) == ("I64", [0, 1, 2, 3, 4])


def test_tensors_that_are_to_stay_stay_bit_for_bit(source: Path, tmp_path: Path) -> None:
    repack(source, tmp_path / "model", Options(keep=["*norm*"]))

    path = tmp_path / "model" / "weights" / "transformer" / "model-00001.safetensors"
    dtype, norm = read_tensor(path, "a.norm")
    assert dtype == "F32"
    assert np.array_equal(norm, numbers(20))
    assert read_tensor(path, "a.weight")[0] == "BF16"


def test_the_list_names_every_file_with_its_hash_and_length(source: Path, tmp_path: Path) -> None:
    weights = repack(source, tmp_path / "model")

    assert json.loads((tmp_path / "model" / "weights.json").read_text()) == weights
    files = weights["files"]
    assert set(files) == {
        "weights/model_index.json",
        "weights/transformer/model-00001.safetensors",
        "weights/transformer/model-00002.safetensors",
        "weights/transformer/model.safetensors.index.json",
    }
    for path, entry in files.items():
        body = (tmp_path / "model" / path).read_bytes()
        assert entry == {"sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}


def test_the_index_of_several_files_says_how_long_they_are_now(source: Path, tmp_path: Path) -> None:
    repack(source, tmp_path / "model")

    index = json.loads((tmp_path / "model/weights/transformer/model.safetensors.index.json").read_text())
    assert index["metadata"] == {"total_size": 2 * (600 + 20 + 50) + 8 * 5, "more": "x"}


def test_metadata_of_a_file_goes_along(source: Path, tmp_path: Path) -> None:
    repack(source, tmp_path / "model")

    header = read_header(tmp_path / "model/weights/transformer/model-00001.safetensors")
    assert header.metadata == {"format": "pt"}


def test_memory_does_not_grow_with_the_tensor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_ITEMS", 10_000)
    write_file(tmp_path / "large.safetensors", {"a": ("F32", numbers(2_000_000))})

    tracemalloc.start()
    convert_file(tmp_path / "large.safetensors", tmp_path / "out.safetensors")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 1_000_000
    assert np.allclose(widened(read_tensor(tmp_path / "out.safetensors", "a")[1]), numbers(2_000_000), rtol=2**-8)


def test_a_number_beyond_bfloat16_is_refused_and_nothing_is_left(source: Path, tmp_path: Path) -> None:
    largest = np.finfo(np.float32).max
    write_file(source / "vae" / "vae.safetensors", {"big": ("F32", np.array([largest]))})

    with pytest.raises(RepackError, match="big holds numbers beyond bfloat16"):
        repack(source, tmp_path / "model")
    assert list((tmp_path / "model").iterdir()) == []


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.ckpt", "run.py"])
def test_pickles_and_programs_are_refused_by_name(source: Path, tmp_path: Path, name: str) -> None:
    (source / name).write_bytes(b"x")

    with pytest.raises(RepackError, match=name):
        repack(source, tmp_path / "model")
    assert not (tmp_path / "model").exists()
    repack(source, tmp_path / "model", Options(leave_out=[name]))
    assert not (tmp_path / "model" / "weights" / name).exists()


def damage_length(body: bytes) -> bytes:
    return (2**62).to_bytes(8, "little") + body[8:]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda body: body[:-1], "tensors end after"),
        (lambda body: body[:4], "header does not fit"),
        (damage_length, "header does not fit"),
        (lambda body: body[:8] + b"x" + body[9:], "header cannot be read"),
        (lambda body: body.replace(b'"F16"', b'"X16"', 1), "type X16"),
        (lambda body: body.replace(b"[50]", b"[51]", 1), "another length"),
    ],
)
def test_a_broken_file_is_refused_by_name(source: Path, tmp_path: Path, damage: object, told: str) -> None:
    path = source / "transformer" / "model-00002.safetensors"
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(RepackError, match=told) as caught:
        repack(source, tmp_path / "model")
    assert "model-00002.safetensors" in str(caught.value)


def test_weights_that_are_there_are_never_overwritten(source: Path, tmp_path: Path) -> None:
    repack(source, tmp_path / "model")

    with pytest.raises(RepackError, match="is there already"):
        repack(source, tmp_path / "model", Options(keep=["*"]))


def test_the_command_says_what_it_made_and_what_is_in_the_way(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(source), str(tmp_path / "model")]) == 0
    assert "4 files" in capsys.readouterr().out
    assert main([str(tmp_path / "nowhere"), str(tmp_path / "other")]) == 2
    assert "is no folder" in capsys.readouterr().err
