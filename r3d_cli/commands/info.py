"""``r3d info``: what mesh files hold, in numbers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from r3d_cli.commands import render_options as options
from r3d_cli.commands.limits import use_limits
from r3d_cli.errors import R3dError

if TYPE_CHECKING:
    from rich.table import Table

    from r3d_cli.scene.statistics import FileInfo, MaterialInfo, MeshInfo
    from r3d_cli.scene.topology import Topology

#: Width of a table that no terminal bounds: nothing is cut or wrapped in a pipe.
UNBOUNDED = 100_000


def info(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILES",
            help="Mesh files, folders of them (searched to the bottom) or quoted globs; - is standard input.",
        ),
    ],
    format: Annotated[
        str | None,
        typer.Option(
            metavar="obj|ply|stl|off|glb|gltf|...",
            show_default="told by the name, else by the content",
            help="Format of every file.",
        ),
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON per file instead of a table.")
    ] = False,
    untrusted: options.Untrusted = None,
    max_pixels: options.MaxPixels = None,
    max_faces: options.MaxFaces = None,
    max_memory: options.MaxMemory = None,
) -> None:
    """Say what mesh files hold.

    Counts, bounds, area and volume, whether the mesh is watertight, components, materials, textures. Lengths
    are in the mesh's own units, colours linear light. Exits with 1 if a file cannot be read; the others are
    still told of.
    """
    use_limits(untrusted, max_pixels, max_faces, max_memory)
    from r3d_cli.scene.statistics import file_info

    paths: list[str] = []
    found: list[FileInfo] = []
    failed = False

    def fail(error: R3dError) -> None:
        nonlocal failed
        typer.echo(f"r3d: error: {error}", err=True)
        failed = True

    for argument in files:
        try:
            paths += _find(argument)
        except R3dError as error:
            fail(error)
    for path in paths:
        try:
            told = file_info(path, format)
        except R3dError as error:
            fail(error)
            continue
        if json_:
            import json

            typer.echo(json.dumps(told.record(), allow_nan=False))
        else:
            found.append(told)
    if found and len(paths) == 1 and not failed:
        _print(_of_one(found[0]))
    elif found:
        for told in found:
            for warning in told.mesh.warnings:
                typer.echo(f"r3d: warning: {warning}", err=True)
        _print(_of_many(found))
    if failed:
        raise typer.Exit(1)


def _find(argument: str) -> list[str]:
    """The files that one argument means."""
    from r3d_cli.scene.inputs import find_inputs

    return [found.path for found in find_inputs([argument])]


def _print(table: Table) -> None:
    from rich.console import Console

    width = None if sys.stdout.isatty() else UNBOUNDED
    console = Console(width=width, markup=False, highlight=False, emoji=False)
    console.print(table)


def _of_one(told: FileInfo) -> Table:
    """Two columns, a property a row."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _rows(told):
        table.add_row(name, value)
    return table


def _rows(told: FileInfo) -> list[tuple[str, str]]:
    mesh = told.mesh
    shape = mesh.topology
    rows = [("file", told.path), ("format", f"{told.format}, {_bytes(told.bytes)}")]
    rows.append(("vertices", _counted(mesh.vertices, _vertex_notes(mesh))))
    degenerate = f"{mesh.degenerate_faces:,} of no area" if mesh.degenerate_faces else ""
    rows.append(("faces", _counted(mesh.faces, [degenerate])))
    if mesh.bounds is not None and mesh.size is not None:
        low, high = mesh.bounds
        spans = zip("xyz", low, high, strict=True)
        rows.append(("bounds", "  ".join(f"{axis} {a:.6g} to {b:.6g}" for axis, a, b in spans)))
        rows.append(("size", " x ".join(f"{side:.6g}" for side in mesh.size)))
    if mesh.faces:
        rows.append(("area", f"{mesh.area:.6g}"))
        if mesh.volume is not None:
            inside_out = " (the faces are inside out)" if mesh.volume < 0 else ""
            rows.append(("volume", f"{mesh.volume:.6g}{inside_out}"))
        rows.append(("watertight", _watertight(mesh)))
        rows.append(("edges", _counted(shape.edges, _edge_notes(shape))))
        if shape.nonmanifold_vertices:
            rows.append(("non-manifold", f"{shape.nonmanifold_vertices:,} vertices"))
        genus = "" if shape.genus is None else f"genus {shape.genus}"
        rows.append(("Euler", _noted(str(shape.euler_characteristic), [genus])))
        apart = mesh.as_stored.components
        stored = f"{apart:,} as stored" if apart != shape.components else ""
        rows.append(("components", _counted(shape.components, [stored])))
    rows.append(("up", mesh.up or "not told by the format"))
    has = {
        "normals": mesh.normals,
        "texture coordinates": mesh.uvs,
        "vertex colours": mesh.colors,
        "face colours": mesh.face_colors,
    }
    rows.append(("has", ", ".join(name for name, there in has.items() if there) or "positions only"))
    rows += [(f"material {id}", _material(material)) for id, material in enumerate(mesh.materials)]
    rows += [
        (
            f"texture {id}",
            f"{texture.width} x {texture.height}, {texture.channels} channels, "
            f"{' and '.join(dict.fromkeys(texture.wrap))}, {texture.filter}",
        )
        for id, texture in enumerate(mesh.textures)
    ]
    return rows + [("warning", warning) for warning in mesh.warnings]


def _of_many(files: list[FileInfo]) -> Table:
    """A file a row, narrow enough for a terminal."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("file", overflow="fold", min_width=12)
    for name in ("bytes", "vertices", "faces"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("closed", no_wrap=True)
    for name in ("parts", "mat.", "tex.", "warn."):
        table.add_column(name, justify="right", no_wrap=True)
    for told in files:
        mesh = told.mesh
        numbers = (mesh.topology.components, len(mesh.materials), len(mesh.textures), len(mesh.warnings))
        table.add_row(
            told.path,
            _bytes(told.bytes),
            f"{mesh.vertices:,}",
            f"{mesh.faces:,}",
            _yes(mesh.topology.watertight) if mesh.faces else "-",
            *(f"{number:,}" for number in numbers),
        )
    return table


def _vertex_notes(mesh: MeshInfo) -> list[str]:
    merged = mesh.topology.vertices
    used = mesh.vertices - mesh.unused_vertices
    return [
        f"{mesh.unused_vertices:,} in no face" if mesh.unused_vertices and mesh.faces else "",
        f"{merged:,} merged by position" if merged != used else "",
    ]


def _edge_notes(shape: Topology) -> list[str]:
    counts = {
        "boundary": shape.boundary_edges,
        "non-manifold": shape.nonmanifold_edges,
        "between faces of opposite orientation": shape.misoriented_edges,
    }
    return [f"{count:,} {name}" for name, count in counts.items() if count]


def _watertight(mesh: MeshInfo) -> str:
    merged, stored = mesh.topology.watertight, mesh.as_stored.watertight
    if merged == stored:
        return _yes(merged)
    return f"{_yes(merged)} with vertices merged by position, {_yes(stored)} as stored"


def _material(material: MaterialInfo) -> str:
    parts = [material.name or "(no name)", f"{material.faces:,} faces"]
    parts.append("colour " + " ".join(f"{value:.3g}" for value in material.base_color))
    if material.base_color_texture is not None:
        parts.append(f"texture {material.base_color_texture}")
    if any(material.emissive):
        parts.append("emissive " + " ".join(f"{value:.3g}" for value in material.emissive))
    if material.emissive_texture is not None:
        parts.append(f"emissive texture {material.emissive_texture}")
    cutoff = "" if material.alpha_cutoff is None else f" at {material.alpha_cutoff:g}"
    parts.append(f"{material.alpha_mode}{cutoff}")
    flags: dict[str, Any] = {"double-sided": material.double_sided, "unlit": material.unlit}
    return ", ".join(parts + [name for name, there in flags.items() if there])


def _counted(count: int, notes: list[str]) -> str:
    return _noted(f"{count:,}", notes)


def _noted(text: str, notes: list[str]) -> str:
    there = ", ".join(note for note in notes if note)
    return f"{text} ({there})" if there else text


def _yes(true: bool) -> str:
    return "yes" if true else "no"


def _bytes(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
