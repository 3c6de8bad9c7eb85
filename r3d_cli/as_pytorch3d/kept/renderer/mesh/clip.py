"""Clipping, which r3d's rasterizer does itself: there is nothing to import, and an import says so."""

__all__: list[str] = []
