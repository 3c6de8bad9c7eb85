"""The examples in the docstrings run."""

from __future__ import annotations

import doctest
import importlib

import pytest
import torch


@pytest.mark.parametrize(
    "name",
    [
        "renderer.utils",
        "renderer.camera_utils",
        "renderer.cameras.pose",
        "renderer.cameras.fov",
        "renderer.cameras.focal",
        "renderer.cameras.lens",
        "renderer.fisheyecameras",
        "renderer.camera_conventions.opencv",
        "renderer.camera_conventions.opengl",
        "renderer.camera_conventions.blender",
        "renderer.camera_conventions.colmap",
        "utils.camera_conversions",
    ],
)
def test_examples(name: str) -> None:
    module = importlib.import_module(f"r3d_cli.{name}")
    outcome = doctest.testmod(module, extraglobs={"torch": torch})
    assert outcome.attempted > 0
    assert outcome.failed == 0
