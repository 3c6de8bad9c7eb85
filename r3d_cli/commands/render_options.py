"""The options of ``r3d render``, each with its help, unit and default."""

from __future__ import annotations

import enum
from typing import Annotated

import typer


class Shading(str, enum.Enum):
    phong = "phong"
    gouraud = "gouraud"
    flat = "flat"
    unlit = "unlit"
    normals = "normals"
    soft_phong = "soft-phong"
    silhouette = "silhouette"


SOFT = (Shading.soft_phong, Shading.silhouette)


class Up(str, enum.Enum):
    auto = "auto"
    y = "y"
    z = "z"


class View(str, enum.Enum):
    front = "front"
    back = "back"
    left = "left"
    right = "right"
    top = "top"
    bottom = "bottom"
    iso = "iso"


class Fit(str, enum.Enum):
    sphere = "sphere"
    bounds = "bounds"


class Theme(str, enum.Enum):
    studio = "studio"
    clay = "clay"
    blueprint = "blueprint"


class Convention(str, enum.Enum):
    opencv = "opencv"
    opengl = "opengl"
    blender = "blender"
    pytorch3d = "pytorch3d"
    colmap = "colmap"


# -- What is drawn, and where it goes

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...",
        help="Mesh files (OBJ, PLY, STL, OFF, GLB, glTF and what trimesh reads), folders, quoted globs such "
        "as 'scans/**/*.ply'; - is standard input.",
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        show_default="told by the name, else by the content",
        help="Format of the files: obj, ply, stl, off, glb, gltf, …",
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE|TEMPLATE|-",
        show_default="the file's name with .png, in this directory",
        help="Picture to write, by its extension: PNG, JPEG, WebP; EXR, NPY or NPZ for measuring. With "
        "{stem} {name} {ext} {parent} {index} {view} {camera} {pass} in it, one for each: "
        "'out/{stem}_{view:03}_{pass}.png'. A folder/ takes them under their names. - writes a PNG to "
        "standard output.",
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print a line of JSON for each picture: file, faces, size, seconds, path, camera, and the share "
        "of it that faces cover (covered, 0 to 1; of a film: of all frames).",
    ),
]
Show = Annotated[
    bool, typer.Option("--show", help="Draw the picture in the terminal; without -o writes no file.")
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Print what would be written, and the memory it would take; do nothing."),
]

# -- The camera

Azimuth = Annotated[float, typer.Option(metavar="DEGREES", help="Camera's turn about the up axis, degrees.")]
Elevation = Annotated[
    float, typer.Option(metavar="DEGREES", help="Camera's height over the horizon, degrees.")
]
Distance = Annotated[
    float | None,
    typer.Option(
        metavar="D",
        show_default="the whole mesh fits",
        help="From the camera to the target, in the mesh's units.",
    ),
]
Fov = Annotated[
    float,
    typer.Option(
        metavar="DEGREES",
        help="Field of view over the shorter side, degrees; also for a --camera file that tells poses alone.",
    ),
]
Roll = Annotated[
    float,
    typer.Option(
        metavar="DEGREES", help="Camera's turn about its own axis, degrees; the picture turns the other way."
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        metavar="X,Y,Z",
        show_default="the mesh's middle",
        help="Point the camera looks at, in the mesh's units.",
    ),
]
UpAxis = Annotated[
    Up,
    typer.Option(
        help="Axis that points up; auto: what the format or the file says (z: STL, 3MF, STEP and COLLADA "
        "with Z_UP), else y. OBJ, PLY and OFF say nothing: give z for scans and CAD that lie on their back."
    ),
]
Orthographic = Annotated[bool, typer.Option("--orthographic", help="Parallel projection.")]
FitTo = Annotated[
    Fit | None,
    typer.Option(
        show_default="sphere",
        help="What fills the picture: the bounding sphere, the same from all sides, or this view alone.",
    ),
]
CameraFile = Annotated[
    str | None,
    typer.Option(
        "--camera",
        metavar="FILE|FOLDER|file",
        help="Cameras of a file, one picture each: JSON of r3d's form (see --cameras-out), NeRF's, "
        "nerfstudio's or Open3D's, NPZ with K and poses, trajectories (.log, TUM), a COLMAP model's folder, "
        "a GLB or glTF; the word file: those within each GLB or glTF that is drawn.",
    ),
]
CamerasOut = Annotated[
    str | None,
    typer.Option(metavar="FILE.json", help="Write the cameras of the pictures, as --camera reads them."),
]
CamerasConvention = Annotated[
    Convention, typer.Option(help="Axes of the cameras in --cameras-out, --json and --manifest.")
]
Views = Annotated[
    str | None,
    typer.Option(
        metavar="N|fibonacci:N",
        show_default="1",
        help="N cameras around the up axis from the azimuth on, or spread evenly over the sphere.",
    ),
]

ViewOption = Annotated[
    View | None,
    typer.Option(
        help="One camera by name instead of --azimuth and --elevation. The front is seen from +Z with y up, "
        "as glTF has it, and from -Y with z up, as CAD has it; right is the viewer's right then, from +X; "
        "iso is from the front, right and above at equal angles (add --orthographic for the drawing).",
    ),
]

# -- The picture

Size = Annotated[
    str | None,
    typer.Option(
        metavar="N|WxH", show_default="that of --camera, else 512", help="Width and height, pixels."
    ),
]
Passes = Annotated[
    str,
    typer.Option(
        "--pass",
        metavar="NAME,…",
        help="rgb, depth, normal, mask, faceid, uv, position. All but rgb are those of the pixel centres; "
        "8-bit PNG is for looking, --bits 16, EXR, NPY and NPZ for measuring.",
    ),
]
Bits = Annotated[
    int,
    typer.Option(metavar="8|16", help="Bits of a PNG's channels, but for rgb; 16: the scale is noted in it."),
]
DepthScale = Annotated[
    float | None,
    typer.Option(
        metavar="S",
        show_default="the finest that holds the picture",
        help="Mesh units of one step of 16-bit depth, the same in all files: 0.001 for millimetres of a mesh "
        "in metres. A depth beyond 65535 steps is an error.",
    ),
]
ShadingOption = Annotated[
    Shading | None,
    typer.Option(
        show_default="the theme's: phong",
        help="Lit at the samples, at the vertices, or faceted; colours alone; normals as colours; or soft, "
        "as differentiable renderers draw: lit faces that blend, or the black silhouette.",
    ),
]
ThemeOption = Annotated[
    Theme, typer.Option(help="Look of the rest: lights, background and colour where nothing else is said.")
]
Wire = Annotated[
    float | None,
    typer.Option("--wireframe", metavar="PIXELS", help="Draw the visible edges, so many pixels wide."),
]
WireColor = Annotated[
    str | None,
    typer.Option(
        "--wireframe-color", metavar="COLOR", show_default="the theme's", help="Colour of the edges."
    ),
]
Lights = Annotated[
    list[str] | None,
    typer.Option(
        "--light",
        metavar="X,Y,Z[,COLOR[,STRENGTH]]",
        show_default="the theme's",
        help="Light from a direction of the picture (x right, y up, z towards the viewer), white and of "
        "strength 1 by default; may be given several times.",
    ),
]
Ambient = Annotated[
    float | None,
    typer.Option(metavar="A", show_default="the theme's", help="Light from everywhere, 0 to 1 of white."),
]
Background = Annotated[
    str | None,
    typer.Option(
        metavar="COLOR|transparent|FILE",
        show_default="the theme's: white",
        help="A CSS colour (white, #1e90ff), transparent, or a picture, which is scaled to cover.",
    ),
]
Ssaa = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=16,
        show_default="2",
        help="Samples along each side of a pixel: N x N of the rgb pass are averaged.",
    ),
]
Cull = Annotated[bool, typer.Option("--cull", help="Leave out faces seen from behind.")]
TextureFile = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        show_default="the mesh's own",
        help="Image to put on the mesh by its texture coordinates.",
    ),
]
ColorOption = Annotated[
    str | None,
    typer.Option(
        metavar="COLOR",
        show_default="the mesh's own",
        help="One colour for the whole mesh, instead of its materials.",
    ),
]
Sigma = Annotated[
    float | None,
    typer.Option(
        metavar="S",
        show_default="1e-4",
        help="Soft shading: width of a face's edge, squared NDC distance (the shorter side is 2 long).",
    ),
]
Gamma = Annotated[
    float | None,
    typer.Option(
        metavar="G",
        show_default="1e-4",
        help="soft-phong: how fast faces fade with depth, a share of the mesh's depth.",
    ),
]
Blur = Annotated[
    float | None,
    typer.Option(
        metavar="PIXELS",
        show_default="where sigma leaves 1e-4 of a face",
        help="Soft shading: how far from a face it still counts, pixels.",
    ),
]
FacesPerPixel = Annotated[
    int | None,
    typer.Option(
        metavar="K",
        min=1,
        show_default="16; silhouette: all",
        help="Soft shading: only the K nearest faces of a pixel count.",
    ),
]

# -- Films

Turntable = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|TEMPLATE",
        help="Film of one turn about the up axis: GIF, WebP or MP4 by its extension.",
    ),
]
Frames = Annotated[
    int | None,
    typer.Option(metavar="N", min=2, max=10_000, show_default="36", help="Pictures of --turntable."),
]
Seconds = Annotated[
    float | None, typer.Option(metavar="S", show_default="3", help="Length of --turntable, seconds.")
]

# -- Many files

Jobs = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=1,
        max=256,
        help="Files drawn at once, each by a process of its own; they share the threads.",
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", show_default="none", help="Give a file up after so long, and go on."),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Leave out files whose pictures are all there and whole.")
]
FailEmpty = Annotated[
    bool,
    typer.Option(
        "--fail-empty",
        help="A file fails, with exit code 1, at a picture that shows nothing: no face covers it, or all has "
        "the background's colour. That picture is not written, nor are the file's further ones; of films, "
        "all frames must be empty. Else it is written, and a warning says so.",
    ),
]
Shard = Annotated[
    str | None,
    typer.Option(
        metavar="I/N",
        show_default="all of them",
        help="Only every N-th file, from the I-th on: machine 1 of 4 does 1/4.",
    ),
]
ManifestOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.jsonl",
        help="Write the lines of --json there; with --resume behind those there are: a path's last counts.",
    ),
]

# -- Files of strangers

Untrusted = Annotated[
    bool | None,
    typer.Option(
        "--untrusted/--trusted",
        show_default="--trusted",
        help="The files come from strangers: what they name (textures, libraries, buffers) must lie within "
        "their own folder, links resolved, standard input names nothing, no other program is run for them, "
        "and the limits below hold, by default 67,108,864 pixels, 20,000,000 faces and 4096 MiB. "
        "R3D_UNTRUSTED=1 in the environment says the same for all commands. Files and pictures that the "
        "command line names are trusted. Add --timeout, and --jobs for a process of each file's own.",
    ),
]
MaxPixels = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        show_default="what memory holds; --untrusted: 67,108,864",
        help="Most pixels of an image that is read and of a picture that is made.",
    ),
]
MaxFaces = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        show_default="none; --untrusted: 20,000,000",
        help="Most faces of a mesh, each copy that a scene shows counted.",
    ),
]
MaxMemory = Annotated[
    int | None,
    typer.Option(
        metavar="MIB",
        min=256,
        show_default="none; --untrusted: 4096",
        help="Most memory of a process, MiB; the system refuses more.",
    ),
]

# -- The machine

Device = Annotated[
    str,
    typer.Option(
        metavar="auto|cpu|cuda[:N]",
        help="Where to draw; auto: the GPU where that pays off, else the CPU.",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=1024,
        show_default="as many as this process may use CPUs",
        help="CPU threads; the variable R3D_NUM_THREADS sets them too.",
    ),
]
