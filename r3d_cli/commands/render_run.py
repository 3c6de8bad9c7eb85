"""A run of ``r3d render``: many files, what becomes of each, and what is said of it."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from r3d_cli.commands.values import refuse
from r3d_cli.errors import R3dError

if TYPE_CHECKING:
    from r3d_cli.commands.progress import Progress
    from r3d_cli.scene.camera_files import NamedCamera
    from r3d_cli.scene.inputs import Input
    from r3d_cli.scene.manifest import Manifest
    from r3d_cli.scene.outputs import OutputTemplate
    from r3d_cli.scene.render_file import Look, Outcome, Passes, Stand

STANDARD_STREAM = "-"

#: Where nobody says: this directory, and no more folders than those that were given.
_HERE = "." + os.sep


@dataclass
class Run:
    """What to draw, of which files, to where."""

    sources: Sequence[Input]
    look: Look
    stand: Stand
    passes: tuple[str, ...]
    bits: int
    format: str | None
    convention: str
    jobs: int
    timeout: float | None
    resume: bool
    json: bool
    show: bool
    template: OutputTemplate | None = None  # None: standard output, or the terminal alone
    fps: float | None = None  # of a film
    depth_scale: float | None = None  # of 16-bit depth; None: of each picture's own range
    fail_empty: bool = False  # a file with an empty picture has failed
    only_ours: bool = False  # other files of the template's names are not written over

    def film(self, text: str, *, fps: float) -> None:
        """Draw to a film."""
        from r3d_cli.scene.films import check_film

        self.fps = fps
        self.template = self._parse("--turntable", text, views=1)
        try:
            extension = check_film(text, fps=fps)
        except ValueError as error:
            raise refuse("--turntable", str(error)) from None
        if extension == ".mp4" and not self._is_opaque():
            raise refuse("--background", "MP4 has no transparency; choose a colour, GIF or WebP")

    def aim(self, output: str | None) -> None:
        """Draw to pictures, and refuse what cannot work before any work is done."""
        from r3d_cli.scene.pictures import require_exr

        if self.show and (self.jobs > 1 or self.timeout is not None):
            raise refuse("--show", "has one terminal; leave out --jobs and --timeout")
        if self.show and self.json:
            raise refuse("--json", "and --show both go to standard output")
        if self.show and not sys.stdout.isatty():
            raise R3dError("--show: standard output is no terminal; name a file for the picture with -o")
        if output == STANDARD_STREAM:
            return self._check_stream()
        if output is None and self.show:
            return None
        self.only_ours = output is None
        self.template = self._parse("--output", _HERE if output is None else output, self._most_views())
        try:
            format = self.template.format
        except ValueError as error:
            raise refuse("--output", str(error)) from None
        if format == "EXR":
            require_exr()
        if format == "JPEG" and "rgb" in self.passes and not self._is_opaque():
            raise refuse("--background", "JPEG has no transparency, choose PNG or WebP")
        if self.bits == 16 and (format != "PNG" or self.passes == ("rgb",)):
            raise refuse("--bits", "16 is for passes other than rgb in PNG; EXR, NPY and NPZ hold the values")
        return None

    def tell(self, manifest: str | None) -> bool:
        """Print what would be written, and the memory that it would take; whether all files are there."""
        from r3d_cli.scene.footprint import footprint
        from r3d_cli.scene.manifest import recorded

        known = recorded(manifest, shown=self.fail_empty) if manifest and self.resume else None
        missing = [s for s in self.sources if s.path != STANDARD_STREAM and not os.path.exists(s.path)]
        for source in missing:
            typer.echo(f"r3d: error: {source}: no such file; check the path", err=True)
        sources = [s for s in self.sources if s not in missing and not self._is_done(s, known)]
        count = 0
        for source in sources:
            for path in self._targets(source):
                count += 1
                typer.echo(str(path))
        kind: dict[str, Any] = {}
        if self.template is not None and self.fps is not None:
            kind["film"] = os.path.splitext(self.template.text)[1].lower()
        elif self.template is not None:
            kind["format"] = self.template.format
        most = max(
            (
                footprint(source.path, stand.sizes, self.passes, self.look, **kind)
                for source in sources
                if (stand := self._stand(source)) is not None
            ),
            default=0,
        )
        typer.echo(
            f"{_count(count, 'film' if self.fps else 'picture')} of {_count(len(sources), 'file')}, about "
            f"{self.jobs * most / 2**20:,.0f} MiB of memory",
            err=True,
        )
        return not missing

    def start(self, *, manifest: str | None, cameras_out: str | None, started: float) -> bool:
        """Do it; whether all went well."""
        from r3d_cli.commands.progress import Progress
        from r3d_cli.scene.files import check_place
        from r3d_cli.scene.manifest import Manifest
        from r3d_cli.scene.work import Failure, run_jobs

        self._check_device()
        if cameras_out is not None:
            check_place(cameras_out)
        cameras: list[NamedCamera] = []
        with contextlib.ExitStack() as stack:
            lines = None
            if manifest:
                lines = Manifest(manifest, resume=self.resume, shown=self.fail_empty)
                stack.enter_context(lines)
            pending = self._pending(lines)
            progress = stack.enter_context(Progress(len(self.sources)))
            for _ in range(len(self.sources) - len(pending)):
                progress.advance(skipped=True)
            jobs = run_jobs(pending, self._draw, jobs=self.jobs, timeout=self.timeout)
            pictures = 0
            for source, outcome in stack.enter_context(contextlib.closing(jobs)):  # type: ignore[type-var]
                if isinstance(outcome, Failure):
                    progress.message(f"r3d: error: {outcome.message}")
                    progress.advance(failed=True)
                    continue
                pictures += len(outcome.records)
                self._report(source, outcome, progress, time.perf_counter() - started)
                for record in outcome.records:
                    if lines is not None:
                        lines.write(record)
                    if self.json:
                        progress.line(json.dumps(record, allow_nan=False))
                if cameras_out is not None:
                    cameras += self._named(source, outcome)
                progress.advance()
        if cameras_out is not None and cameras:
            from r3d_cli.scene.camera_files import write_cameras

            write_cameras(cameras_out, cameras, self.convention)
        if len(self.sources) > 1 or progress.skipped:
            self._sum_up(progress, pictures, time.perf_counter() - started)
        return progress.failed == 0

    # -- One file

    def _draw(self, source: Input) -> Outcome:
        from r3d_cli.scene.render_file import film_file, render_file

        if self.fps is not None:
            (path,) = self._targets(source)
            self._make_folder(path)
            return film_file(
                source,
                self.look,
                self.stand,
                path,
                fps=self.fps,
                format=self.format,
                fail_empty=self.fail_empty,
            )

        def sink(view: int, shot: NamedCamera, made: Passes) -> Iterator[tuple[str | None, tuple[str, ...]]]:
            yield from self._write(source, view, shot, made)

        return render_file(
            source,
            self.look,
            self.stand,
            self.passes,
            sink,
            format=self.format,
            convention=self.convention,
            want_light=self.template is not None and self.template.format == "EXR",
            fail_empty=self.fail_empty,
        )

    def _write(
        self, source: Input, view: int, shot: NamedCamera, made: Passes
    ) -> Iterator[tuple[str | None, tuple[str, ...]]]:
        from r3d_cli.scene.passes import to_png8

        if self.show:
            from r3d_cli.scene.terminal import show

            name = self.passes[0]
            show(_as_picture(to_png8(name, made[name])), sys.stdout)
        if self.template is None:
            if not self.show:
                self._encode(sys.stdout.buffer, "PNG", made, self.passes)
                sys.stdout.buffer.flush()
            yield None, self.passes
            return
        for path, names in self.template.files(source, view=view, camera=shot.name).items():
            self._make_folder(path)
            self._encode(path, self.template.format, made, names)
            yield str(path), names

    def _encode(self, target: Any, format: str, made: Passes, names: Sequence[str]) -> None:
        from r3d_cli.scene.passes import to_png8, to_png16
        from r3d_cli.scene.pictures import CODED, write_passes

        values = {name: made[name] for name in names}
        if format == "EXR" and "light" in made and "rgb" in values:
            values["rgb"] = made["light"]
        notes: dict[str, Any] = {}
        if format in CODED:
            (name,) = names
            if self.bits == 16 and name != "rgb":
                values[name], notes = to_png16(name, made[name], depth_scale=self.depth_scale)
            else:
                values[name] = to_png8(name, made[name])
        texts = {key: text if isinstance(text, str) else json.dumps(text) for key, text in notes.items()}
        write_passes(target, values, format=format, notes=texts)

    def _make_folder(self, path: Path) -> None:
        from r3d_cli.scene.pictures import is_ours

        assert self.template is not None
        if self.only_ours and path.exists() and not is_ours(path):
            # Scans come as model.obj beside their texture model.png.
            raise R3dError(f"{path}: exists and r3d did not write it (a texture?); name the picture with -o")
        self.template.make_folder(path)

    # -- What is there already

    def _targets(self, source: Input) -> list[Path]:
        if self.template is None:
            return [Path("standard output")]
        if self.fps is not None:
            return [self.template.path(source)]
        return [
            path
            for view, camera in enumerate(self._views(source))
            for path in self.template.files(source, view=view, camera=camera)
        ]

    def _stand(self, source: Input) -> Stand | None:
        """Where the cameras of a file stand; None where that is an error, which is told when it is drawn."""
        try:
            return self.stand.of(source)
        except R3dError:
            return None

    def _views(self, source: Input) -> list[str]:
        """The names of a file's views."""
        stand = self._stand(source)
        return [] if stand is None else stand.names

    def _most_views(self) -> int:
        """Of any file."""
        if not self.stand.within:
            return len(self.stand.names)
        return max((len(self._views(source)) for source in self.sources), default=1)

    def _is_done(self, source: Input, known: Manifest | set[str] | None) -> bool:
        """Whether all pictures of a file are there and whole, and in the manifest, if there is one."""
        from r3d_cli.scene.complete import is_complete
        from r3d_cli.scene.pictures import is_ours

        if not self.resume or self.template is None:
            return False
        paths = self._targets(source)
        return (
            bool(paths)
            and all(map(is_complete, paths))
            and (known is None or all(str(path) in known for path in paths))
            and (not self.only_ours or all(map(is_ours, paths)))
        )

    def _pending(self, known: Manifest | None) -> list[Input]:
        """The files that are not done; what killed runs left of theirs is removed."""
        pending = [source for source in self.sources if not self._is_done(source, known)]
        if self.resume:
            from r3d_cli.scene.files import remove_partials

            remove_partials(path for source in pending for path in self._targets(source))
        return pending

    # -- Checks

    def _check_device(self) -> None:
        """Refuse a GPU that does not work, before any file is read."""
        from r3d_cli.backend.devices import choose_device

        # Forked processes ask by themselves: one that has asked the driver cannot be forked any more.
        if self.jobs == 1 and self.timeout is None and self.look.device not in ("auto", "cpu"):
            choose_device(self.look.device, faces=0, samples=0)

    def _parse(self, option: str, text: str, views: int) -> OutputTemplate:
        from r3d_cli.scene.outputs import OutputTemplate

        try:
            template = OutputTemplate.parse(
                text, files=len(self.sources), views=views, passes=self.passes, called=self._called()
            )
            template.check_collisions(self.sources, self._views if views > 1 else [""])
        except ValueError as error:
            raise refuse(option, str(error)) from None
        template.check_folder()
        return template

    def _called(self) -> str:
        """The field that tells the files of a folder apart: cow.obj and cow.glb go by their whole names."""
        stems = {(source.parent, Path(source.path).stem) for source in self.sources}
        return "stem" if len(stems) == len(self.sources) else "name"

    def _check_stream(self) -> None:
        if len(self.sources) > 1 or self._most_views() > 1 or len(self.passes) > 1:
            raise refuse("--output", "standard output takes one picture of one file; name a template")
        if self.json or self.show:
            raise refuse("--json" if self.json else "--show", "and the picture both go to standard output")
        if self.bits == 16 and self.passes == ("rgb",):
            raise refuse("--bits", "16 is for passes other than rgb")
        if sys.stdout.isatty():
            raise R3dError(
                "standard output is a terminal, which a PNG would garble; name a file, pipe it, or --show it"
            )

    def _is_opaque(self) -> bool:
        background = self.look.background
        if isinstance(background, Path):
            from r3d_cli.scene.backdrop import backdrop

            picture = backdrop(background, self.stand.size)
            return picture.shape[2] == 3 or bool((picture[..., 3] == 255).all())
        return len(background) == 3 or background[3] == 1

    # -- What is said

    def _report(self, source: Input, outcome: Outcome, progress: Progress, seconds: float) -> None:
        for warning in outcome.warnings:
            progress.message(f"r3d: warning: {warning}")
        if len(self.sources) > 1:
            return
        first = outcome.records[0]
        place = first["path"] or ("terminal" if self.show else "standard output")
        count = len(outcome.records)
        what = f"{place}: {first['width']}x{first['height']} pixels"
        if self.fps is not None:
            what += f", {first['frames']} frames, {first['frames'] / self.fps:g} s long"
        elif count > 1:
            what = f"{count:,} pictures, {place} to {outcome.records[-1]['path']}"
        progress.message(
            f"{what}, {_count(first['faces'], 'face')}, {outcome.device} ({outcome.reason}), {seconds:.2f} s"
        )

    def _sum_up(self, progress: Progress, pictures: int, seconds: float) -> None:
        drawn = progress.done - progress.skipped - progress.failed
        parts = [f"{_count(pictures, 'film' if self.fps else 'picture')} of {_count(drawn, 'file')}"]
        parts += [f"{progress.skipped:,} done before"] * bool(progress.skipped)
        parts += [f"{progress.failed:,} failed"] * bool(progress.failed)
        rate = drawn / seconds if seconds else 0
        typer.echo(f"{', '.join(parts)}; {seconds:.1f} s, {rate:.1f} files/s", err=True)

    def _named(self, source: Input, outcome: Outcome) -> list[NamedCamera]:
        """The cameras of a file under names that also tell the file, where there are several."""
        if len(self.sources) == 1:
            return outcome.cameras
        from dataclasses import replace

        from r3d_cli.scene.inputs import STANDARD_INPUT

        stem = "mesh" if source.path == STANDARD_INPUT else Path(source.path).stem
        return [replace(shot, name=f"{stem}_{shot.name}") for shot in outcome.cameras]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _as_picture(codes: Any) -> Any:  # (H, W) or (H, W, C) -> (H, W, 3 or 4)
    return codes if codes.ndim == 3 else codes[..., None].repeat(3, axis=2)
