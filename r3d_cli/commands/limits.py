"""--untrusted and the limits that go with it, for every command that reads files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from r3d_cli.commands.values import refuse

if TYPE_CHECKING:
    from r3d_cli.scene.policy import Policy

#: Trusts no file, as --untrusted; the option goes before it.
VARIABLE = "R3D_UNTRUSTED"


def use_limits(
    untrusted: bool | None, max_pixels: int | None, max_faces: int | None, max_memory: int | None
) -> Policy:
    """Set the process's policy and its limit of memory (MiB); before any file is opened."""
    from r3d_cli.scene import policy

    confined = os.environ.get(VARIABLE, "0") not in ("", "0") if untrusted is None else untrusted
    if confined:
        max_pixels = max_pixels or policy.UNTRUSTED_PIXELS
        max_faces = max_faces or policy.UNTRUSTED_FACES
        max_memory = max_memory or policy.UNTRUSTED_MEMORY // 2**20
    if max_memory is not None:
        try:
            policy.limit_memory(max_memory * 2**20)
        except (ValueError, OSError) as error:
            raise refuse("--max-memory", f"cannot be set: {error}") from None
    chosen = policy.Policy(confined, max_pixels, max_faces)
    policy.use(chosen)
    return chosen
