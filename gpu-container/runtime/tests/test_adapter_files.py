"""Files of adapters are read or refused before any model sees them: no torch needed."""

from __future__ import annotations

import json
import os
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import loras
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pilotlight_runtime.adapter_files import FILE_BYTES_MAX, RANK_MAX, read_adapter
from pilotlight_runtime.adapter_names import AdapterNames, Layer
from pilotlight_runtime.messages import Adapter
from pilotlight_runtime.runner import RunnerError
from pilotlight_runtime.safetensors_header import HEADER_BYTES_MAX, TENSORS_MAX

NAMES = AdapterNames(
    [Layer(f"layers.0.attention.to_{part}", 32, 32) for part in ("q", "k", "v", "out.0")]
    + [Layer("layers.0.feed_forward.w1", 32, 85)],
    renamed={".out": ".to_out.0"},
    fused={".qkv": (".to_q", ".to_k", ".to_v")},
)
Q = "transformer.layers.0.attention.to_q"


def refusal_of(adapter: Adapter) -> str:
    with pytest.raises(RunnerError) as refused:
        read_adapter(adapter, NAMES)
    assert refused.value.code == "ADAPTER_INVALID"
    assert refused.value.message.startswith(f"adapter {adapter.id}: ")
    return refused.value.message


@pytest.mark.parametrize(
    ("base", "style", "layer"),
    [
        ("transformer.layers.0.attention.to_q", "peft", "layers.0.attention.to_q"),
        ("layers.0.attention.to_q", "peft default", "layers.0.attention.to_q"),
        ("base_model.model.layers.0.attention.to_q", "peft", "layers.0.attention.to_q"),
        ("unet.layers.0.attention.to_q", "dots", "layers.0.attention.to_q"),
        ("lora_transformer_layers_0_attention_to_q", "kohya", "layers.0.attention.to_q"),
        ("diffusion_model.layers.0.attention.to_out.0", "peft", "layers.0.attention.to_out.0"),
        ("diffusion_model.layers.0.attention.out", "dots", "layers.0.attention.to_out.0"),
        ("lora_unet_layers_0_attention_to_q", "kohya", "layers.0.attention.to_q"),
        ("lora_unet_layers_0_attention_to_out_0", "kohya", "layers.0.attention.to_out.0"),
        ("lora_unet_layers_0_attention_out", "kohya", "layers.0.attention.to_out.0"),
    ],
)
def test_names_of_every_trainer_find_their_layer(tmp_path: Path, base: str, style: str, layer: str) -> None:
    file = read_adapter(loras.write(tmp_path, loras.bytes_of(loras.pair(base, 32, 32, style=style))), NAMES)

    assert [[each.name for each in lora.layers] for lora in file.loras] == [[layer]]
    assert file.elements == 2 * 4 * 32


def test_a_layer_that_another_tree_holds_as_one_is_split(tmp_path: Path) -> None:
    tensors = loras.pair("diffusion_model.layers.0.attention.qkv", 32, 96)

    [lora] = read_adapter(loras.write(tmp_path, loras.bytes_of(tensors)), NAMES).loras

    assert [layer.name[-1] for layer in lora.layers] == ["q", "k", "v"]


def alpha_of(value: Any) -> dict[str, Any]:
    return {f"{Q}.alpha": value}


@pytest.mark.parametrize(
    ("alpha", "metadata", "scale"),
    [
        ({}, None, 1.0),
        (alpha_of(np.float32(2)), None, 0.5),
        (alpha_of(np.full((1,), 2, np.float16)), None, 0.5),
        (alpha_of(np.int64(8)), None, 2.0),
        ({}, {"transformer.lora_alpha": 8, "transformer.r": 4}, 2.0),
        ({}, {"lora_alpha": 8, "use_rslora": True}, 4.0),
    ],
)
def test_a_pair_is_scaled_as_its_trainer_meant(
    tmp_path: Path, alpha: dict[str, Any], metadata: dict[str, Any] | None, scale: float
) -> None:
    beside = None if metadata is None else {"format": "pt", "lora_adapter_metadata": json.dumps(metadata)}

    body = loras.bytes_of({**loras.pair(Q, 32, 32), **alpha}, beside)

    assert [lora.scale for lora in read_adapter(loras.write(tmp_path, body), NAMES).loras] == [scale]


def test_an_alpha_of_half_the_bits_is_read(tmp_path: Path) -> None:
    down, up = np.zeros((4, 32), np.float16).tobytes(), np.zeros((32, 4), np.float16).tobytes()
    rows = [("lora_A.weight", [4, 32], down), ("lora_B.weight", [32, 4], up), ("alpha", [], b"\x00\x40")]
    header, end = {}, 0
    for name, shape, data in rows:
        header[f"{Q}.{name}"] = {"dtype": "BF16", "shape": shape, "data_offsets": [end, end + len(data)]}
        end += len(data)

    body = loras.with_header(json.dumps(header).encode(), b"".join(data for _, _, data in rows))

    assert [lora.scale for lora in read_adapter(loras.write(tmp_path, body), NAMES).loras] == [2.0 / 4]


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        ({"transformer.layers.0.attention.to_q.lokr_w1": np.zeros((2, 2), np.float32)}, "LoKr"),
        ({"lora_unet_layers_0_attention_to_q.hada_w1_a": np.zeros((2, 2), np.float32)}, "LoHa"),
        ({**loras.pair(Q, 32, 32), f"{Q}.dora_scale": np.zeros(32, np.float32)}, "DoRA"),
        ({**loras.pair(Q, 32, 32), f"{Q}.lora_magnitude_vector": np.zeros(32, np.float32)}, "DoRA"),
        ({**loras.pair(Q, 32, 32), f"{Q}.lora_B.bias": np.zeros(32, np.float32)}, "biases"),
        ({f"{Q}.oft_diag": np.zeros((2, 2), np.float32)}, "OFT"),
        ({f"{Q}.lora_mid.weight": np.zeros((2, 2), np.float32)}, "Tucker"),
        ({f"{Q}.diff": np.zeros((32, 32), np.float32)}, "full difference"),
        (loras.pair("lora_te_text_model_layers_0_mlp", 32, 32, style="kohya"), "text encoder"),
        ({f"{Q}.new_idea": np.zeros((2, 2), np.float32)}, "no tensor of a LoRA"),
        (loras.pair("transformer.layers.9.attention.to_q", 32, 32), "no layer transformer.layers.9.attention.to_q"),
        (loras.pair("base_model.layers.0.attention.to_q", 32, 32), "no layer base_model"),
        (loras.pair(Q, 32, 64), "shapes"),
        (loras.pair(Q, 31, 32), "shapes"),
        ({f"{Q}.lora_A.weight": np.zeros((4, 32), np.float32)}, "lacks one of its two matrices"),
        (alpha_of(np.float32(1)), "lacks one of its two matrices"),
        (loras.pair(Q, 32, 32, rank=RANK_MAX + 1), f"rank {RANK_MAX + 1}"),
        (loras.pair(Q, 32, 32, rank=0), "rank 0"),
        ({**loras.pair(Q, 32, 32), **alpha_of(np.zeros(2, np.float32))}, "alpha"),
        ({**loras.pair(Q, 32, 32), **alpha_of(np.float32("inf"))}, "not finite"),
        ({name: value.astype(np.float64) for name, value in loras.pair(Q, 32, 32).items()}, "F64"),
        ({name: value * np.float32("nan") for name, value in loras.pair(Q, 32, 32).items()}, "not finite"),
        ({**loras.pair(Q, 32, 32), **loras.pair("lora_unet_layers_0_attention_to_q", 32, 32)}, "two of its names"),
        ({**loras.pair(Q, 32, 32), **loras.pair(Q, 32, 32, style="kohya")}, "twice"),
        ({}, "0 tensors"),
        ({f"{Q}{index}.alpha": np.float32(1) for index in range(TENSORS_MAX + 1)}, f"{TENSORS_MAX + 1} tensors"),
    ],
)
def test_what_does_not_fit_the_model_is_refused_by_name(tmp_path: Path, tensors: dict[str, Any], says: str) -> None:
    assert says in refusal_of(loras.write(tmp_path, loras.bytes_of(tensors)))


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ('{"use_dora": true}', "DoRA"),
        ('{"alpha_pattern": {"to_q": 2}}', "alpha_pattern"),
        ('{"lora_alpha": "many"}', "broken"),
        ("[" * 100_000, "broken"),
        ("not json", "broken"),
    ],
)
def test_metadata_that_would_change_its_meaning_is_refused(tmp_path: Path, metadata: str, says: str) -> None:
    body = loras.bytes_of(loras.pair(Q, 32, 32), {"lora_adapter_metadata": metadata})

    assert says in refusal_of(loras.write(tmp_path, body))


def test_one_alpha_is_enough(tmp_path: Path) -> None:
    metadata = {"lora_adapter_metadata": '{"lora_alpha": 4}'}
    body = loras.bytes_of({**loras.pair(Q, 32, 32), **alpha_of(np.float32(4))}, metadata)

    assert "two alphas" in refusal_of(loras.write(tmp_path, body))


def test_another_file_than_was_asked_for_is_refused(tmp_path: Path) -> None:
    adapter = loras.write(tmp_path, loras.bytes_of(loras.pair(Q, 32, 32)))
    loras.write(tmp_path, loras.bytes_of(loras.pair(Q, 32, 32, seed=1)))

    assert "another sha256" in refusal_of(adapter)


def test_only_safetensors_are_opened(tmp_path: Path) -> None:
    written = loras.write(tmp_path, loras.bytes_of(loras.pair(Q, 32, 32)))
    pickle = tmp_path / "lora.bin"
    os.rename(written.path, pickle)

    assert "no .safetensors" in refusal_of(Adapter("lora", str(pickle), written.sha256, 1.0))


@pytest.mark.parametrize("kind", ["nothing", "folder", "pipe"])
def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"{kind}.safetensors"
    if kind == "folder":
        path.mkdir()
    if kind == "pipe":
        os.mkfifo(path)

    assert "cannot be read" in refusal_of(Adapter("lora", str(path), "0" * 64, 1.0))


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.safetensors"
    with path.open("wb") as file:
        file.truncate(FILE_BYTES_MAX + 1)
    tracemalloc.start()

    message = refusal_of(Adapter("lora", str(path), "0" * 64, 1.0))

    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert f"{FILE_BYTES_MAX + 1} bytes" in message
    assert peak_bytes < 1_000_000


@pytest.mark.parametrize("share", [0, 4, 8, 100, -1, -20])
def test_a_file_that_is_cut_short_is_refused(tmp_path: Path, share: int) -> None:
    body = loras.bytes_of(loras.pair(Q, 32, 32))

    refusal_of(loras.write(tmp_path, body[: share or 0]))


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (b"[" * 200_000, "broken"),
        (b'{"a": 1}', "broken"),
        (b'{"__metadata__": {"a": 1}, "b": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}}', "broken"),
        (b" " * (HEADER_BYTES_MAX + 1), f"{HEADER_BYTES_MAX + 1} bytes"),
        (b'{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}', "broken"),
        (b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}', "place"),
        (b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}', "place"),
        (b'{"a": {"dtype": "F32", "shape": [2000000000], "data_offsets": [0, 8000000000]}}', "8000000000 bytes"),
        (
            b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},'
            b' "b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}',
            "place",
        ),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path: Path, header: bytes, says: str) -> None:
    assert says in refusal_of(loras.write(tmp_path, loras.with_header(header, b"\0" * 4)))


def test_a_name_is_told_short_and_printable(tmp_path: Path) -> None:
    tensors = {"\x1b[31m" + "é" * 500: np.zeros((2, 2), np.float32)}

    message = refusal_of(loras.write(tmp_path, loras.bytes_of(tensors)))

    assert message.isprintable()
    assert len(message) < 300


VALID = loras.bytes_of({**loras.pair(Q, 32, 32, rank=1), **alpha_of(np.float32(1))}, {"format": "pt"})
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ROWS = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "BF16", "I64", "X"]),
        "shape": st.lists(st.integers(-1, 2**33), max_size=9),
        "data_offsets": st.lists(st.integers(-1, 300), min_size=1, max_size=3),
    }
)
KEYS = st.sampled_from([f"{Q}.lora_A.weight", f"{Q}.lora_B.weight", f"{Q}.alpha", "__metadata__"]) | st.text(max_size=9)
HEADERS = st.dictionaries(KEYS, ROWS | JSON_VALUES, max_size=5).map(lambda header: json.dumps(header).encode())


@st.composite
def altered(draw: st.DrawFn) -> bytes:
    body = bytearray(VALID)
    for _ in range(draw(st.integers(1, 4))):
        body[draw(st.integers(0, len(body) - 1))] = draw(st.integers(0, 255))
    return bytes(body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) else body)


@settings(max_examples=400, deadline=None)
@given(
    st.binary(max_size=200)
    | altered()
    | st.builds(loras.with_header, HEADERS | st.binary(max_size=80), st.binary(max_size=300))
)
@example(struct.pack("<Q", 2**64 - 1))
@example(VALID)
def test_any_bytes_are_an_adapter_or_one_refusal(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    adapter = loras.write(tmp_path_factory.getbasetemp(), body)
    tracemalloc.start()

    try:
        ranks = [lora.down.shape[0] for lora in read_adapter(adapter, NAMES).loras]
    except RunnerError as refused:
        code, ranks = refused.code, []
    else:
        code = None

    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert code in (None, "ADAPTER_INVALID")
    assert all(1 <= rank <= RANK_MAX for rank in ranks)
    assert peak_bytes < 2_000_000


def test_the_limits_hold_a_real_adapter() -> None:
    """Of Z-Image: 34 blocks of 8 layers, three tensors each, names of 60 characters, rows of 100 more."""
    layers = 34 * 8

    assert 3 * layers * 160 < HEADER_BYTES_MAX
    assert 3 * layers < TENSORS_MAX
