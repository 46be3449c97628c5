"""What scripts/bench runs once everything is installed. Its options are described there."""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import report
import size
import speed
import stacks
from build import OUT, ROOT, Failed, rust_is_there

PARTS = ("size", "instructions", "throughput", "connections", "host")


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", add_help=False)
    parser.add_argument("--lwip", type=Path, required=True)
    parser.add_argument("--only", action="append", choices=PARTS, default=None)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--functions", action="store_true")
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--json", type=Path, default=ROOT / "out" / "bench.json")
    parser.add_argument("--profile", default="release")
    return parser.parse_args()


def first_line(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.splitlines()[0]
    except (OSError, IndexError, subprocess.TimeoutExpired):
        return f"{command[0]}: not there"


def facts(lwip):
    """What a figure depends on besides the source."""
    script = 'source scripts/lib/rust-target.sh; rust_target_find "$1" >&2 && echo "$RUST_TARGET_NAME"'
    found = [f"lwIP: {lwip.name}", "host compiler: " + first_line("gcc", "--version"), "host Rust: " + first_line("rustc", "--version")]
    found.append("bare-metal compiler: " + first_line("arm-none-eabi-gcc", "--version"))
    found.append("bare-metal Rust: " + first_line("bash", "-c", f"cd '{ROOT}' && {script}", "facts", "thumbv7m-none-eabi"))
    revision = first_line("git", "-C", str(ROOT), "describe", "--always", "--dirty")
    return [*found, f"revision: {revision}"]


def fingerprint():
    """What the Rust side is built from; changes where somebody edits while we measure."""
    digest = hashlib.sha256()
    files = [ROOT / name for name in ("Cargo.toml", "Cargo.lock", "build.rs", "wrapper.c", "wrapper.h")]
    for path in sorted((ROOT / "src").rglob("*.rs")) + files:
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


def measure(options, parts, profiles, results):
    """Fills in results and gives the tables."""
    tables = []
    if "size" in parts:
        results["size"] = size.measure(options.lwip, profiles, options.quick)
        tables.append(report.size_table(results["size"], profiles))
        if options.functions:
            tables += report.function_tables(results["size"], profiles, options.limit)
    if "instructions" in parts or "throughput" in parts:
        made = speed.programs(options.lwip, profiles, 1)
        if "instructions" in parts:
            results["instructions"] = speed.instructions(made, options.quick)
            tables.append(report.instruction_table(results["instructions"], profiles))
        if "throughput" in parts:
            results["throughput"] = speed.throughput(made, options.quick)
            tables.append(report.throughput_table(results["throughput"], profiles))
    if "connections" in parts:
        made = speed.programs(options.lwip, profiles, max(speed.COUNTS))
        results["connections"] = speed.connections(made, options.quick)
        tables += report.connection_tables(results["connections"], profiles)
    if "host" in parts:
        results["host"] = stacks.measure(options.lwip, options.quick)
        tables.append(report.host_table(results["host"]))
    return tables


def main():
    options = arguments()
    parts = options.only or PARTS
    profiles = options.profile.split(",")
    if not rust_is_there():
        print("The crate is not there (Cargo.toml, src/lib.rs): C only.", file=sys.stderr)
    results = {"facts": facts(options.lwip), "quick": options.quick, "profiles": profiles}
    before = fingerprint()
    tables = measure(options, parts, profiles, results)
    if fingerprint() != before:
        results["facts"].append("The sources changed while this ran: the rows are not all of the same source. Run it again.")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(results, indent=1) + "\n")
    (OUT.parent / "bench.md").write_text(report.markdown(tables, results["facts"]))
    colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    sys.stdout.write(report.terminal(tables, results["facts"], colours))
    print(f"\nAlso in {OUT.parent / 'bench.md'} and {options.json}")


if __name__ == "__main__":
    try:
        main()
    except Failed as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
