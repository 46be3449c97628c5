"""Instructions and time per segment of a loopback bulk transfer, C beside Rust."""

import re
import statistics
from collections import defaultdict

from build import BENCH, OUT, TCP_FILES, Failed, cargo_archive, compile_c, progress, run, rust_is_there, symbols

FLAGS = ["-O2", "-g"]
COUNTS = (1, 100, 1000, 5000)
# Segments that a connection sends in its turn, where connections take turns.
BURST = 16
FLAT_GOAL = 1.3
CHECKSUM = ("lwip_standard_chksum", "inet_chksum_pseudo", "inet_chksum_pseudo_partial", "inet_chksum", "inet_chksum_pbuf")


class Program:
    """The transfer program, linked with one TCP: where it is, and which of its functions are TCP's own."""

    def __init__(self, name, path, own):
        self.name, self.path, self.own = name, path, own


def programs(lwip, profiles, connections):
    """The program with C's TCP and with Rust's, for up to so many connections."""
    folder = OUT / "speed" / str(connections)
    include = [BENCH / "host", BENCH / "host" / "port", lwip / "src" / "include"]
    flags = [*FLAGS, f"-DBENCH_CONNECTIONS={connections}"]
    with_include = [*flags, *(f"-I{i}" for i in include)]
    core = sorted((lwip / "src" / "core").glob("*.c")) + sorted((lwip / "src" / "core" / "ipv4").glob("*.c"))
    tcp = [source for source in core if source.stem in TCP_FILES]
    rest = [source for source in core if source.stem not in TCP_FILES]
    progress(f"building the transfer program for {connections} connection(s)")
    common = compile_c("gcc", with_include, [*rest, BENCH / "host" / "bulk.c"], folder / "common")
    objects = compile_c("gcc", with_include, tcp, folder / "c")
    made = [link("c", common, objects, folder)]
    for profile in profiles if rust_is_there() else ():
        archive = cargo_archive(lwip, include, flags, profile, None, folder / profile / "liblwip_tcp_rust.a")
        made.append(link(profile, common, [archive], folder))
    return made


def link(name, common, tcp, folder):
    path = folder / f"bulk-{name}"
    # Not position independent, so that calls go straight to the function, as in a firmware.
    run(["gcc", "-no-pie", "-o", str(path), *map(str, common), "-Wl,--start-group", *map(str, tcp), "-Wl,--end-group"],
        f"linking {path.name}")
    theirs = {n for kind, n in symbols("nm", common, "--defined-only") if kind in "tT"}
    own = {n for kind, n in symbols("nm", tcp, "--defined-only") if kind in "tTwW"}
    return Program(name, path, own - theirs)


def time_once(program, connections, segments, burst):
    """Nanoseconds per segment of one run."""
    out = run([str(program.path), str(connections), str(segments), str(burst)], f"{program.path.name}", timeout=600)
    moved, elapsed = map(int, out.split())
    if moved != segments:
        raise Failed(f"{program.path.name} moved {moved} segments instead of {segments}")
    return elapsed / moved


def time_in_turn(made, connections, segments, burst, rounds):
    """The median of each program, run in turn so that what disturbs one disturbs the others."""
    times = defaultdict(list)
    for number in range(rounds):
        # Who goes first changes, so that no program always runs on a warm or a cold machine.
        for program in made if number % 2 == 0 else reversed(made):
            times[program.name].append(time_once(program, connections, segments, burst))
    return {name: {"median_ns": statistics.median(values), "ns": values} for name, values in times.items()}


def read_profile(path):
    """A callgrind file: own instructions by (object, function), calls by function."""
    names, cost, calls = {}, defaultdict(int), defaultdict(int)
    where = {"ob": "", "fn": ""}
    skip = False

    def resolve(kind, text):
        match = re.match(r"\((\d+)\)(?: (.*))?$", text)
        if not match:
            return text
        if match.group(2) is not None:
            names[kind, match.group(1)] = match.group(2)
        return names[kind, match.group(1)]

    callee = ""
    for line in path.read_text(errors="replace").splitlines():
        key, equals, value = line.partition("=")
        if equals and key in ("ob", "fn"):
            where[key] = resolve(key, value)
        elif equals and key == "cob":
            resolve("ob", value)
        elif equals and key == "cfn":
            callee = resolve("fn", value)
        elif equals and key == "calls":
            calls[callee] += int(value.split()[0])
            skip = True
        elif line[:1] in "0123456789+-*" and line[:1]:
            if not skip:
                cost[where["ob"], where["fn"]] += int(line.split()[1])
            skip = False
    return cost, calls


def count(program, connections, segments, burst):
    """Instructions per segment by callgrind: whole path, TCP's own functions, checksum, tcp_input."""
    trace = OUT / "speed" / f"callgrind.{program.name}.{connections}.{burst}"
    command = ["valgrind", "--tool=callgrind", "--demangle=no", "--compress-strings=yes", "--collect-atstart=no",
               "--toggle-collect=bench_transfer", f"--callgrind-out-file={trace}", str(program.path)]
    run([*command, str(connections), str(segments), str(burst)], f"callgrind of {program.path.name}")
    cost, calls = read_profile(trace)
    in_program = defaultdict(int)
    for (place, name), number in cost.items():
        if place.endswith(program.path.name):
            in_program[name.split("'")[0]] += number
    total = sum(cost.values())
    if total == 0:
        raise Failed(f"callgrind counted nothing in {program.path.name}: bench_transfer was not found")
    own = {name: number for name, number in in_program.items() if name in program.own}
    inputs = max(calls.get("tcp_input", 0), 1)
    return {
        "total": total / segments,
        "tcp": sum(own.values()) / segments,
        "checksum": sum(in_program[name] for name in CHECKSUM) / segments,
        "standard_chksum": in_program["lwip_standard_chksum"] / segments,
        "tcp_input_self_per_call": in_program["tcp_input"] / inputs,
        "tcp_input_calls_per_segment": inputs / segments,
        "functions": {n: v / segments for n, v in sorted(own.items(), key=lambda item: -item[1])},
    }


def instructions(made, quick):
    segments = 2000 if quick else 10000
    found = {}
    for program in made:
        progress(f"instructions: {program.path.name}, {segments:,} segments under callgrind")
        found[program.name] = count(program, 1, segments, 0)
    return found


def throughput(made, quick):
    rounds, segments = (3, 100000) if quick else (9, 400000)
    progress(f"throughput: {rounds} rounds of {segments:,} segments, in turn")
    return time_in_turn(made, 1, segments, 0, rounds)


def connections(made, quick):
    rounds = 1 if quick else 5
    rows = []
    for burst in (0, BURST):
        for number in COUNTS:
            progress(f"connections: {number:,}, {'in turns' if burst else 'all at once'}")
            segments = 40000 if quick else 100000
            row = {"connections": number, "burst": burst,
                   "time": time_in_turn(made, number, segments, burst, rounds), "instructions": {}}
            if not (quick and number > 1000):
                for program in made:
                    row["instructions"][program.name] = count(program, number, 20000 if number > 1 else 5000, burst)
            rows.append(row)
    return rows
