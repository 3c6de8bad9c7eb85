"""Mesh files that the system does not let us read: MeshErrors that are also what Python calls them."""

from __future__ import annotations

from r3d_cli.scene.model import MeshError


class UnopenedMeshError(MeshError, OSError):
    """A mesh file that cannot be opened, with the system's reason.

    Attributes:
        errno: The system's number of the reason.
        strerror: Its words for it.
        filename: The path.
    """

    def __init__(self, message: str, number: int, reason: str, path: str) -> None:
        OSError.__init__(self, number, reason, path)
        self.message = message

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[type[UnopenedMeshError], tuple[object, ...]]:
        return type(self), (self.message, self.errno, self.strerror, self.filename)


class MissingMeshError(UnopenedMeshError, FileNotFoundError):
    """There is no such file."""


class FolderMeshError(UnopenedMeshError, IsADirectoryError):
    """It is a folder."""


class ForbiddenMeshError(UnopenedMeshError, PermissionError):
    """Its permissions are against it."""


def unopened(path: str, error: OSError) -> UnopenedMeshError:
    """The MeshError of what the system said: one line that names the file and what to do.

    Example:
        >>> raise unopened("a.obj", FileNotFoundError(2, "No such file or directory"))
        Traceback (most recent call last):
        r3d_cli.scene.file_errors.MissingMeshError: a.obj: no such file; check the path
    """
    reason = error.strerror or str(error)
    kind: type[UnopenedMeshError] = UnopenedMeshError
    message = f"{path}: cannot be read ({reason}); check its permissions"
    if isinstance(error, FileNotFoundError):
        kind, message = MissingMeshError, f"{path}: no such file; check the path"
    elif isinstance(error, IsADirectoryError):
        kind, message = FolderMeshError, f"{path}: is a directory; name a mesh file in it"
    elif isinstance(error, PermissionError):
        kind = ForbiddenMeshError
    return kind(message, error.errno or 0, reason, path)
