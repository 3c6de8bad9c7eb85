"""Names of PyTorch3D that client code imports and that are not r3d's own: what PyTorch3D deprecated, helpers,
and internals that public code uses. Laid out as there; ``__all__`` of a package is what it exports there."""
