"""A scratch copy of the project, to change and build without touching the real one."""

import os
import shutil
import subprocess
from pathlib import Path

from .paths import ROOT, target

BUILD_SECONDS = 1500


def _git(*arguments: str, cwd: Path) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "core.hooksPath=/dev/null"]
    done = subprocess.run(["git", *identity, *arguments], cwd=cwd, check=True, capture_output=True, text=True)
    return done.stdout


class Scratch:
    """The files of the work tree, in a repository of their own, with an output directory of its own."""

    def __init__(self, folder: Path):
        self.root = folder / "alkhub"
        # Beside the real one, so that files can be linked instead of copied.
        self.target = target() / "scratch" / f"{os.getpid()}"
        self.root.mkdir(parents=True)
        for relative in _git("ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).split("\0"):
            source = ROOT / relative
            if relative and source.is_file():
                copy = self.root / relative
                copy.parent.mkdir(parents=True, exist_ok=True)
                # With its time: cargo rebuilds what is newer than its output.
                shutil.copy2(source, copy)
        _git("init", "--quiet", cwd=self.root)
        self.commit()
        self._seed()

    def commit(self) -> None:
        """Makes the present state what `changes` compares with."""
        _git("add", "--all", cwd=self.root)
        _git("commit", "--quiet", "--allow-empty", "--message", "state", cwd=self.root)

    def changes(self) -> dict[str, str]:
        """What differs from the last commit, as git's two-letter code by path."""
        entries = _git("status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", cwd=self.root).split("\0")
        return {entry[3:]: entry[:2].strip() for entry in entries if entry}

    def _seed(self) -> None:
        """Starts from what cargo has built already: compiling all dependencies again takes minutes."""
        shutil.rmtree(self.target, ignore_errors=True)
        for part in ("deps", ".fingerprint", "build"):
            source = target() / "debug" / part
            if source.exists():
                shutil.copytree(source, self.target / "debug" / part, symlinks=True, copy_function=_take, ignore=_unused)

    def __enter__(self) -> "Scratch":
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.target, ignore_errors=True)

    def codegen(self, *arguments: str) -> str:
        """`cargo codegen`, by the program that is built already where there is one."""
        program = target() / "debug" / "codegen"
        if not program.is_file():
            return self.cargo("codegen", *arguments)
        done = subprocess.run([program, *arguments], cwd=self.root, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def cargo(self, *arguments: str, fails: bool = False) -> str:
        """Runs cargo in the copy; gives both output streams."""
        env = {name: value for name, value in os.environ.items() if name != "CI"}
        env |= {"CARGO_TARGET_DIR": str(self.target), "CARGO_TERM_COLOR": "never"}
        done = subprocess.run(
            ["cargo", *arguments],
            cwd=self.root,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=BUILD_SECONDS,
            stdin=subprocess.DEVNULL,
        )
        if (done.returncode != 0) != fails:
            raise AssertionError(f"cargo {' '.join(arguments)} ended with {done.returncode}\n{done.stdout[-6000:]}")
        return done.stdout

    @property
    def hub(self) -> Path:
        """The hub that `cargo build` makes of the copy."""
        return self.target / "debug" / "alkhub"


def _unused(folder: str, names: list[str]) -> set[str]:
    """Programs and debug information: most of the bytes and none of the use."""
    if Path(folder).name != "deps":
        return set()
    return {name for name in names if name.endswith((".dwo", ".o")) or "." not in name}


def _take(source: str, copy: str) -> None:
    """Cargo leaves others' crates alone once they are built, so a link does; what is ours it writes anew, in place."""
    ours = any(part.removeprefix("lib").startswith("alkhub") for part in Path(source).parts[-4:])
    if ours or "/.fingerprint/" in source:
        shutil.copy2(source, copy)
    else:
        os.link(source, copy)
