"""The examples in the docstrings run."""

from __future__ import annotations

import doctest
import importlib

import pytest
import torch

MODULES = [
    "axis_angle",
    "euler_angles",
    "math",
    "quaternions",
    "rotation_6d",
    "rotation_conversions",
    "se3",
    "so3",
    "transform3d",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    module = importlib.import_module(f"r3d_cli.transforms.{name}")
    outcome = doctest.testmod(module, extraglobs={"torch": torch})
    assert outcome.attempted > 0
    assert outcome.failed == 0
