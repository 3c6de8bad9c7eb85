"""What a file is by its content, whatever it is called: packed, text in UTF-16, or no mesh at all."""

from __future__ import annotations

import gzip
import io
import re
import zlib

from r3d_cli.scene.memory import available_memory

#: What the first statement of an OBJ file may be.
_OBJ_KEYWORDS = {b"v", b"vn", b"vt", b"f", b"o", b"g", b"s", b"mtllib", b"usemtl"}

#: Of the memory there is, the share that the bytes of a packed file may take: reading them takes more.
_SHARE = 8

#: Where the system does not say how much there is.
_LARGEST = 2**40

#: How files begin that are no mesh, and what to say of them.
_NO_MESH = (
    (rb"(?i)\s*<(!doctype html|html)\b", "is a web page, not a mesh; the download failed, fetch it again"),
    (
        rb"\x89PNG|\xff\xd8\xff|RIFF....WEBP|GIF8|BM....\0\0\0\0",
        "is a picture, not a mesh; name the mesh's file",
    ),
    (
        rb"Rar!|7z\xbc\xaf|\xfd7zXZ|BZh|\x28\xb5\x2f\xfd",
        "is a packed archive; unpack it first (gzip is read)",
    ),
)

#: Formats by how their files begin; those that are not read here are in `converters` as well.
_BEGINNINGS = (
    ("glb", rb"glTF"),
    ("ply", rb"ply\s"),
    ("fbx", rb"Kaydara FBX Binary|; FBX \d"),
    ("blend", rb"BLENDER"),
    ("usd", rb"PXR-USDC|#usda"),
    ("step", rb"ISO-10303-21"),
    ("dae", rb"(?s)\s*<\?xml.{0,2000}<COLLADA\b|\s*<COLLADA\b"),
    ("gltf", rb"\s*\{"),
    ("stl", rb"\s*solid\b"),
)


def is_git_lfs_pointer(data: bytes) -> bool:
    """Whether these are the few lines that Git LFS leaves in the place of a large file."""
    return data.startswith(b"version https://git-lfs")


def fault_of(data: bytes) -> str | None:
    """What to say of a file that is no mesh, or None."""
    return next((fault for start, fault in _NO_MESH if re.match(start, data[:512])), None)


def unpacked(data: bytes) -> bytes:
    """The content of a gzip file; other data as it is.

    Raises:
        ValueError: It is cut short or damaged, or unpacks to more than there is memory for.
    """
    if not data.startswith(b"\x1f\x8b"):
        return data
    most = int(min(available_memory(), _LARGEST)) // _SHARE
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            content = file.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"is a gzip file that cannot be unpacked ({error}); fetch it again") from None
    if len(content) > most:
        raise ValueError(
            f"unpacks to more than the {most / 2**20:,.0f} MiB that there is memory for; reduce the mesh"
        )
    return content


def in_utf8(data: bytes) -> bytes:
    """Text in UTF-16 (its byte order mark or zeros tell) in UTF-8, without a mark; other data as it is."""
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:]
    start = data[:64]
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif len(start) >= 8 and not any(start[1::2]) and all(start[::2]):
        encoding = "utf-16-le"
    elif len(start) >= 8 and not any(start[::2]) and all(start[1::2]):
        encoding = "utf-16-be"
    else:
        return data
    if is_whole_stl(data):
        return data
    try:
        return data.decode(encoding).encode()
    except UnicodeError:
        return data


def is_whole_stl(data: bytes) -> bool:
    """Whether the size is that of a binary STL file with the facets that it declares."""
    return len(data) >= 84 and len(data) == 84 + 50 * int.from_bytes(data[80:84], "little")


def told_format(data: bytes) -> str | None:
    """The format that the content tells: one that is read, or one of `converters`; None: it does not say.

    Example:
        >>> told_format(b"solid cube"), told_format(b"# Blender\\nv 0 0 0\\n"), told_format(b"0 0 0\\n")
        ('stl', 'obj', None)
    """
    start = data[:4096].removeprefix(b"\xef\xbb\xbf")
    for kind, pattern in _BEGINNINGS:
        if re.match(pattern, start):
            return kind
    if start.startswith(b"PK\x03\x04") and b"3D/" in data and b".model" in data:
        return "3mf"
    for line in start.splitlines():
        word = line.split(None, 1)[:1]
        if word and not word[0].startswith(b"#"):
            if re.fullmatch(rb"(ST)?C?N?4?n?OFF\d*", word[0]):
                return "off"
            if word[0] in _OBJ_KEYWORDS:
                return "obj"
            break
    return "stl" if is_whole_stl(data) else None
