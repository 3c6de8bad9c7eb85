"""The examples in the docstrings run."""

from __future__ import annotations

import doctest
import importlib

import pytest
import torch


@pytest.mark.parametrize("name", ["math", "rotation_conversions", "so3", "se3", "transform3d"])
def test_examples(name: str) -> None:
    module = importlib.import_module(f"r3d_cli.transforms.{name}")
    outcome = doctest.testmod(module, extraglobs={"torch": torch})
    assert outcome.attempted > 0
    assert outcome.failed == 0
