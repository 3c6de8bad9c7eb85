"""RawMesh to mesh files: the counterpart of `scene.readers`. Writers return bytes."""
