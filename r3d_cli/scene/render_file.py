"""One mesh file to its pictures: read, prepared once, drawn from every camera, each pass written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from r3d_cli.errors import R3dError
from r3d_cli.scene.backdrop import backdrop, over
from r3d_cli.scene.emptiness import SAME_COLOR, empty_line, shows_nothing, why_uncovered
from r3d_cli.scene.framing import Subject, frame
from r3d_cli.scene.inputs import Input
from r3d_cli.scene.model import Material, RawMesh, Texture

if TYPE_CHECKING:
    from r3d_cli.scene.camera import Camera
    from r3d_cli.scene.camera_files import NamedCamera
    from r3d_cli.scene.draw import Drawable
    from r3d_cli.scene.themes import Theme
    from r3d_cli.scene.wireframe import Wireframe

Size = tuple[int, int]  # H, W
Color = tuple[float, ...]  # red, green, blue and perhaps alpha, sRGB, 0..1
Passes = dict[str, NDArray[Any]]

#: Shadings that ``scene.soft`` does.
SOFT = ("soft-phong", "silhouette")

#: Samples of other shadings that take as long as one of theirs, roughly.
_SOFT_WORK = 32


@dataclass(frozen=True)
class Look:
    """How a mesh is drawn; what each means is said by ``scene.draw.draw`` and ``scene.soft.draw_soft``.

    Attributes:
        background: A colour, or the file of a picture.
        theme: Its colour, if it has one, is put on the whole mesh, instead of the mesh's own materials.
        texture: On the whole mesh, instead of its own materials.
        soft: sigma, gamma, blur, faces_per_pixel; those that were given.
        device: auto, cpu, cuda or cuda:N.
    """

    shading: str
    background: Color | Path
    lights: NDArray[np.floating]
    supersampling: int = 2
    cull: bool = False
    wireframe: Wireframe | None = None
    theme: Theme | None = None
    texture: Path | None = None
    soft: Mapping[str, Any] = field(default_factory=dict)
    device: str = "auto"

    def load_pictures(self, size: Size) -> None:
        """Read the files that it names, once for all meshes, for pictures of ``size``.

        Raises:
            R3dError: One cannot be read.
        """
        if isinstance(self.background, Path):
            backdrop(self.background, size)
        if self.texture is not None:
            _read_texture(self.texture)


@dataclass(frozen=True)
class Stand:
    """Where the cameras of a mesh stand: those of a file, or around it.

    Attributes:
        size: Of the pictures, unless a camera of a file has one of its own.
        directions: (azimuth, elevation) of each view, degrees.
        framing: More arguments of ``frame``.
        cameras: Of a file; where there are any, they count.
        own_sizes: Whether those cameras' sizes come before ``size``.
        within: The cameras within each mesh's own file, by its path, or what is wrong there; where there are
            any, they count.
    """

    size: Size
    directions: Sequence[tuple[float, float]]
    framing: Mapping[str, Any] = field(default_factory=dict)
    cameras: Sequence[NamedCamera] = ()
    own_sizes: bool = False
    within: Mapping[str, Sequence[NamedCamera] | R3dError] = field(default_factory=dict)

    def of(self, source: Input) -> Stand:
        """Where the cameras of one mesh stand, whose file may have some of its own.

        Raises:
            R3dError: It should have, and has none that can be read.
        """
        if not self.within:
            return self
        found = self.within[source.path]
        if isinstance(found, R3dError):
            raise found
        return replace(self, cameras=found, within={})

    @property
    def names(self) -> list[str]:
        """Of the views."""
        return [camera.name for camera in self.cameras] or [str(view) for view in range(len(self.directions))]

    @property
    def sizes(self) -> list[Size]:
        """Of the views."""
        if not self.cameras:
            return [self.size] * len(self.directions)
        return [(camera.size if self.own_sizes else None) or self.size for camera in self.cameras]

    def shots(self, mesh: RawMesh) -> Iterator[NamedCamera]:
        """The cameras; a ValueError where the mesh has nothing to look at."""
        from r3d_cli.scene.camera_files import NamedCamera

        if self.cameras:
            for given, size in zip(self.cameras, self.sizes, strict=True):
                yield NamedCamera(given.name, given.camera, size)
            return
        subject = Subject.of(mesh)
        for name, (azimuth, elevation) in zip(self.names, self.directions, strict=True):
            camera = frame(subject, azimuth=azimuth, elevation=elevation, size=self.size, **self.framing)
            yield NamedCamera(name, camera, self.size)


@dataclass(frozen=True)
class Drawn:
    """One picture.

    Attributes:
        passes: By name, "rgb" in 8 bits; where wanted "light", the same as linear light, which soft shadings
            do not give.
        covered: Share of it that faces cover, 0..1: of the samples; of soft shadings, of the pixels that they
            cover by half.
        empty: The likely cause, where it shows nothing.
    """

    passes: Passes
    covered: float
    empty: str | None = None


@dataclass(frozen=True)
class Shown:
    """A mesh that is ready to be drawn.

    Attributes:
        look: How.
        mesh: As read, with the look's colour or texture.
        device, reason: Where it is drawn, and why there.
    """

    look: Look
    mesh: RawMesh
    device: str
    reason: str
    drawable: Drawable | None  # None: drawn softly

    def draw(
        self, camera: Camera, size: Size, passes: Sequence[str] = ("rgb",), *, want_light: bool = False
    ) -> Drawn:
        """One picture."""
        from r3d_cli.scene.draw import draw

        look = self.look
        behind = look.background
        background = backdrop(behind, size) if isinstance(behind, Path) else behind
        made: Passes = {}
        covered = 0.0
        if self.drawable is None and "rgb" in passes:
            made["rgb"], covered = self._draw_softly(camera, size, background)
            passes = [name for name in passes if name != "rgb"]
        if passes:
            picture = draw(
                self.drawable or self.mesh,
                camera,
                size=size,
                passes=passes,
                background=background,
                supersampling=look.supersampling,
                lights=look.lights,
                cull=look.cull,
                wireframe=look.wireframe,
                want_light=want_light,
                device=self.device,
            )
            made |= picture.passes
            if picture.light is not None:
                made["light"] = picture.light
            covered = covered if "rgb" in made and "rgb" not in passes else picture.coverage
        return Drawn(made, covered, self._why_empty(made, covered, background, camera, size))

    def _why_empty(
        self, made: Passes, covered: float, background: Color | NDArray[np.uint8], camera: Camera, size: Size
    ) -> str | None:
        if "rgb" in made and not shows_nothing(made["rgb"], background):
            return None  # also of a soft shading that covers no pixel by half
        if not covered:
            return why_uncovered(self.mesh, camera, size, cull=self.look.cull)
        return SAME_COLOR if "rgb" in made else None

    def record(
        self,
        path: str | None,
        source: Input,
        size: Size,
        seconds: float,
        covered: float,
        more: Mapping[str, Any],
    ) -> dict[str, Any]:
        """What --json says of a picture or a film."""
        return {
            "path": path,
            "file": str(source),
            **more,
            "width": size[1],
            "height": size[0],
            "covered": round(covered, 6) or (0.0 if not covered else 1e-6),
            "vertices": len(self.mesh.verts),
            "faces": len(self.mesh.faces),
            "device": self.device,
            "seconds": round(seconds, 6),
        }

    def _draw_softly(
        self, camera: Camera, size: Size, background: Color | NDArray[np.uint8]
    ) -> tuple[NDArray[np.uint8], float]:
        from r3d_cli.scene.soft import draw_soft

        look = self.look
        clear = (0.0, 0.0, 0.0, 0.0)
        picture = draw_soft(
            self.mesh,
            camera,
            size=size,
            shading=look.shading,
            background=clear if isinstance(background, np.ndarray) else background,
            lights=look.lights,
            device=self.device,
            **look.soft,
        )
        image = picture.image
        return over(image, background) if isinstance(background, np.ndarray) else image, picture.coverage


def show_file(source: Input, look: Look, format: str | None, *, samples: int) -> Shown:
    """Read a file and make it ready.

    Args:
        source: The file.
        look: How it is to be drawn.
        format: Of the file; None: told by its name or content.
        samples: Of all pictures, for the choice of the device.

    Raises:
        R3dError: It cannot be read, has nothing to draw, or cannot be drawn on that device.
    """
    from r3d_cli.backend.devices import choose_device
    from r3d_cli.scene.draw import Drawable
    from r3d_cli.scene.readers import read_mesh

    mesh = read_mesh(source.path, format)
    if not len(mesh.faces):
        what = f"only {len(mesh.verts):,} points" if len(mesh.verts) else "no faces"
        lost = "".join(f" ({text.removeprefix(f'{source}: ')})" for text in mesh.warnings[:1])
        raise R3dError(f"{source}: has {what}; render draws triangle meshes{lost}")
    if look.texture is not None:
        mesh.materials = [_texture(look.texture, mesh, source)]
        mesh.faces_material = mesh.colors = mesh.face_colors = None
    elif look.theme is not None:
        mesh = look.theme.dress(mesh)
    if look.shading in SOFT:
        samples *= _SOFT_WORK
    choice = choose_device(look.device, faces=len(mesh.faces), samples=samples)
    drawable = None
    if look.shading not in SOFT:
        drawable = Drawable(mesh, shading=look.shading, device=choice.device)
    return Shown(look, mesh, choice.device, choice.reason, drawable)


def _texture(file: Path, mesh: RawMesh, source: Input) -> Material:
    if mesh.uvs is None:
        raise R3dError(f"{source}: has no texture coordinates to put {file} on; leave out --texture")
    return Material(base_color=(1.0, 1.0, 1.0, 1.0), base_color_texture=Texture(_read_texture(file)))


@lru_cache(maxsize=1)
def _read_texture(file: Path) -> NDArray[np.uint8]:  # (H, W, 3 or 4)
    from r3d_cli.scene.readers.images import ImageError, read_image

    if not file.is_file():
        raise R3dError(f"{file}: no such image for --texture")
    try:
        return read_image(file, alpha=True)
    except ImageError as error:
        raise R3dError(f"{file}: cannot be read as the image of --texture: {error}") from error


#: Takes the passes of view number N, and says which files they went to and which passes each of those holds.
Sink = Callable[[int, "NamedCamera", Passes], Iterable[tuple[str | None, tuple[str, ...]]]]


@dataclass(frozen=True)
class Outcome:
    """What came of a file.

    Attributes:
        records: One of each picture, in the form of --json.
        cameras: Of each view.
        warnings: One line each.
        device, reason: Where it was drawn, and why there.
    """

    records: list[dict[str, Any]]
    cameras: list[NamedCamera]
    warnings: list[str]
    device: str
    reason: str


def render_file(
    source: Input,
    look: Look,
    stand: Stand,
    passes: Sequence[str],
    sink: Sink,
    *,
    format: str | None = None,
    convention: str = "opencv",
    want_light: bool = False,
    fail_empty: bool = False,
) -> Outcome:
    """Draw a file from all cameras; see the parts above. Empty pictures are warned of in one line.

    Raises:
        R3dError, OSError: A line about what is wrong with it; with ``fail_empty``, that a picture is empty:
            neither that one is written nor those after it.
    """
    from r3d_cli.scene.camera_files import camera_record

    started = time.perf_counter()
    stand = stand.of(source)
    samples = sum(height * width for height, width in stand.sizes) * look.supersampling**2
    shown = show_file(source, look, format, samples=samples)
    records, cameras = [], []
    empty: list[tuple[int, str]] = []
    try:
        for view, shot in enumerate(stand.shots(shown.mesh)):
            assert shot.size is not None
            drawn = shown.draw(shot.camera, shot.size, passes, want_light=want_light)
            if drawn.empty is not None:
                empty.append((view, drawn.empty))
                if fail_empty:
                    break
            files = list(sink(view, shot, drawn.passes))
            now = time.perf_counter()
            for path, names in files:
                of_pass = {"pass": names[0] if len(names) == 1 else list(names), "view": view}
                took = (now - started) / len(files)
                record = shown.record(path, source, shot.size, took, drawn.covered, of_pass)
                record["camera"] = camera_record(shot.camera, shot.size, convention)
                record |= {"empty": drawn.empty} if drawn.empty else {}
                records.append(record)
            cameras.append(shot)
            started = now
    except ValueError as error:  # the options were checked before, so this is about the mesh
        raise R3dError(f"{source}: {error}") from error
    warnings = list(shown.mesh.warnings)
    if empty:
        line = empty_line(str(source), len(stand.names), empty)
        if fail_empty:
            raise R3dError(line)
        warnings.append(line)
    return Outcome(records, cameras, warnings, shown.device, shown.reason)


def film_file(
    source: Input,
    look: Look,
    stand: Stand,
    path: str | Path,
    *,
    fps: float,
    format: str | None = None,
    fail_empty: bool = False,
) -> Outcome:
    """Draw a file from all cameras, each a picture of the film ``path``; see the parts above. A film is empty
    where all its frames are: a plane that turns is seen edge-on twice a turn."""
    from r3d_cli.scene.films import write_film

    started = time.perf_counter()
    samples = stand.size[0] * stand.size[1] * len(stand.directions) * look.supersampling**2
    shown = show_file(source, look, format, samples=samples)
    shares: list[float] = []
    causes: list[str] = []

    def frames(cameras: Sequence[NamedCamera]) -> Iterator[NDArray[np.uint8]]:
        for shot in cameras:
            drawn = shown.draw(shot.camera, stand.size)
            shares.append(drawn.covered)
            causes.extend([drawn.empty] if drawn.empty else [])
            yield drawn.passes["rgb"]
        if fail_empty and len(causes) == len(cameras):
            raise R3dError(line())  # before the film is whole, which is then not there

    def line() -> str:
        return f"{source}: all frames of the film are empty: {causes[0]}"

    try:
        cameras = list(stand.shots(shown.mesh))
        write_film(path, frames(cameras), fps=fps)
    except ValueError as error:
        raise R3dError(f"{source}: {error}") from error
    of_film = {"frames": len(cameras), "fps": fps}
    covered = sum(shares) / len(shares)
    record = shown.record(str(path), source, stand.size, time.perf_counter() - started, covered, of_film)
    warnings = list(shown.mesh.warnings)
    if len(causes) == len(cameras):
        record["empty"] = causes[0]
        warnings.append(line())
    return Outcome([record], cameras, warnings, shown.device, shown.reason)
