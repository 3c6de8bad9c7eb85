"""The commands by which r3d says what to install: an index has it, and they run where r3d does."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from r3d_cli import extras
from r3d_cli.bench.contestants import load_peer, peer_stems
from r3d_cli.extras import EXTRAS, as_run_here, pip_install, pip_reinstall, pip_uninstall
from r3d_cli.scene.readers import via_trimesh

PACKAGE = Path(extras.__file__).parent
MAKERS = {"pip_install", "pip_uninstall", "pip_reinstall", "as_run_here"}

#: Arguments that are not written where the command is made -> what they may be.
VALUES: dict[tuple[str, str], list[Any]] = {
    ("cuda_state.py", "extra"): ["cuda12", "cuda13"],
    ("via_trimesh.py", "*packages"): [words.split() for words in via_trimesh._PACKAGES.values()],
}


def test_extras_are_those_of_pyproject(repository: Path) -> None:
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    declared = project["optional-dependencies"]
    assert {name: list(packages) for name, packages in EXTRAS.items()} == {
        name: packages for name, packages in declared.items() if name not in ("test", "dev")
    }


def calls(maker: str) -> Iterator[tuple[Path, ast.Call]]:
    """Where the code makes such a command."""
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if maker not in text:  # to parse the whole package takes seconds, at each collection
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == maker:
                yield path, node


def possible(path: Path, node: ast.expr) -> list[Any]:
    if isinstance(node, ast.Constant):
        return [node.value]
    source = ast.unparse(node)
    assert (path.name, source) in VALUES, f"{path}: say in VALUES what {source} may be"
    return VALUES[path.name, source]


def installations() -> dict[str, list[str]]:
    """All that r3d asks to install: what pip is given -> where the command is made."""
    found: dict[str, list[str]] = {}
    for path, call in calls("pip_install"):
        lists: list[list[str]] = [[]]
        for argument in call.args:
            choices = [one if isinstance(one, list) else [one] for one in possible(path, argument)]
            lists = [[*before, *choice] for before in lists for choice in choices]
        for keyword in call.keywords:
            if keyword.arg == "extra":
                extras = possible(path, keyword.value)
                lists = [[*before, *EXTRAS[extra]] for before in lists for extra in extras]
        for requirements in lists:
            found.setdefault(shlex.join(requirements), []).append(path.name)
    for stem in peer_stems():
        command = getattr(load_peer(stem), "INSTALL", "")
        if command.startswith("pip install "):
            what = command.removeprefix("pip install ").partition(" (")[0]
            found.setdefault(what, []).append(f"{stem}.py")
    return found


INSTALLATIONS = installations()


def test_the_places_that_make_commands_are_found() -> None:
    assert {"pictures.py", "video.py", "gltf_draco.py", "via_trimesh.py", "cuda_state.py", "open3d.py"} <= {
        place for places in INSTALLATIONS.values() for place in places
    }
    assert "'OpenEXR>=3.3'" in INSTALLATIONS


def strings(tree: ast.AST) -> Iterator[ast.Constant]:
    """Strings of the code, docstrings left out."""
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            yield node


def test_no_message_has_a_command_of_its_own() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        if path == PACKAGE / "extras.py":
            continue
        for node in strings(ast.parse(path.read_text(encoding="utf-8"))):
            written = re.search(r"\bpip3? (un)?install\b|r3d-cli\[", node.value)
            # A peer's INSTALL goes through as_run_here.
            assert not written or path.parent.name == "peers", f"{path}:{node.lineno}: {node.value!r}"


def environment(
    monkeypatch: pytest.MonkeyPatch, python: str, pip: str | None, uv: str | None, *, module: bool
) -> None:
    monkeypatch.setattr(sys, "executable", python)
    monkeypatch.setattr(shutil, "which", {"pip": pip, "uv": uv}.get)
    found = SimpleNamespace() if module else None
    monkeypatch.setattr("importlib.util.find_spec", lambda name: found if name == "pip" else None)


@pytest.mark.parametrize(
    ("python", "pip", "uv", "module", "command"),
    [
        ("/v/bin/python", "/v/bin/pip", None, True, "pip install lxml"),
        ("/v/bin/python", "/usr/bin/pip", None, True, "/v/bin/python -m pip install lxml"),
        ("/v/bin/python", None, "/usr/bin/uv", True, "/v/bin/python -m pip install lxml"),
        ("/a v/bin/python", None, None, True, "'/a v/bin/python' -m pip install lxml"),
        ("/v/bin/python", "/usr/bin/pip", "/usr/bin/uv", False, "uv pip install --python /v/bin/python lxml"),
        (
            "/v/bin/python",
            "/usr/bin/pip",
            None,
            False,
            "/v/bin/python -m ensurepip && /v/bin/python -m pip install lxml",
        ),
        ("", "/usr/bin/pip", None, False, "pip install lxml"),
    ],
)
def test_a_command_installs_into_the_environment_of_r3d(
    monkeypatch: pytest.MonkeyPatch, python: str, pip: str | None, uv: str | None, module: bool, command: str
) -> None:
    environment(monkeypatch, python, pip, uv, module=module)
    assert pip_install("lxml") == command
    assert as_run_here("pip install lxml") == command
    assert pip_uninstall("lxml") == command.replace("pip install", "pip uninstall")
    assert as_run_here("apt install f3d") == "apt install f3d"


@pytest.mark.parametrize(
    ("told", "what"),
    [
        (None, "r3d-cli"),
        ({"url": "file:///home/a%20b/r3d", "dir_info": {"editable": True}}, "-e '/home/a b/r3d'"),
        ({"url": "file:///home/ab/r3d", "dir_info": {}}, "/home/ab/r3d"),
        ({"url": "file:///tmp/r3d_cli-0.1.0.whl", "archive_info": {}}, "/tmp/r3d_cli-0.1.0.whl"),
        ({"url": "https://example.org/r3d.whl", "archive_info": {}}, "https://example.org/r3d.whl"),
        (
            {"url": "https://example.org/r3d.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "git+https://example.org/r3d.git@abc",
        ),
    ],
)
def test_r3d_is_installed_anew_from_where_it_came(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, Any] | None, what: str
) -> None:
    environment(monkeypatch, "/v/bin/python", "/v/bin/pip", None, module=True)
    text = None if told is None else json.dumps(told)
    monkeypatch.setattr(metadata, "distribution", lambda name: SimpleNamespace(read_text=lambda file: text))
    assert pip_reinstall() == f"pip install --force-reinstall --no-deps {what}"


def test_without_metadata_r3d_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def distribution(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", distribution)
    assert pip_reinstall().endswith(" --force-reinstall --no-deps r3d-cli")


@pytest.fixture(scope="module")
def pip() -> list[str]:
    """A pip that reaches an index."""
    for program in ([sys.executable, "-m", "pip"], ["pip"]):  # an environment of uv has no pip
        try:
            done = subprocess.run(
                [*program, *QUICK, "--retries", "0", "--timeout", "5", "six"], capture_output=True, text=True
            )
        except FileNotFoundError:
            continue
        if done.returncode == 0:
            return program
    pytest.skip("no pip here reaches an index")


# The dependencies of what is named are its authors' business, and gigabytes.
QUICK = ["install", "--dry-run", "--no-deps", "--ignore-installed", "--quiet"]


def dry_run(pip: list[str], words: list[str]) -> str:
    """What pip complains of; "" where it would install them."""
    done = subprocess.run([*pip, *QUICK, *words], capture_output=True, text=True)
    missing_extra = "does not provide the extra" in done.stderr
    return done.stderr or "failed" if done.returncode or missing_extra else ""


@pytest.fixture(scope="module")
def all_at_once(pip: list[str]) -> bool:
    """Whether pip takes everything that an index has, in one run: a start of pip takes a second."""
    everything = sorted({word for what in INSTALLATIONS if "://" not in what for word in shlex.split(what)})
    return dry_run(pip, everything) == ""


@pytest.mark.slow
@pytest.mark.parametrize("what", INSTALLATIONS, ids=[what.replace(" ", "_") for what in INSTALLATIONS])
def test_what_r3d_asks_to_install_can_be_installed(pip: list[str], all_at_once: bool, what: str) -> None:
    words = shlex.split(what)
    if addresses := [word.removeprefix("git+") for word in words if "://" in word]:
        repository = addresses[0].partition(".git@")[0]
        if subprocess.run(["git", "ls-remote", "--heads", repository], capture_output=True).returncode:
            pytest.skip(f"{urlsplit(addresses[0]).hostname} is not reached")
    elif all_at_once:
        return
    assert dry_run(pip, words) == ""
