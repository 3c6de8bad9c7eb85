"""The examples of the docstrings run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import numpy
import pytest
import torch

import r3d_cli.io
import r3d_cli.scene.writers
import r3d_cli.utils

MODULES = [
    f"{package.__name__}.{module.name}"
    for package in (r3d_cli.io, r3d_cli.scene.writers, r3d_cli.utils)
    for module in pkgutil.iter_modules(package.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    module = importlib.import_module(name)
    assert doctest.testmod(module, extraglobs={"torch": torch, "np": numpy}).failed == 0
