"""The layers of the architecture, as imports show them: each knows those below, torch stays on top."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "r3d_cli"

#: Layer -> what of r3d_cli its modules may import besides their own layer.
BASE = {"constants", "errors", "checks", "extras"}
ALLOWED = {
    "backend": BASE,
    "scene": BASE | {"backend"},
    "reference": BASE | {"backend"},
}
LIBRARY = {
    "structures",
    "transforms",
    "ops",
    "loss",
    "renderer",
    "io",
    "utils",
    "datasets",
    "vis",
    "fit",
    "bench",
}
#: Only these may name torch, and trimesh only inside a function.
TORCH_LAYERS = LIBRARY | {"reference", "as_pytorch3d"}
HEAVY = {"numpy", "torch", "trimesh", "imageio", "PIL", "pandas", "rich", "cupy", "scipy", "matplotlib"}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py"))


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path, *, top_level_only: bool) -> set[str]:
    """Dotted names of what a module imports; TYPE_CHECKING blocks do not count."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            found.update({f"{node.module}.{alias.name}" for alias in node.names})
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            return
        if top_level_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_the_layers_below(path: Path) -> None:
    layer = layer_of(path)
    everywhere = imports(path, top_level_only=False)
    if layer in ALLOWED:
        ours = {name.split(".")[1] for name in everywhere if name.startswith("r3d_cli.")}
        assert ours <= ALLOWED[layer] | {layer, "_native"}
    if layer in LIBRARY:
        assert not {name for name in everywhere if name.startswith(("r3d_cli.commands", "r3d_cli.main"))}
    if layer not in TORCH_LAYERS:
        assert not {name for name in everywhere if name.split(".")[0] == "torch"}
    assert "trimesh" not in {name.split(".")[0] for name in imports(path, top_level_only=True)}


@pytest.mark.parametrize("path", sorted((PACKAGE / "commands").glob("*.py")), ids=lambda path: path.stem)
def test_a_command_imports_nothing_heavy_until_it_runs(path: Path) -> None:
    top = imports(path, top_level_only=True)
    assert not {name for name in top if name.split(".")[0] in HEAVY}
    assert {name.split(".")[1] for name in top if name.startswith("r3d_cli.")} <= BASE | {"commands"}


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from r3d_cli.main import run; run(['render', '--help']);"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_importing_every_module_below_the_library_loads_neither_torch_nor_trimesh() -> None:
    names = [
        ".".join(("r3d_cli", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        for path in modules()
        if layer_of(path) not in TORCH_LAYERS and path.stem != "__main__"
    ]
    code = (
        f"import importlib, sys; [importlib.import_module(name) for name in {names}];"
        "print('torch' in sys.modules, 'trimesh' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_every_op_has_its_siblings() -> None:
    """An op is known by its declaration, its reference, or its three C++ files."""
    import r3d_cli.ops  # noqa: F401, declares them
    from r3d_cli.ops.declare import OPS

    root = PACKAGE.parent
    sources = root / "cuda_src"
    stems = {path.stem for path in sources.glob("*/*.h") if path.with_suffix(".cu").is_file()}
    stems |= {path.stem for path in sources.glob("*/*.cpp") if path.with_suffix(".h").is_file()}
    helpers = ("cpu", "emulation", "readers")
    stems -= {path.stem for folder in helpers for path in (sources / folder).glob("*")}
    stems |= {path.stem for path in (PACKAGE / "reference").glob("*.py")} - {"__init__"}
    stems |= {op.stem for op in OPS.values()}
    missing = [
        f"{stem}: {sibling}"
        for stem in sorted(stems)
        for sibling in (
            f"cuda_src/*/{stem}.h",
            f"cuda_src/*/{stem}.cu",
            f"cuda_src/*/{stem}.cpp",
            f"r3d_cli/backend/{stem}.py",
            f"r3d_cli/reference/{stem}.py",
            f"r3d_cli/bench/cases/{stem}.py",
            f"tests/kernels/exercise_{stem}.py",
            f"tests/*/test_{stem}*.py",
        )
        if not list(root.glob(sibling))
    ]
    assert not missing, missing
