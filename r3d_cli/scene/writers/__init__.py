"""RawMesh to mesh files: the counterpart of `scene.readers`. Each writer returns bytes, none touches a disk."""
