"""Helpers of PyTorch3D's readers; its package exports none of them."""

__all__: list[str] = []
