"""Runs compilers and cargo, and knows the configurations that are measured."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "bench"
OUT = ROOT / "out" / "bench"
TCP_FILES = ("tcp", "tcp_in", "tcp_out")


class Failed(Exception):
    """Something outside did not work; the text says what and what to do."""


def progress(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def run(command, what, env=None, timeout=1800, stderr=False):
    """Runs a command and gives its stdout (or its stderr); where it fails, Failed has the end of what it said."""
    environment = dict(os.environ, **(env or {}))
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=timeout, cwd=ROOT)
    except FileNotFoundError as error:
        raise Failed(f"{what}: {command[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{what}: no end after {timeout} seconds") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-25:]
        raise Failed(f"{what} failed ({done.returncode}): {shlex.join(command)}\n" + "\n".join(said))
    return done.stderr if stderr else done.stdout


def rust_is_there():
    return (ROOT / "Cargo.toml").is_file() and (ROOT / "src" / "lib.rs").is_file()


def cargo_archive(lwip, include_dirs, cflags, profile, target, destination):
    """Builds the core for one configuration of lwIP; the archive is copied to destination."""
    target_dir = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target" / "bench")
    env = {
        "LWIP_DIR": str(lwip),
        "LWIP_INCLUDE_DIRS": ":".join(map(str, include_dirs)),
        "LWIP_CFLAGS": shlex.join(cflags),
        "CARGO_TARGET_DIR": str(target_dir),
    }
    arguments = ["build", "--lib", "--profile", profile, "--manifest-path", str(ROOT / "Cargo.toml")]
    if target:
        script = 'source scripts/lib/rust-target.sh; rust_target_cargo "$@"'
        run(["bash", "-c", script, "cargo", target, *arguments], f"cargo build for {target}", env)
        folder = target_dir / target
    else:
        run(["cargo", *arguments], "cargo build", env)
        folder = target_dir
    folder /= "debug" if profile == "dev" else profile
    destination.parent.mkdir(parents=True, exist_ok=True)
    destination.write_bytes((folder / "liblwip_tcp_rust.a").read_bytes())
    return destination


def compile_c(compiler, flags, sources, folder):
    """Compiles each source into folder; gives the objects in the same order."""
    folder.mkdir(parents=True, exist_ok=True)
    objects = []
    for source in sources:
        objects.append(folder / (Path(source).stem + ".o"))
        run([compiler, *flags, "-c", str(source), "-o", str(objects[-1])], f"compiling {Path(source).name}")
    return objects


def symbols(nm, files, *flags):
    """The symbols of object files or archives: (kind, name), defined ones only unless flags ask for others."""
    found = []
    for line in run([nm, *flags, *map(str, files)], nm).splitlines():
        fields = line.split()
        if len(fields) >= 2 and len(fields[-2]) == 1:
            found.append((fields[-2], fields[-1]))
    return found
