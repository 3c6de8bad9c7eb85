"""Of PyTorch3D's package of the mesh renderer; it exports what the renderer does."""

__all__: list[str] = []
