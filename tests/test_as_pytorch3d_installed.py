"""``python -m r3d_cli.as_pytorch3d --install``: an environment where every process has r3d as pytorch3d."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest


class Environment:
    """A virtual environment that sees the packages of the one the tests run in."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder / "venv", with_pip=False)
        self.folder = folder
        self.python = folder / "venv" / "bin" / "python"
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        self.packages = folder / "venv" / "lib" / version / "site-packages"
        ours = sysconfig.get_paths()["purelib"]
        (self.packages / "tests.pth").write_text(f"import site; site.addsitedir({ours!r})\n")

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.python), *arguments],
            cwd=self.folder,
            env=os.environ | environment,
            capture_output=True,
            text=True,
        )

    def alias(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "r3d_cli.as_pytorch3d", *arguments)

    @property
    def package(self) -> Path:
        return self.packages / "pytorch3d"


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("installed"))
    assert environment.run("-c", "import pytorch3d").returncode == 1
    done = environment.alias("--install")
    assert (done.returncode, done.stderr) == (0, "")
    return environment


ASKS = "import pytorch3d; from pytorch3d.structures import Meshes; print(Meshes.__module__)"


def test_install_says_what_it_did_and_uninstall_undoes_it(environment: Environment) -> None:
    before = sorted(environment.packages.rglob("*"))
    for _ in range(2):  # the second time it is renewed
        done = environment.alias("--install")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == (
            f"import pytorch3d is r3d now in {environment.packages}; "
            "python -m r3d_cli.as_pytorch3d --uninstall takes it away\n"
        )
    assert [path.name for path in environment.package.iterdir()] == ["__init__.py"]
    done = environment.run("-c", ASKS)
    assert (done.stdout, done.stderr) == ("r3d_cli.structures.meshes\n", "")
    done = environment.alias("--uninstall")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"import pytorch3d is r3d no longer: deleted {environment.package}\n"
    assert sorted(environment.packages.rglob("*")) == before
    done = environment.run("-c", "import pytorch3d")
    assert done.stderr.endswith("ModuleNotFoundError: No module named 'pytorch3d'\n")
    done = environment.alias("--uninstall")
    assert (done.returncode, done.stdout) == (0, f"nothing to take away: there is no {environment.package}\n")


def test_it_costs_nothing_until_it_is_imported(installed: Environment) -> None:
    loads = "import sys; print(sorted({'r3d_cli', 'pytorch3d', 'torch'} & set(sys.modules)))"
    assert installed.run("-c", loads).stdout == "[]\n"
    assert installed.run("-c", f"import pytorch3d; {loads}").stdout == "['pytorch3d', 'r3d_cli']\n"


@pytest.mark.parametrize(
    "code",
    [
        ASKS,
        "from pytorch3d.structures.meshes import Meshes; print(Meshes.__module__)",
        f"import r3d_cli.as_pytorch3d; {ASKS}",
        f"{ASKS}; import r3d_cli.as_pytorch3d, pytorch3d.structures as s; assert s.Meshes is Meshes",
        f"import importlib.util as u; assert u.find_spec('pytorch3d'); {ASKS}",
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {ASKS!r}], check=True)",
    ],
)
def test_every_way_to_import_it_is_r3d(installed: Environment, code: str) -> None:
    done = installed.run("-W", "error::UserWarning", "-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "r3d_cli.structures.meshes\n", "")


def test_missing_names_are_explained_there_too(installed: Environment) -> None:
    done = installed.run("-c", "from pytorch3d.ops import eyess")
    assert done.stderr.endswith("ImportError: r3d has no pytorch3d.ops.eyess: near it are eyes\n")
    code = "import pytorch3d; from importlib.util import find_spec; print(find_spec('pytorch3d._C'))"
    assert installed.run("-c", code).stdout == "None\n"


SPAWNS = """
import torch.multiprocessing as mp
from pytorch3d.utils import ico_sphere

def work(rank, results):
    results.put((rank, ico_sphere(0).num_verts_per_mesh().item()))

if __name__ == "__main__":
    results = mp.get_context("spawn").SimpleQueue()
    mp.spawn(work, (results,), nprocs=2)
    print(sorted(results.get() for _ in range(2)))
"""


def test_spawned_processes_have_it(installed: Environment) -> None:
    (installed.folder / "spawns.py").write_text(SPAWNS)
    done = installed.run("spawns.py", OMP_NUM_THREADS="1")
    assert done.stdout == "[(0, 12), (1, 12)]\n", done.stderr


def test_children_of_torchrun_have_it(installed: Environment) -> None:
    code = f"import os\n{ASKS}\nopen(os.environ['RANK'], 'w').write(Meshes.__module__)\n"
    (installed.folder / "child.py").write_text(code)
    done = installed.run("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "child.py")
    assert done.returncode == 0, done.stderr
    for rank in "01":
        assert (installed.folder / rank).read_text() == "r3d_cli.structures.meshes"


def test_it_refuses_where_pytorch3d_is(environment: Environment) -> None:
    environment.package.mkdir()
    real = environment.package / "__init__.py"
    real.write_text("__version__ = 'real'\n")
    done = environment.alias("--install")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == (
        f"r3d: error: {real}: PyTorch3D is installed here and stays; uninstall it first"
    )
    done = environment.alias("--uninstall")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"r3d: error: {environment.package}: is not r3d's and stays"
    assert real.read_text() == "__version__ = 'real'\n"


def test_it_refuses_a_folder_of_other_things(environment: Environment) -> None:
    environment.package.mkdir()
    (environment.package / "notes.txt").write_text("mine")
    done = environment.alias("--install")
    assert done.returncode == 1
    assert done.stderr == (
        f"r3d: error: {environment.package}: is there already and not r3d's; delete it first\n"
    )
    assert [path.name for path in environment.package.iterdir()] == ["notes.txt"]


def test_a_folder_that_cannot_be_written_is_named(environment: Environment) -> None:
    environment.package.symlink_to(environment.folder / "missing" / "folder")
    done = environment.alias("--install")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"r3d: error: {environment.package}: cannot be written (File exists); install r3d into a virtual "
        "environment of your own, or ask this one's owner\n"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_named(environment: Environment) -> None:
    environment.packages.chmod(0o555)
    try:
        done = environment.alias("--install")
    finally:
        environment.packages.chmod(0o755)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"r3d: error: {environment.package}: cannot be written (Permission denied); "
    )


def test_without_r3d_it_says_what_to_delete(installed: Environment, tmp_path: Path) -> None:
    code = f"import sys; sys.path[:0] = [{str(installed.packages)!r}]; import pytorch3d"
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    (*_, line) = done.stderr.splitlines()
    assert line == (
        "ImportError: r3d, which stands for PyTorch3D here, is not installed (No module named 'r3d_cli'); "
        f"delete {installed.package}"
    )
