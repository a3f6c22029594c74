"""Rewrites the weights of a model to bfloat16 and lists them: `python -m pilotlight_runtime.repack SOURCE MODEL_DIR`.

SOURCE is a folder as a hub gives it (`model_index.json`, `transformer/*.safetensors`, ...). MODEL_DIR is the folder of
the manifest: `weights/` and `weights.json` are made in it, or nothing is. Numbers are read and written in chunks, so
memory does not grow with the model. Files of pickles are refused: loading one runs whatever it says.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from .safetensors_file import SafetensorsError, Tensor, read_header, write_header

CHUNK_ITEMS = 16 * 1024 * 1024
"""64 MB of float32 at a time."""

TEXTS = frozenset({".json", ".txt", ".model", ".jinja", ".md", ""})
"""Configurations, vocabularies, licences: what loaders read beside weights."""

INDEX = ".safetensors.index.json"

SOURCES: Mapping[str, type[np.generic]] = {"F64": np.float64, "F32": np.float32, "F16": np.float16}
"""Types that become bfloat16; any other stays as it is."""


class RepackError(Exception):
    """What a person can mend; the message says what."""


@dataclass(frozen=True)
class Options:
    """What to do with which files and tensors."""

    keep: Sequence[str] = ()
    """Patterns of tensor names that stay as they are, such as `*norm*`."""
    leave_out: Sequence[str] = ()
    """Patterns of paths that are not part of the model."""


def repack(source: Path, model_dir: Path, options: Options = Options()) -> Mapping[str, object]:
    """Makes `weights/` and `weights.json` in `model_dir`; returns the latter.

    Raises:
        RepackError: before anything is written, but for numbers that do not fit.
    """
    target, temporary = model_dir / "weights", model_dir / ".weights.new"
    files = _files_of(source, options)
    if target.exists():
        raise RepackError(f"{target} is there already")
    _check_room(source, files, model_dir)
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        for path in files:
            (temporary / path).parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".safetensors":
                convert_file(source / path, temporary / path, options.keep)
            else:
                shutil.copyfile(source / path, temporary / path)
        _mend_indexes(temporary)
        weights = {"precision": _precision_of(options), "files": _list_of(temporary)}
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    # The list last: weights without one are never loaded.
    temporary.rename(target)
    _replace(model_dir / "weights.json", json.dumps(weights, indent=2) + "\n")
    return weights


def convert_file(source: Path, target: Path, keep: Sequence[str] = ()) -> None:
    """Rewrites one file, chunk by chunk.

    Raises:
        RepackError: when the file is broken, or a number in it does not fit bfloat16.
    """
    try:
        header = read_header(source)
    except SafetensorsError as error:
        raise RepackError(str(error)) from error
    planned = [(tensor, _type_of(tensor, keep)) for tensor in header.tensors]
    with source.open("rb") as reader, target.open("wb") as writer:
        write_header(writer, [(tensor.name, dtype, tensor.shape) for tensor, dtype in planned], header.metadata)
        for tensor, dtype in planned:
            reader.seek(tensor.start)
            if dtype == tensor.dtype:
                _copy(reader, writer, tensor.bytes)
            else:
                _convert(reader, writer, tensor, source.name)


def to_bfloat16(numbers: np.ndarray) -> np.ndarray:
    """The nearest bfloat16 of each number, ties to even, as its 16 bits: what torch's own conversion gives."""
    single = np.ascontiguousarray(numbers, dtype=np.float32)
    bits = single.view(np.uint32)
    rounded = ((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)).astype(np.uint16)
    # Rounding up could turn the payload of one into infinity.
    rounded[np.isnan(single)] = 0x7FC0
    return rounded


def _type_of(tensor: Tensor, keep: Sequence[str]) -> str:
    stays = tensor.dtype not in SOURCES or any(fnmatchcase(tensor.name, pattern) for pattern in keep)
    return tensor.dtype if stays else "BF16"


def _convert(reader: object, writer: object, tensor: Tensor, name: str) -> None:
    kind = SOURCES[tensor.dtype]
    for start in range(0, tensor.items, CHUNK_ITEMS):
        count = min(CHUNK_ITEMS, tensor.items - start)
        numbers = np.fromfile(reader, dtype=kind, count=count)
        halved = to_bfloat16(numbers)
        # Exponent all ones, nothing behind it: infinity, which nothing finite may become.
        if np.any(((halved & 0x7FFF) == 0x7F80) & np.isfinite(numbers)):
            raise RepackError(f"{name}: {tensor.name} holds numbers beyond bfloat16; keep it with --keep")
        halved.tofile(writer)


def _copy(reader: object, writer: object, count: int) -> None:
    left = count
    while left > 0:
        chunk = np.fromfile(reader, dtype=np.uint8, count=min(left, 4 * CHUNK_ITEMS))
        chunk.tofile(writer)
        left -= len(chunk)


def _files_of(source: Path, options: Options) -> list[Path]:
    if not source.is_dir():
        raise RepackError(f"{source} is no folder")
    paths = sorted(path.relative_to(source) for path in source.rglob("*") if path.is_file())
    # Hidden files are a hub's own notes.
    kept = [path for path in paths if not any(part.startswith(".") for part in path.parts)]
    kept = [path for path in kept if not any(fnmatchcase(path.as_posix(), each) for each in options.leave_out)]
    strange = [path.as_posix() for path in kept if path.suffix != ".safetensors" and path.suffix not in TEXTS]
    if strange:
        raise RepackError(
            f"no weights or texts: {', '.join(strange)}; leave them out with --leave-out, if nothing needs them"
        )
    if not any(path.suffix == ".safetensors" for path in kept):
        raise RepackError(f"{source} holds no .safetensors file")
    return kept


def _check_room(source: Path, files: Sequence[Path], model_dir: Path) -> None:
    model_dir.mkdir(parents=True, exist_ok=True)
    # Nothing grows: this is what the largest case takes, all of it kept.
    needed = sum((source / path).stat().st_size for path in files)
    free = shutil.disk_usage(model_dir).free
    if needed > free:
        raise RepackError(f"{model_dir} has {free // 10**6} MB free, and up to {needed // 10**6} MB are to be written")


def _mend_indexes(folder: Path) -> None:
    """The index of a model in several files says how long all of them are, which is no longer so."""
    for path in folder.rglob(f"*{INDEX}"):
        index = json.loads(path.read_text("utf-8"))
        named = sorted(set(index["weight_map"].values()))
        absent = [name for name in named if not (path.parent / name).is_file()]
        if absent:
            raise RepackError(f"{path.name} names files that are not there: {', '.join(absent)}")
        tensors = [tensor for name in named for tensor in read_header(path.parent / name).tensors]
        index["metadata"] = {**index.get("metadata", {}), "total_size": sum(tensor.bytes for tensor in tensors)}
        path.write_text(json.dumps(index, indent=2) + "\n", "utf-8")


def _list_of(folder: Path) -> Mapping[str, Mapping[str, str | int]]:
    return {path: {"sha256": digest, "bytes": size} for path, digest, size in _hashes_of(folder)}


def _hashes_of(folder: Path) -> Iterator[tuple[str, str, int]]:
    for path in sorted(folder.rglob("*")):
        # Loaders need no empty file, and nothing could be asked for of one.
        if path.is_file() and path.stat().st_size > 0:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            yield f"weights/{path.relative_to(folder).as_posix()}", digest, path.stat().st_size


def _precision_of(options: Options) -> str:
    return "bfloat16" if not options.keep else f"bfloat16, as they were: {', '.join(options.keep)}"


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, "utf-8")
    temporary.replace(path)


def main(argv: Sequence[str] | None = None) -> int:
    """0 when the weights are there; 2 when something is in the way that a person can mend."""
    parser = argparse.ArgumentParser(
        prog="pilotlight_runtime.repack",
        description="Rewrites a model's weights to bfloat16, and lists them with their SHA-256 in weights.json.",
        epilog="example: python -m pilotlight_runtime.repack ~/Z-Image-Turbo gpu-container/models/z-image-turbo",
    )
    parser.add_argument("source", type=Path, metavar="SOURCE", help="folder with .safetensors files and configurations")
    parser.add_argument("model_dir", type=Path, metavar="MODEL_DIR", help="folder of the manifest; gets weights/")
    parser.add_argument("--keep", action="append", default=[], metavar="PATTERN", help="tensors that stay, as '*norm*'")
    parser.add_argument("--leave-out", action="append", default=[], metavar="PATTERN", help="files, as 'assets/*'")
    args = parser.parse_args(argv)
    try:
        weights = repack(args.source, args.model_dir, Options(keep=args.keep, leave_out=args.leave_out))
    except RepackError as error:
        print(f"repack: {error}", file=sys.stderr)
        return 2
    files = weights["files"]
    total = sum(entry["bytes"] for entry in files.values())
    print(f"{len(files)} files, {total / 10**9:.2f} GB, listed in {args.model_dir / 'weights.json'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
