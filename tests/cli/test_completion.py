"""What the shell gets to complete ``r3d`` with."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def in_bash(script: str, command: Path, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOME": str(home), "PATH": f"{command.parent}:{os.environ['PATH']}"}
    # The last command keeps bash from becoming r3d, which looks for the shell among its parents.
    return subprocess.run(
        ["bash", "--norc", "-c", f"{script}\nstatus=$?\nexit $status"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=home,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["r3d", ""], {"render", "info", "bench", "doctor", "warmup"}),
        (["r3d", "render", "--az"], {"--azimuth"}),
        (["r3d", "render", "--up", ""], {"auto", "y", "z"}),
        (["r3d", "info", "--"], {"--format", "--json", "--help"}),
    ],
)
def test_words(r3d: Run, words: list[str], expected: set[str]) -> None:
    done = r3d(COMP_WORDS=" ".join(words), COMP_CWORD=str(len(words) - 1), _R3D_COMPLETE="complete_bash")
    assert (done.returncode, done.stderr) == (0, "")
    assert set(done.stdout.split()) >= expected


def test_a_mesh_is_completed_as_a_file(r3d: Run) -> None:
    """Nothing of our own: bash then completes names of files (``complete -o default``)."""
    done = r3d(COMP_WORDS="r3d info mes", COMP_CWORD="2", _R3D_COMPLETE="complete_bash")
    assert (done.returncode, done.stdout.strip()) == (0, "")


def test_bash_runs_the_script(command: Path, tmp_path: Path) -> None:
    done = in_bash(
        'eval "$(r3d --show-completion; true)"\n'
        'COMP_WORDS=(r3d render --up "") COMP_CWORD=3\n'
        "_r3d_completion r3d\n"
        "complete -p r3d\n"
        'echo "${COMPREPLY[@]}"',
        command,
        tmp_path,
    )
    assert done.stderr == ""
    assert done.stdout.split("\n")[:2] == ["complete -o default -F _r3d_completion r3d", "auto y z"]


def test_it_is_installed_for_the_shell_that_asks(command: Path, tmp_path: Path) -> None:
    done = in_bash("r3d --install-completion", command, tmp_path)
    assert done.returncode == 0, done.stderr
    script = tmp_path / ".bash_completions" / "r3d.sh"
    assert "_R3D_COMPLETE=complete_bash" in script.read_text()
    assert str(script) in (tmp_path / ".bashrc").read_text()
