"""Helpers of PyTorch3D's other packages."""

from r3d_cli.as_pytorch3d.kept.common.datatypes import Device, get_device, make_device

__all__ = ["Device", "get_device", "make_device"]
