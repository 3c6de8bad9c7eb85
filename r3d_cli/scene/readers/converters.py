"""Formats that r3d does not read, and what makes a file of them that it does."""

from __future__ import annotations

_BLENDER = "make a GLB of it in Blender: File > Import, then File > Export > glTF 2.0"
_ASSIMP = "make a GLB of it: assimp export {file} mesh.glb, or in Blender"
_CAD = "make a GLB of it in FreeCAD (File > Export > glTF), or export STL from the program that wrote it"
_MESHIO = "make a PLY of it: meshio convert {file} mesh.ply, or in ParaView"

#: What formats are, the way from them, and their extensions.
_KINDS: tuple[tuple[str, str, str], ...] = (
    ("FBX", f"{_BLENDER}; or with FBX2glTF", "fbx"),
    ("Blender's", "open it in Blender and make a GLB of it: File > Export > glTF 2.0", "blend"),
    ("USD", _BLENDER, "usd usda usdc usdz"),
    ("Alembic", _BLENDER, "abc"),
    ("X3D or VRML", f"{_BLENDER}; or in MeshLab", "x3d x3dv wrl vrml"),
    ("3D Studio's", _ASSIMP, "3ds"),
    ("of older programs", _ASSIMP, "lwo x ac b3d ms3d cob md2 md3 md5mesh ase dxf irrmesh"),
    ("3ds Max's", "export it from 3ds Max as glTF or OBJ", "max"),
    ("Maya's", "export it from Maya as glTF or OBJ", "ma mb"),
    ("Cinema 4D's", "export it from Cinema 4D as glTF", "c4d"),
    ("SketchUp's", "export it from SketchUp as GLB or COLLADA", "skp"),
    ("Rhino's", "export it from Rhino as glTF or OBJ", "3dm"),
    ("of CAD", _CAD, "iges igs brep sldprt sldasm catpart ipt prt sat jt dwg fcstd"),
    ("IFC", "make a GLB of it: IfcConvert {file} mesh.glb", "ifc"),
    ("of simulations", _MESHIO, "vtk vtu vtp vtkhdf msh inp nas xdmf"),
    ("of point clouds", "save the mesh of it as PLY", "pcd las laz e57 pts ptx"),
    ("of Gaussian splats", "export a mesh of it as PLY or GLB", "splat spz ksplat"),
    ("bare Draco", "put it into a GLB, whose Draco meshes are read", "drc"),
    ("an archive", "unpack it and name the mesh in it", "zip"),
)
_WAYS = {extension: (name, way) for name, way, extensions in _KINDS for extension in extensions.split()}


def way_from(kind: str, file: str) -> str | None:
    """What to say of a file of a format that is not read, or None where nothing is known of that.

    Args:
        kind: The extension, or a format of `content.told_format`.
        file: The file's name, for commands.

    Example:
        >>> way_from("ifc", "house.ifc")
        'its format (ifc: IFC) is not read; make a GLB of it: IfcConvert house.ifc mesh.glb'
    """
    if kind not in _WAYS:
        return None
    name, way = _WAYS[kind]
    return f"its format ({kind}: {name}) is not read; {way.replace('{file}', file)}"
