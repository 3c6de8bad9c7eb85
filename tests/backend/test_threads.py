"""The thread pool: every index once, no data race, alive after fork, honest about its number of threads."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from r3d_cli import _native
from r3d_cli.backend.rasterize_meshes import rasterize_meshes

rng = np.random.default_rng(0)
FACES = np.arange(3 * 5000, dtype=np.int64).reshape(-1, 3)
CENTERS = rng.uniform(-1, 1, (5000, 1, 3)) + [0, 0, 2]
VERTS = (CENTERS + rng.uniform(-0.1, 0.1, (5000, 3, 3))).reshape(-1, 3).astype(np.float32)
FIRST = np.array([0, len(FACES)])


def picture(_: object = None) -> np.ndarray:
    return rasterize_meshes(VERTS, FACES, FIRST, (200, 300)).pix_to_face


def child(queue: multiprocessing.Queue) -> None:
    queue.put(picture())


def count_in_subprocess(environment: dict[str, str], affinity: str = "") -> int:
    code = f"{affinity}\nfrom r3d_cli import _native; print(_native.num_threads())"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(result.stdout)


def assert_a_forked_child_draws(expected: np.ndarray) -> None:
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=child, args=(queue,))
    process.start()
    try:
        np.testing.assert_array_equal(queue.get(timeout=60), expected)
    finally:
        process.join(timeout=10)
        process.kill()


def test_a_forked_child_gets_a_pool_of_its_own() -> None:
    assert_a_forked_child_draws(picture())  # this process has threads now; the child inherits none of them


def test_callers_at_once_get_the_same_picture() -> None:
    expected = picture()
    with concurrent.futures.ThreadPoolExecutor(4) as executor:
        for result in executor.map(picture, range(16)):
            np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_the_picture_does_not_depend_on_the_number_of_threads(threads: int) -> None:
    expected = picture()
    _native.set_num_threads(threads)
    try:
        assert _native.num_threads() == threads
        np.testing.assert_array_equal(picture(), expected)
    finally:
        _native.set_num_threads(0)


def test_environment_and_affinity_set_the_number_of_threads() -> None:
    without = {"R3D_NUM_THREADS": ""}
    assert count_in_subprocess({"R3D_NUM_THREADS": "3"}) == 3
    assert count_in_subprocess(without) == len(os.sched_getaffinity(0))
    one = f"import os; os.sched_setaffinity(0, [{min(os.sched_getaffinity(0))}])"
    assert count_in_subprocess(without, one) == 1
    assert count_in_subprocess({"R3D_NUM_THREADS": "many"}) == len(os.sched_getaffinity(0))


def run_beside_tests(code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


SHARING = """
import os, torch
import r3d_cli.ops
from r3d_cli.backend import cpu
cpu.set_num_threads(2)
torch.set_num_threads({torch_threads})
import test_threads
(torch.ones(2_000_000) * 2).sum()
before = len(os.listdir("/proc/self/task"))
test_threads.picture()
print(len(os.listdir("/proc/self/task")) - before)
"""


def threads_made_beside_torch(torch_threads: int) -> int:
    """Threads that two of ours add to a process in which PyTorch has worked with so many."""
    return int(run_beside_tests(SHARING.format(torch_threads=torch_threads)))


def test_pytorchs_threads_do_our_work_where_there_are_as_many() -> None:
    assert threads_made_beside_torch(2) == 0
    assert threads_made_beside_torch(3) == 1


def test_a_forked_child_leaves_pytorchs_threads_alone() -> None:
    import torch

    from r3d_cli.backend.cpu import set_num_threads
    from r3d_cli.ops.rasterize_meshes import rasterize_meshes as on_tensors

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    set_num_threads(2)
    try:
        tensors = torch.from_numpy(VERTS), torch.from_numpy(FACES), torch.from_numpy(FIRST)
        assert_a_forked_child_draws(on_tensors(*tensors, (200, 300)).pix_to_face.numpy())
    finally:
        torch.set_num_threads(threads)
        set_num_threads(0)


def test_openmp_that_binds_the_main_thread_leaves_us_all_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("R3D_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_PROC_BIND", "true")
    code = "import r3d_cli.ops; from r3d_cli.backend import cpu; print(cpu.num_threads())"
    assert int(run_beside_tests(code)) == len(os.sched_getaffinity(0))


FORKED_BEFORE_IMPORT = """
import os, signal, torch
torch.set_num_threads(2)
(torch.ones(2_000_000) * 2).sum()
child = os.fork()
if child == 0:
    signal.alarm(60)
    import r3d_cli.ops
    from r3d_cli.backend import cpu
    cpu.set_num_threads(2)
    import test_threads
    test_threads.picture()
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_that_imports_r3d_itself_leaves_pytorchs_threads_alone() -> None:
    assert run_beside_tests(FORKED_BEFORE_IMPORT) == "0\n"


SHORT_OF_THREADS = """
import resource
import numpy as np
from r3d_cli.backend import cpu
import test_threads
cpu.set_num_threads(1)
expected = test_threads.picture()
with open("/proc/self/statm") as file:
    size = int(file.read().split()[0]) * resource.getpagesize()
room = size + 32 * 2**20  # the stacks of a few threads
resource.setrlimit(resource.RLIMIT_AS, (room, room))
cpu.set_num_threads(50)
for _ in range(2):
    np.testing.assert_array_equal(test_threads.picture(), expected)
"""


def test_threads_that_the_system_does_not_give_are_done_without() -> None:
    run_beside_tests(SHORT_OF_THREADS)


def test_a_library_that_is_no_runtime_is_not_shared(tmp_path: Path) -> None:
    from r3d_cli.backend.cpu import share_openmp

    assert not share_openmp(tmp_path / "libgomp.so.1")
    assert not share_openmp("libc.so.6")  # loaded, but no OpenMP


def test_no_data_race_under_the_thread_sanitizer(repository: Path, tmp_path: Path) -> None:
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is not installed")
    sources = [Path(__file__).with_name("threads_main.cpp"), repository / "cuda_src/cpu/threads.cpp"]
    program = tmp_path / "threads"
    flags = ["-std=c++17", "-O1", "-g", "-fsanitize=thread", f"-I{repository / 'cuda_src'}", "-pthread"]
    subprocess.run([compiler, *flags, *map(str, sources), "-o", str(program)], check=True)
    result = subprocess.run([str(program)], capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stdout) == (0, "0 wrong\n"), result.stderr[:4000]
