"""``r3d info`` of a scene of many instances takes about as long as its picture."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest


def processor_time(folder: Path, *arguments: str) -> float:
    process = subprocess.Popen(
        [sys.executable, "-m", "r3d_cli", *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


@pytest.mark.slow
def test_info_of_many_instances_takes_about_as_long_as_the_picture(tmp_path: Path) -> None:
    side, copies = 158, 80  # 4 million faces
    u, v = np.meshgrid(*2 * [np.linspace(0, 2 * np.pi, side, endpoint=False)], indexing="ij")
    ring = 3 + np.cos(v)
    verts = np.stack([ring * np.cos(u), np.sin(v), ring * np.sin(u)], -1).astype("<f4")
    a = np.arange(side * side).reshape(side, side)
    b, c, d = np.roll(a, -1, 0), np.roll(a, (-1, -1), (0, 1)), np.roll(a, -1, 1)
    faces = np.stack([a, b, c, a, c, d], -1).astype("<u4")
    (tmp_path / "torus.bin").write_bytes(verts.tobytes() + faces.tobytes())
    document = {
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": list(range(copies))}],
        "nodes": [{"mesh": 0, "translation": [9 * (i % 9), 0, 9 * (i // 9)]} for i in range(copies)],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "type": "VEC3", "count": side**2},
            {"bufferView": 1, "componentType": 5125, "type": "SCALAR", "count": faces.size},
        ],
        "bufferViews": [
            {"buffer": 0, "byteLength": verts.nbytes},
            {"buffer": 0, "byteOffset": verts.nbytes, "byteLength": faces.nbytes},
        ],
        "buffers": [{"uri": "torus.bin", "byteLength": verts.nbytes + faces.nbytes}],
    }
    (tmp_path / "scene.gltf").write_text(json.dumps(document))
    drawing = min(processor_time(tmp_path, "render", "scene.gltf") for _ in range(2))
    telling = min(processor_time(tmp_path, "info", "scene.gltf") for _ in range(2))
    # They are about even, and were 3 to 1; the time that the kernel takes to hand out memory varies.
    assert telling < 2 * drawing
