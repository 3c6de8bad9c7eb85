"""Helpers of PyTorch3D's transforms; its package exports none of them."""

__all__: list[str] = []
