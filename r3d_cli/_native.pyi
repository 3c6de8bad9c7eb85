"""The CPU module, from cuda_src/cpu/module.cpp; its callers give its results their types."""

from typing import Any

def __getattr__(name: str) -> Any: ...
