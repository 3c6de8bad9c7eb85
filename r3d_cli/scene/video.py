"""Films as MP4: H.264, encoded by PyAV's FFmpeg, the optional dependency ``video``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from r3d_cli.errors import R3dError
from r3d_cli.extras import pip_install
from r3d_cli.scene.files import replacing

_ENCODER = "libx264"

#: ITU-R BT.709, as FFmpeg numbers matrices, primaries and transfer curves, and its range of 16 to 235.
_BT709, _LIMITED = 1, 1


def check_encoder(name: str) -> None:
    """Raise an R3dError, about the film ``name``, where no H.264 encoder is installed."""
    mend = f"{pip_install(extra='video')}, or name a .gif or .webp"
    try:
        import av
    except ImportError:
        raise R3dError(f"{name}: MP4 needs PyAV; {mend}") from None
    if _ENCODER not in av.codecs_available:
        raise R3dError(f"{name}: PyAV here has no {_ENCODER} encoder; {mend}")


def write_mp4(
    path: str | os.PathLike[str], frames: Iterable[NDArray[np.uint8]], fps: float, quality: int
) -> None:
    """Write frames of one shape as an MP4 that plays while it loads; see ``films.write_film``."""
    import av

    rate = Fraction(fps).limit_denominator(1001)
    # Constant rate factor: 18 looks like the original, 51 is the worst; 6 more halve the file.
    options = {"crf": f"{18 + (90 - quality) / 3:.1f}"}
    with (
        replacing(path) as file,
        av.open(str(file), "w", format="mp4", options={"movflags": "faststart"}) as container,
    ):
        stream = None
        for index, frame in enumerate(frames):
            pixels = _even(_opaque(frame, path))
            if stream is None:
                stream = container.add_stream(_ENCODER, rate=rate, options=options)
                stream.height, stream.width = pixels.shape[:2]
                stream.pix_fmt = "yuv420p"
                context = stream.codec_context
                context.colorspace = context.color_primaries = context.color_trc = _BT709
                context.color_range = _LIMITED
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
                format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
            )
            picture.pts, picture.time_base = index, 1 / rate
            container.mux(stream.encode(picture))
        if stream is not None:
            container.mux(stream.encode(None))


def _opaque(frame: NDArray[np.uint8], path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    if frame.shape[2] == 4 and (frame[..., 3] < 255).any():
        raise R3dError(f"{os.fspath(path)}: MP4 has no transparency; choose a background, or a .webp or .gif")
    return frame[..., :3]


def _even(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Even sides, which 4:2:0 colour needs: an odd one repeats its last pixels."""
    height, width = pixels.shape[:2]
    if height % 2 or width % 2:
        pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(pixels)
