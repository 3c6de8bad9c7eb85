"""Write pictures and the passes behind them, whole or not at all, in the format of the file's extension.

PNG, JPEG and WebP hold one picture of codes: uint8, or in a PNG uint16. EXR, NPY and NPZ hold the values
themselves, EXR and NPZ of several passes.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from r3d_cli.constants import VERSION
from r3d_cli.errors import R3dError
from r3d_cli.extras import pip_install
from r3d_cli.scene.color import srgb_to_linear
from r3d_cli.scene.complete import is_complete
from r3d_cli.scene.files import replacing
from r3d_cli.scene.png import write_png

#: File extension -> format.
FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".exr": "EXR",
    ".npy": "NPY",
    ".npz": "NPZ",
}

#: Formats that hold codes to look at, rather than the passes' own values.
CODED = ("PNG", "JPEG", "WEBP")

#: Formats that hold several passes in one file.
CONTAINERS = ("EXR", "NPZ")

#: Pass -> names of its channels in an EXR file; of rgb there are as many as the picture has.
EXR_CHANNELS = {
    "rgb": ("R", "G", "B", "A"),
    "depth": ("Z",),
    "normal": ("N.X", "N.Y", "N.Z"),
    "mask": ("mask",),
    "faceid": ("faceid",),
    "uv": ("UV.U", "UV.V"),
    "position": ("P.X", "P.Y", "P.Z"),
}

_SOFTWARE = "Software"
_SIGNATURE = f"r3d {VERSION}"


def picture_format(path: str | os.PathLike[str]) -> str:
    """The format that ``path``'s extension asks for, of ``FORMATS``; ValueError where it is none of ours."""
    extension = Path(path).suffix.lower()
    if extension in FORMATS:
        return FORMATS[extension]
    if Path(path).exists() and not Path(path).is_file() and not Path(path).is_dir():
        return "PNG"  # a pipe or a device such as /dev/null has no extension to ask
    raise ValueError(f"{os.fspath(path)}: a picture's name must end in {', '.join(FORMATS)}, a folder's in /")


def write_passes(
    target: str | os.PathLike[str] | BinaryIO,
    passes: Mapping[str, NDArray],
    *,
    format: str | None = None,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write one file of one or more passes.

    A file appears in one step: an error or an interrupt leaves what was there before.

    Args:
        target: A path, or a stream, which is written to from start to end: a pipe will do.
        passes: Name to pixels. PNG takes codes, (H, W) or (H, W, 2 to 4), uint8 or uint16; JPEG and WebP
            uint8. NPY and NPZ take any array, an NPZ under the passes' names. EXR takes those of `draw`, and
            holds rgb in linear light (uint8 is decoded, float32 is linear already), premultiplied by alpha,
            as half floats; depth, normals, texture coordinates and positions as floats; mask as half floats
            0 and 1; faceid as unsigned integers, the face's id + 1, 0 where there is none. Its channels are
            called as in ``EXR_CHANNELS``.
        format: A value of ``FORMATS``; by default the path's, of a stream PNG.
        notes: Texts that go with the file, by a short name: units, scales. In a PNG text chunks, in an EXR
            attributes, in other formats nothing.

    Raises:
        ValueError: The format cannot hold these passes, or the extension is unknown.
        R3dError: The format cannot hold a picture of this size, or needs a package that is not installed.
        OSError: The file cannot be written.

    Example:
        >>> import io
        >>> stream = io.BytesIO()
        >>> write_passes(stream, {"depth": np.ones((2, 2), np.float32)}, format="NPZ")
        >>> _ = stream.seek(0)
        >>> np.load(stream)["depth"].tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    if isinstance(target, str | os.PathLike):
        format = format or picture_format(target)
        check_passes(format, passes)
        with replacing(target) as file:
            if format == "EXR" and not file.exists():  # else a device
                _write_exr(file, passes, notes or {}, name=os.fspath(target))
            else:
                with open(file, "wb") as stream:
                    _encode(stream, passes, format, notes or {})
    else:
        format = format or "PNG"
        check_passes(format, passes)
        _encode(target, passes, format, notes or {})


def check_passes(format: str, passes: Mapping[str, NDArray]) -> None:
    """Raise a ValueError unless a file of the format can hold the passes."""
    if not passes or (len(passes) > 1 and format not in CONTAINERS):
        raise ValueError(f"{format} holds one pass a file, got {', '.join(passes) or 'none'}")
    if format in CODED:
        wanted = ("uint8", "uint16") if format == "PNG" else ("uint8",)
        for name, values in passes.items():
            if values.dtype.name not in wanted:
                raise ValueError(f"{format} holds {' or '.join(wanted)}; {name} is {values.dtype}")


def require_exr() -> Any:
    """The package OpenEXR; an R3dError that says how to get it where it is missing."""
    try:
        import OpenEXR  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise R3dError(f"EXR files need the package OpenEXR ({error}); {pip_install(extra='exr')}") from None
    return OpenEXR


def is_ours(path: Path) -> bool:
    """Whether r3d wrote the PNG file ``path``."""
    with open(path, "rb") as stream:
        return _SOFTWARE.encode() + b"\0r3d " in stream.read(512)


def write_picture(path: str | os.PathLike[str], pixels: NDArray[np.uint8]) -> None:
    """Write ``pixels``, (H, W, 3) or (H, W, 4) uint8 sRGB with straight alpha, to ``path``."""
    write_passes(path, {"rgb": pixels})


def encode_picture(stream: BinaryIO, pixels: NDArray[np.uint8]) -> None:
    """Write ``pixels``, (H, W, 3) or (H, W, 4) uint8, to ``stream`` as PNG."""
    write_passes(stream, {"rgb": pixels})


def _encode(stream: BinaryIO, passes: Mapping[str, NDArray], format: str, notes: Mapping[str, str]) -> None:
    values = next(iter(passes.values()))
    if format == "PNG":
        write_png(stream, values, {_SOFTWARE: _SIGNATURE, **notes}, srgb="rgb" in passes)
    elif format == "NPY":
        _write_npy(stream, values)
    elif format == "NPZ":
        np.savez(stream, **passes)  # type: ignore[arg-type]
    elif format == "EXR":  # which is written by going back in it, and a pipe cannot go back
        with tempfile.TemporaryDirectory(prefix="r3d-") as folder:
            file = Path(folder) / "picture.exr"
            _write_exr(file, passes, notes, name=folder)
            with open(file, "rb") as written:
                shutil.copyfileobj(written, stream, 1 << 20)
    else:
        _write_by_pillow(stream, values, format)


def _write_npy(stream: BinaryIO, values: NDArray) -> None:
    # np.save would hide why a disk takes no more.
    values = np.ascontiguousarray(values)
    np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(values))
    stream.write(values.data)


def _write_by_pillow(stream: BinaryIO, pixels: NDArray[np.uint8], format: str) -> None:
    import PIL.Image
    import PIL.WebPImagePlugin  # by itself Pillow would load all its formats to find this one

    image = PIL.Image.fromarray(pixels)
    options: dict[str, Any]
    if format == "JPEG":
        image = image.convert("L" if pixels.ndim == 2 else "RGB")
        options = {"quality": 92, "subsampling": 0}
    else:
        options = {"lossless": True, "method": 1}
    data = io.BytesIO()  # Pillow itself would hide why a disk takes no more
    try:
        image.save(data, format=format, **options)
    except (OSError, ValueError) as error:
        height, width = pixels.shape[:2]
        raise R3dError(f"{format} cannot hold a picture of {width}x{height} pixels: {error}") from error
    stream.write(data.getbuffer())


def _write_exr(file: Path, passes: Mapping[str, NDArray], notes: Mapping[str, str], name: str) -> None:
    """Write an EXR file; messages call it ``name``."""
    exr = require_exr()
    channels = {
        channel: np.ascontiguousarray(plane)
        for key, values in passes.items()
        for channel, plane in _exr_planes(key, values)
    }
    header = {"compression": exr.ZIP_COMPRESSION, "type": exr.scanlineimage, "software": _SIGNATURE, **notes}
    fault = "no space left on device"  # which OpenEXR does not always tell
    try:
        exr.File(header, channels).write(os.fspath(file))
    except RuntimeError as error:
        fault = str(error)
    if not is_complete(file):
        raise R3dError(f"{name}: cannot be written by OpenEXR ({fault.rstrip('.')}); name a place with room")


def _exr_planes(name: str, values: NDArray) -> list[tuple[str, NDArray]]:
    """The channels of a pass by their names, (H, W) each, of a type that EXR has."""
    if name == "rgb":
        planes = values
        if values.dtype == np.uint8:
            shades = np.arange(256, dtype=np.float32) / 255
            planes = np.concatenate(
                [srgb_to_linear(shades)[values[..., :3]], shades[values[..., 3:]]], axis=2
            )
        if values.shape[2] == 4:
            planes = np.concatenate([planes[..., :3] * planes[..., 3:], planes[..., 3:]], axis=2)
        planes = planes.clip(0, np.finfo(np.float16).max).astype(np.float16)
    elif name == "faceid":
        planes = (values + 1).astype(np.uint32)
    else:
        planes = values.astype(np.float16 if values.dtype in (bool, np.uint8) else np.float32)
    planes = planes.reshape(*values.shape[:2], -1)
    names = EXR_CHANNELS.get(name, tuple(f"{name}.{i}" for i in range(planes.shape[2])))
    return [(names[i], planes[..., i]) for i in range(planes.shape[2])]
