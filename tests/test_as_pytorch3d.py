"""r3d in the place of PyTorch3D. All in processes of their own: what is installed stays installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def run_code(code: str, input: str = "") -> str:
    done = subprocess.run([sys.executable, "-c", code], input=input, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


TRY_ALL = """
import json, sys
import r3d_cli.as_pytorch3d
answers = {}
for statement in json.loads(sys.stdin.read()):
    scope = {}
    try:
        exec(statement, scope)
        answers[statement] = repr(scope.get("answer"))
    except Exception as error:
        answers[statement] = f"{type(error).__name__}: {error}"
print(json.dumps(answers))
"""

ANSWERS = {
    "import pytorch3d; answer = pytorch3d.__version__": "'0.7.9'",
    "import pytorch3d, sys; answer = pytorch3d.__path__, 'torch' in sys.modules": "([], False)",
    "import pytorch3d, r3d_cli; answer = pytorch3d.structures.Meshes is r3d_cli.structures.Meshes": "True",
    "from pytorch3d.structures.meshes import Meshes; answer = Meshes.__module__": (
        "'r3d_cli.structures.meshes'"
    ),
    "from pytorch3d.structures.volumes import VolumeLocator; answer = VolumeLocator.__name__": (
        "'VolumeLocator'"
    ),
    "from pytorch3d.transforms import *; answer = Transform3d.__name__": "'Transform3d'",
    "import pytorch3d.ops.utils as u; answer = u.eyes(2, 1).tolist()": "[[[1.0, 0.0], [0.0, 1.0]]]",
    "import pytorch3d.renderer.mesh.rasterizer as r; answer = r.__name__": (
        "'pytorch3d.renderer.mesh.rasterizer'"
    ),
    # Where a function has its module's name, the attribute is the function and the path is the module.
    "import pytorch3d.ops.packed_to_padded; answer = pytorch3d.ops.packed_to_padded.__module__": (
        "'r3d_cli.ops.packed_to_padded'"
    ),
    "from pytorch3d.ops.packed_to_padded import padded_to_packed as f; answer = f.__name__": (
        "'padded_to_packed'"
    ),
    "import pytorch3d.ops; answer = hasattr(pytorch3d.ops, 'foo'), 'eyes' in dir(pytorch3d.ops)": (
        "(False, True)"
    ),
    "import pytorch3d; answer = 'renderer' in dir(pytorch3d), 'cameras' in dir(pytorch3d.renderer)": (
        "(True, True)"
    ),
    "import pytorch3d.structures.pointclouds as p; answer = 'check_shape' in dir(p), hasattr(p, 'Tensor')": (
        "(False, False)"
    ),
    "import pickle; from pytorch3d.ops import eyes as f; answer = pickle.loads(pickle.dumps(f)) is f": "True",
    "from pytorch3d.ops import eyess": ("ImportError: r3d has no pytorch3d.ops.eyess: near it are eyes"),
    "import pytorch3d.ops as o; o.eyess": "AttributeError: r3d has no pytorch3d.ops.eyess: near it are eyes",
    "import pytorch3d.ops.eyess": "ModuleNotFoundError: r3d has no pytorch3d.ops.eyess: near it are eyes",
    "from pytorch3d.structures import wmean": (
        "ImportError: r3d has no pytorch3d.structures.wmean: it is in pytorch3d.ops"
    ),
    "from pytorch3d import _C": (
        "ImportError: r3d has no pytorch3d._C: it is PyTorch3D's compiled module, whose functions "
        "pytorch3d.ops and pytorch3d.renderer offer"
    ),
    "import pytorch3d.implicitron.models": (
        "ModuleNotFoundError: r3d has no pytorch3d.implicitron: "
        "it is a framework of its own on top of PyTorch3D"
    ),
    "import pytorch3d.foo": (
        "ModuleNotFoundError: r3d has no pytorch3d.foo: pytorch3d has common, datasets, io, loss, ops, "
        "renderer, structures, transforms, utils, vis"
    ),
    "from pytorch3d.io import xyzzy": (
        "ImportError: r3d has no pytorch3d.io.xyzzy: nothing there is near it"
    ),
    "import pytorch3d.structures as s; s.extra = 1; answer = s.extra": "1",
    "from importlib.util import find_spec as f; answer = f('pytorch3d._C'), f('pytorch3d.ops.eyess')": (
        "(None, None)"
    ),
    "import pytorch3d._C": (
        "ModuleNotFoundError: r3d has no pytorch3d._C: it is PyTorch3D's compiled module, whose functions "
        "pytorch3d.ops and pytorch3d.renderer offer"
    ),
    "from pytorch3d.structures import Textures": (
        "ImportError: r3d has no pytorch3d.structures.Textures: it is in pytorch3d.renderer"
    ),
    "from pytorch3d.renderer import MeshRasterizerOpenGL": (
        "ImportError: r3d has no pytorch3d.renderer.MeshRasterizerOpenGL: r3d does not draw through OpenGL; "
        "use MeshRasterizer"
    ),
    "import pytorch3d.renderer.mesh.clip as c; c.clip_faces": (
        "AttributeError: r3d has no pytorch3d.renderer.mesh.clip.clip_faces: r3d's rasterizer clips faces "
        "itself; MeshRasterizer takes z_clip_value and cull_to_frustum"
    ),
    "from pytorch3d.renderer.mesh.rasterize_meshes import _RasterizeFaceVerts": (
        "ImportError: r3d has no pytorch3d.renderer.mesh.rasterize_meshes._RasterizeFaceVerts: it is "
        "internal to PyTorch3D"
    ),
    "from pytorch3d.vis.plotly_vis import AxisArgs, plot_scene as f; answer = f.__module__": (
        "'r3d_cli.vis.plotly_vis'"
    ),
    "from pytorch3d.vis import texture_vis as t; answer = t.__name__, t.texturesuv_image_PIL.__name__": (
        "('pytorch3d.vis.texture_vis', 'texturesuv_image_PIL')"
    ),
    # Modules of PyTorch3D import from its other groups.
    "from pytorch3d.renderer.mesh.shading import interpolate_face_attributes as f; answer = f.__module__": (
        "'r3d_cli.ops.interp_face_attrs'"
    ),
    "from pytorch3d.transforms.so3 import hat; answer = hat.__module__": "'r3d_cli.transforms.so3'",
    "from pytorch3d.renderer.mesh.textures import TexturesBase as b, TexturesUV as t; "
    "answer = issubclass(t, b)": "True",
}


@pytest.fixture(scope="module")
def answers() -> dict[str, str]:
    return json.loads(run_code(TRY_ALL, json.dumps(list(ANSWERS))))


@pytest.mark.parametrize("statement", ANSWERS)
def test_statement(answers: dict[str, str], statement: str) -> None:
    assert answers[statement] == ANSWERS[statement]


MISSING = """
import importlib, sys
import r3d_cli.as_pytorch3d
for line in sys.stdin.read().splitlines():
    path, _, names = line.partition(": ")
    module = importlib.import_module(f"pytorch3d.{path}")
    group = importlib.import_module(f"pytorch3d.{path.partition('.')[0]}")
    for name in names.split():
        if getattr(module, name, None) is None or getattr(module, name) is not getattr(group, name, None):
            print(name)
"""


def test_names_are_also_where_pytorch3d_keeps_them(repository: Path) -> None:
    tests = repository / "tests"
    signatures = (tests / "pytorch3d_api.txt").read_text().splitlines()
    promised = {line.partition("(")[0].split(".")[1] for line in signatures}
    paths = (tests / "pytorch3d_paths.txt").read_text()
    assert promised & set(run_code(MISSING, paths).split()) == set()


IMAGINED = """
import r3d_cli.as_pytorch3d
from r3d_cli.as_pytorch3d import mirror, paths
paths.SUBMODULES["ops"] += " imagined"
paths.paths.cache_clear()
mirror.FUNCTIONS |= {"ops.imagined"}
paths.NOT_YET["ops"] += " imagined"

import pytorch3d.ops

def refused():
    try:
        from pytorch3d.ops import imagined
    except ImportError as error:
        return str(error)

missing = "r3d has no pytorch3d.ops.imagined yet (this is r3d " + r3d_cli.__version__ + ")"
assert refused() == missing
import pytorch3d.ops.imagined
assert not hasattr(pytorch3d.ops, "imagined")
assert "imagined" not in dir(pytorch3d.ops)
assert refused() == missing  # with the submodule imported too
import importlib
assert importlib.import_module("pytorch3d.ops.imagined").__name__ == "pytorch3d.ops.imagined"
try:
    from pytorch3d.ops.imagined import imagined
except ImportError as error:
    assert str(error) == missing.replace("imagined", "imagined.imagined"), error
else:
    raise AssertionError

def imagined(): ...
r3d_cli.ops.imagined = imagined
r3d_cli.ops.__all__.append("imagined")
from pytorch3d.ops import imagined as found
from pytorch3d.ops.imagined import imagined as found_below
assert found is found_below is imagined is pytorch3d.ops.imagined
"""


def test_a_submodule_never_stands_for_a_function_that_is_missing() -> None:
    run_code(IMAGINED)


ONE_BY_ONE = """
import importlib, sys
from types import ModuleType
import r3d_cli.as_pytorch3d
for line in sys.stdin.read().splitlines():
    path, _, names = line.partition(": ")
    for module in path, path.partition(".")[0]:
        importlib.import_module(f"pytorch3d.{module}")
        for name in names.split():
            scope = {}
            try:
                exec(f"from pytorch3d.{module} import {name} as found", scope)
            except ImportError as error:
                missing = f"r3d has no pytorch3d.{module}.{name}"
                assert str(error).startswith(f"{missing} yet (" if module == path else missing), error
                assert not hasattr(sys.modules[f"pytorch3d.{module}"], name)
            else:
                assert not isinstance(scope["found"], ModuleType), (module, name)
"""


def test_each_name_of_pytorch3d_is_itself_or_an_import_error_that_names_it(repository: Path) -> None:
    run_code(ONE_BY_ONE, (repository / "tests" / "pytorch3d_paths.txt").read_text())


def test_examples_of_names_kept_for_client_code_run() -> None:
    code = """
import doctest, importlib, pkgutil
import r3d_cli.as_pytorch3d.kept as kept
tried = 0
for module in pkgutil.walk_packages(kept.__path__, kept.__name__ + "."):
    found = importlib.import_module(module.name)
    assert set(found.__all__) <= set(vars(found)), module.name
    result = doctest.testmod(found, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert not result.failed
    tried += result.attempted
assert tried > 30
"""
    run_code(code)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs ``python -m r3d_cli.as_pytorch3d`` in a folder of its own."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "r3d_cli.as_pytorch3d", *arguments],
            cwd=tmp_path,
            env=os.environ | environment,
            capture_output=True,
            text=True,
        )

    return run


SCRIPT = """
import sys
import neighbour
import pytorch3d
def function(x: int): ...
if __name__ == "__main__":
    assert function.__annotations__ == {"x": int}
    print(sys.argv, neighbour.__name__, pytorch3d.__version__, sys.path[0], __file__)
    sys.exit(3)
"""


def test_a_script_runs_as_python_would_run_it(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "sub"
    folder.mkdir()
    (folder / "neighbour.py").write_text("")
    (folder / "script.py").write_text(SCRIPT)
    done = run("sub/script.py", "-m", "--flag")
    expected = f"['sub/script.py', '-m', '--flag'] neighbour 0.7.9 {folder} {folder / 'script.py'}\n"
    assert (done.returncode, done.stdout, done.stderr) == (3, expected, "")


def test_a_module_runs_as_python_would_run_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    code = "import sys, pytorch3d, package\nprint(sys.argv, __name__, __package__)\n"
    (tmp_path / "package" / "program.py").write_text(code)
    done = run("-m", "package.program", "a", "--b")
    program = tmp_path / "package" / "program.py"
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"['{program}', 'a', '--b'] __main__ package\n"


def test_a_script_lives_until_its_exit_handlers_have_run(run: Run, tmp_path: Path) -> None:
    code = "import atexit, sys\natexit.register(lambda: print(sys.modules['__main__'].__file__, answer))\n"
    (tmp_path / "script.py").write_text(f"# coding: latin-1\n{code}answer = 'ä'\n", encoding="latin-1")
    assert run("script.py", PYTHONIOENCODING="utf-8").stdout == f"{tmp_path / 'script.py'} ä\n"


def test_a_tracebacks_last_lines_are_the_scripts(run: Run, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("import pytorch3d.ops\npytorch3d.ops.foo\n")
    done = run("script.py")
    assert done.returncode == 1
    assert f'"{tmp_path / "script.py"}", line 2' in done.stderr
    assert done.stderr.splitlines()[-1].startswith("AttributeError: r3d has no pytorch3d.ops.foo")


@pytest.mark.parametrize("arguments", [[], ["-m"], ["--help"]])
def test_without_a_script_it_says_how(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(
        "usage: python -m r3d_cli.as_pytorch3d (script.py | -m module) [arguments]\n"
    )
    assert "--install" in done.stderr


def test_a_script_that_is_missing(run: Run) -> None:
    done = run("missing.py")
    assert (done.returncode, done.stderr) == (2, "r3d: error: missing.py: no such file\n")


def test_an_installed_pytorch3d_stays_unless_forced(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pytorch3d").mkdir()
    (tmp_path / "pytorch3d" / "__init__.py").write_text("__version__ = 'real'\n")
    (tmp_path / "script.py").write_text("import pytorch3d\nprint(pytorch3d.__version__)\n")
    done = run("script.py", PYTHONPATH=str(tmp_path))
    assert done.stdout == "real\n"
    assert "PyTorch3D is installed: it stays in charge" in done.stderr
    forced = run("script.py", PYTHONPATH=str(tmp_path), R3D_AS_PYTORCH3D="force")
    assert (forced.stdout, forced.stderr) == ("0.7.9\n", "")


def test_a_folder_that_only_has_the_name_is_not_pytorch3d(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pytorch3d" / "docs").mkdir(parents=True)  # a clone, seen from the folder around it
    (tmp_path / "script.py").write_text("import pytorch3d\nprint(pytorch3d.__version__)\n")
    done = run("script.py", PYTHONPATH=str(tmp_path))
    assert (done.stdout, done.stderr) == ("0.7.9\n", "")


def test_an_imported_pytorch3d_stays(tmp_path: Path) -> None:
    (tmp_path / "pytorch3d.py").write_text("")
    code = "import pytorch3d, r3d_cli.as_pytorch3d; print(pytorch3d.__file__)"
    environment = os.environ | {"R3D_AS_PYTORCH3D": "force"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{tmp_path / 'pytorch3d.py'}\n"
    assert "PyTorch3D is imported already" in done.stderr


def test_its_example_runs() -> None:
    code = "import doctest, r3d_cli.as_pytorch3d as m; r = doctest.testmod(m); print(r.attempted, r.failed)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "3 0\n"


def test_code_in_the_style_of_pytorch3ds_tutorials_runs(run: Run, repository: Path, tmp_path: Path) -> None:
    script = repository / "tests" / "ported" / "ground_floor.py"
    spot = repository / "examples" / "spot" / "spot.obj"
    done = run(str(script), "--obj", str(spot), "--output", str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_code_that_takes_old_names_helpers_and_internals_runs(
    run: Run, repository: Path, tmp_path: Path
) -> None:
    done = run(str(repository / "tests" / "ported" / "old_names.py"), str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
