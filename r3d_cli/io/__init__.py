"""Meshes and point clouds from files and to them."""

from r3d_cli.io.obj import load_obj, load_objs_as_meshes, save_obj
from r3d_cli.io.ply import load_ply, save_ply

__all__ = ["load_obj", "load_objs_as_meshes", "load_ply", "save_obj", "save_ply"]
