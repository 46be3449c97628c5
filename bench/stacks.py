"""lwip-port/host and httpd with the Rust core and with C's TCP, and smoltcp: the same measures of each, in turn."""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from build import BENCH, OUT, ROOT, Failed, progress, run

STACKS = {"rust": "Rust core", "c": "lwIP with C TCP", "smoltcp": "smoltcp 0.14"}
# Key, label, what "best" is, digits.
METRICS = {"speed": ("Gbit/s", max, 2), "cpu": ("CPU s/GB", min, 2), "p50": ("p50 µs", min, 1), "p99": ("p99 µs", min, 1),
           "back": ("frames back for 1,000", statistics.median, 0),
           "rate": ("requests/s", max, 0), "each": ("CPU µs/request", min, 0)}
AT_ONCE = (1, 100, 1000)
FILE_SIZE = 1460


class Programs:
    """What cargo has built of one stack."""

    def __init__(self, folder, server):
        self.folder, self.server = folder, server

    def __getitem__(self, name):
        return str(self.folder / name)


def cargo(manifest, target, arguments, env):
    """Builds release programs of a crate; gives the folder where they are."""
    env = {**env, "CARGO_TARGET_DIR": str(target)}
    run(["cargo", "build", "--release", "--quiet", "--manifest-path", str(ROOT / manifest), *arguments], f"cargo build of {manifest}", env)
    return target / "release"


def build(lwip, httpd):
    base = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target" / "bench")
    made = {}
    for name, switch in (("rust", "ON"), ("c", "OFF")):
        progress(f"host: building lwiphost, {STACKS[name]}")
        env = {"LWIP_DIR": str(lwip), "LWIP_USE_RUST_TCP": switch}
        folder = cargo("lwip-port/host/Cargo.toml", base / f"host-{name}", ["--bin", "lwiphost", "--example", "bulk"], env)
        if httpd:
            progress(f"host: building lwiphost-httpd, {STACKS[name]}")
            built = cargo("lwip-port/httpd/Cargo.toml", base / f"httpd-{name}", ["--bin", "lwiphost-httpd"], env)
            shutil.copy2(built / "lwiphost-httpd", folder / "lwiphost-httpd")
        made[name] = Programs(folder, [str(folder / "lwiphost"), "server", "--quiet", "--device", "tap:tap0"])
    progress("host: building smoltcp's side")
    folder = cargo("bench/smoltcp/Cargo.toml", base / "smoltcp", [], {})
    made["smoltcp"] = Programs(folder, [str(folder / "bench-smoltcp"), "serve", "tap0"])
    return made


def once(command):
    """Runs a program; gives the words that it printed."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            out, errors = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Failed(f"no end after 120 seconds: {' '.join(command)}") from None
        if process.returncode != 0:
            raise Failed(f"{' '.join(command)}: {errors.strip() or out.strip()}")
    return out.split()


def timed(command):
    """As once, with the CPU seconds of all its threads, what the kernel did for it too."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = once(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return words, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def in_turn(names, rounds, measure):
    """measure(name) for each name, so often; who is first changes. A figure is the best of them, the median beside it."""
    found = {name: {} for name in names}
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            for key, value in measure(name).items():
                found[name].setdefault(key, []).append(value)
    return found


def loopback(made, quick):
    """Rows of (label, stacks), without a privilege."""
    rounds, megabytes, count = (3, 64, 5000) if quick else (15, 256, 20000)
    gigabytes = megabytes * 1024 * 1024 / 1e9

    def bulk(commands):
        def measure(name):
            words, cpu = timed(commands[name])
            return {"speed": gigabytes * 8 / float(words[0]), "cpu": cpu / gigabytes}
        return in_turn(list(commands), rounds, measure)

    def echo(commands):
        def measure(name):
            p50, p99 = map(float, once(commands[name]))
            return {"p50": p50, "p99": p99}
        return in_turn(list(commands), rounds, measure)

    def lwip(*arguments):
        return {name: [made[name]["examples/bulk"], "--short", *arguments] for name in ("rust", "c")}

    def smoltcp(*arguments):
        return {"smoltcp": [made["smoltcp"]["bench-smoltcp"], *arguments]}

    def compare(name):
        if name == "smoltcp":
            words, cpu = timed(smoltcp("compare", str(megabytes))["smoltcp"])
            return {"speed": gigabytes * 8 / float(words[0]), "cpu": cpu / gigabytes}
        said, cpu = timed([made[name]["lwiphost"], "loopback", "-b", str(megabytes * 1024 * 1024)])
        return {"speed": float(said[said.index("Mbit/s,") - 1]) / 1000, "cpu": cpu / gigabytes}

    rows = []
    progress(f"host: loopback, {rounds} rounds of {megabytes} MiB, and of {count:,} echoes")
    size = str(megabytes)
    rows.append(("loopback, one thread", bulk({**lwip(size, "--engine"), **smoltcp("loopback", size)})))
    rows.append(("loopback, three threads", bulk(lwip(size))))
    rows.append(("`lwiphost loopback`: random data, compared", in_turn(list(STACKS), rounds, compare)))
    rows.append(("echo of 1 byte, loopback, one thread", echo({**lwip("--echo", str(count), "--engine"), **smoltcp("echo", str(count))})))
    rows.append(("echo of 1 byte, loopback, three threads", echo(lwip("--echo", str(count)))))
    return rows


def namespace_is_there():
    """Why not, if not."""
    probe = subprocess.run(["unshare", "-Urn", "ip", "tuntap", "add", "dev", "tap0", "mode", "tap"], capture_output=True, text=True)
    return None if probe.returncode == 0 else (probe.stderr.strip().splitlines() or ["no reason given"])[0]


def inside(job):
    """Runs bench/inside.py in a namespace of its own; what it started ends with it, whatever happens."""
    command = ["unshare", "-Urn", sys.executable, str(BENCH / "inside.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            out, _ = process.communicate(json.dumps(job), timeout=300)
        except BaseException:
            process.terminate()
            process.wait(20)
            raise
    if process.returncode != 0:
        raise Failed(f"bench/inside.py ended with {process.returncode}")
    return json.loads(out)


def tap(made, quick):
    """Rows over a TAP device, the kernel being the peer."""
    rounds, megabytes, count = (2, 64, 2000) if quick else (7, 256, 10000)
    progress(f"host: TAP, {rounds} rounds of {megabytes} MiB each way and {count:,} echoes")
    client = made["smoltcp"]["bench-client"]
    found = in_turn(list(STACKS), rounds, lambda name: inside(
        {"what": "tcp", "server": made[name].server, "client": client, "bytes": megabytes * 1024 * 1024, "count": count}))

    def row(label, keys):
        return label, {name: {metric: values[key] for key, metric in keys.items()} for name, values in found.items()}

    return [row("TAP, the kernel sends", {"in_speed": "speed", "in_cpu": "cpu", "in_back": "back"}),
            row("TAP, the kernel receives", {"out_speed": "speed", "out_cpu": "cpu", "out_back": "back"}),
            row("echo of 1 byte, TAP", {"p50": "p50", "p99": "p99"})]


def http(made, quick, notes):
    """Rows of requests per second, by ab in the namespace. What C's TCP does not stand is a note, and the others' figures stay."""
    rounds, seconds = (1, 1) if quick else (3, 2)
    folder = OUT / "files"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / str(FILE_SIZE)).write_bytes(os.urandom(FILE_SIZE))
    rows = []
    for number, keep_alive in (*((number, True) for number in AT_ONCE), (100, False)):
        label = f"httpd, {number:,} connection{'s' if number > 1 else ''}" + ("" if keep_alive else ", a new one for each request")
        progress(f"host: {label}")
        commands = {name: [made[name]["lwiphost-httpd"], str(folder), "--tap", "tap0"] for name in ("rust", "c")}
        if keep_alive:
            commands["smoltcp"] = [made["smoltcp"]["bench-smoltcp"], "http", "tap0", str(number), str(folder / str(FILE_SIZE))]
        job = {"what": "http", "at_once": number, "keep_alive": keep_alive, "seconds": seconds, "path": FILE_SIZE}
        gave_up = []

        def once_more(name, label=label, job=job, commands=commands, gave_up=gave_up):
            if name in gave_up:
                return {}
            try:
                return inside({**job, "server": commands[name]})
            except Failed as error:
                if name != "c":
                    raise
                gave_up.append(name)
                notes.append(f"lwIP with C TCP, {label}: {error}")
                return {}

        rows.append((label, in_turn(list(commands), rounds, once_more)))
    return rows


def measure(lwip, quick):
    """Gives what goes to JSON: rows, and what was left out."""
    reason = namespace_is_there()
    made = build(lwip, reason is None)
    rows, notes = loopback(made, quick), []
    if reason is None:
        rows += tap(made, quick)
        rows += http(made, quick, notes)
    else:
        notes.append(f"Nothing over TAP: no such device can be made in a namespace here ({reason}).")
    return {"notes": notes, "rows": [{"what": label, "stacks": stacks} for label, stacks in rows]}


def cell(values, metric):
    """The best, and the median."""
    if not values:
        return "-"
    _, best, digits = METRICS[metric]
    return f"{best(values):,.{digits}f} ({statistics.median(values):,.{digits}f})"


def cells(found):
    """Lines of the table: what, unit, one for each stack."""
    for row in found["rows"]:
        for metric in METRICS:
            if any(metric in stack for stack in row["stacks"].values()):
                yield [row["what"], METRICS[metric][0], *(cell(row["stacks"].get(name, {}).get(metric), metric) for name in STACKS)]

