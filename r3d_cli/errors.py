"""The errors that a user can mend, as opposed to bugs."""


class R3dError(Exception):
    """A failure with a cause outside r3d; one line that names the file or device and the mend."""
