"""The figures as tables: for the terminal, and in Markdown for out/bench.md."""

from size import CPUS, GOAL, OPTION_SETS
from speed import FLAT_GOAL
from stacks import STACKS, cells

# What DESIGN.md records of C, on the machine of that day.
DESIGN_COUNTS = {"total": 11298, "tcp": 1073, "standard_chksum": 7708}
DESIGN_TIMES = {1: 1.45, 100: 1.78, 1000: 3.16, 5000: 3.63}
NOT_BUILT = "not built"


def verdict(met):
    return "met" if met else "**missed**"


def number(value):
    return f"{value:,.0f}"


def table(title, head, rows, notes=()):
    return {"title": title, "head": head, "rows": [[str(cell) for cell in row] for row in rows], "notes": list(notes)}


def size_table(cells, profiles):
    rows = []
    for cell in cells:
        asserts = "asserts" if cell["asserts"] else "LWIP_NOASSERT"
        c, linked = cell["c"], cell["c_linked"]
        left = [CPUS[cell["cpu"]][0], OPTION_SETS[cell["options"]], asserts, number(cell["design"]) if cell["design"] else "",
                number(c["text"]), number(linked["flash"]), number(cell["c_by_llvm"]), c["ram"]]
        for profile in profiles:
            rust = cell["rust"].get(profile)
            if rust is None:
                rows.append([*left, profile, NOT_BUILT, "", "", "", ""])
            else:
                rows.append([*left, profile, number(rust["flash"]), number(rust["helpers"]), rust["ram"], f"{rust['ratio']:.2f}", verdict(rust["met"])])
    head = ["CPU", "options", "asserts", "C noted", "C objects", "C linked", "C by clang", "C RAM", "profile", "Rust flash", "of it helpers", "Rust RAM",
            "Rust/C", f"goal ≤ {GOAL}"]
    return table("Flash and static RAM (bytes)", head, rows, [
        "C noted: in the design document. C objects: what `size` says of tcp.o, tcp_in.o, tcp_out.o, -Os; the goal counts from it.",
        "C linked and Rust flash: linked with every symbol that the C objects export as a root, unused sections left out, "
        "compiler helpers (libgcc, compiler_builtins) and wrapper.c counted, the C library's memcpy and the like not.",
        "C by clang: code and constants of the same three files by clang -Oz, for what of a difference is LLVM's and not the source's.",
        "Helpers: functions of compiler_builtins (memory copies, division), counted in Rust flash and in the goal.",
        "Rust RAM holds the state that the core keeps beside lwIP's PCBs (at most 64 bytes each).",
    ])


def function_tables(cells, profiles, limit):
    tables = []
    for cell in cells:
        for profile in profiles:
            rust = cell["rust"].get(profile)
            theirs = cell["c_functions"]
            ours = rust["functions"] if rust else {}
            rows = []
            left, right = list(ours.items())[:limit], list(theirs.items())[:limit]
            for i in range(max(len(left), len(right))):
                name, size = left[i] if i < len(left) else ("", "")
                same = theirs.get(name, "") if name else ""
                c_name, c_size = right[i] if i < len(right) else ("", "")
                rows.append([name[:70], size, same, c_name, c_size])
            where = f"{CPUS[cell['cpu']][0]}, {OPTION_SETS[cell['options']]}, {'asserts' if cell['asserts'] else 'LWIP_NOASSERT'}"
            tables.append(table(f"Functions, biggest first: {where}, profile {profile}",
                                ["Rust", "bytes", "same in C", "C", "bytes"], rows))
    return tables


def instruction_table(found, profiles):
    c, rows = found["c"], []
    for key, label, goal in (("total", "whole path", True), ("tcp", "TCP's own functions", True),
                             ("checksum", "checksum", False), ("standard_chksum", "of it lwip_standard_chksum", False)):
        for profile in profiles:
            ours = found.get(profile)
            noted = number(DESIGN_COUNTS[key]) if key in DESIGN_COUNTS else ""
            if ours is None:
                rows.append([label, noted, number(c[key]), profile, NOT_BUILT, "", ""])
            else:
                ratio = ours[key] / c[key] if c[key] else 0
                rows.append([label, noted, number(c[key]), profile, number(ours[key]), f"{ratio:.2f}",
                             verdict(ratio <= 1) if goal else ""])
    return table("Instructions per 1,460-byte segment (loopback, x86-64, checksums on)",
                 ["what", "C noted", "C", "profile", "Rust", "Rust/C", "goal ≤ C"], rows,
                 ["Both ends and the acknowledgements counted. TCP's own: for C the functions of its three files, for Rust everything "
                  "in the archive."])


def throughput_table(times, profiles):
    def gbit(ns):
        return 1460 * 8 / ns

    c, rows = times["c"]["median_ns"], []
    for profile in profiles:
        ours = times.get(profile)
        if ours is None:
            rows.append([f"{gbit(c):.1f}", f"{c:,.0f}", profile, NOT_BUILT, "", ""])
        else:
            ns = ours["median_ns"]
            rows.append([f"{gbit(c):.1f}", f"{c:,.0f}", profile, f"{gbit(ns):.1f}", f"{ns:,.0f}", f"{c / ns:.2f}"])
    return table("Loopback throughput", ["C Gbit/s", "C ns/segment", "profile", "Rust Gbit/s", "Rust ns/segment", "Rust/C speed"],
                 rows, [f"Medians of {len(times['c']['ns'])} rounds, in turn. C noted in the design document: 12.8 Gbit/s."])


def connection_tables(rows, profiles):
    return [connection_table([row for row in rows if bool(row["burst"]) == turns], profiles, turns) for turns in (False, True)]


def connection_table(rows, profiles, turns):
    names = ["c", *profiles]
    head = ["connections"] + (["C noted µs"] if turns else [])
    for name in names:
        label = "C" if name == "c" else f"Rust {name}"
        head += [f"{label} µs", f"{label} instr.", f"{label} TCP instr.", f"{label} tcp_input self"]
    lines = []
    for row in rows:
        line = [f"{row['connections']:,}"] + ([DESIGN_TIMES.get(row["connections"], "")] if turns else [])
        for name in names:
            time, counts = row["time"].get(name), row["instructions"].get(name)
            line.append(f"{time['median_ns'] / 1000:.2f}" if time else NOT_BUILT)
            line += [number(counts[k]) for k in ("total", "tcp", "tcp_input_self_per_call")] if counts else ["", "", ""]
        lines.append(line)
    for label, kind in (("time", "time"), ("instructions", "instructions")):
        # A quick run counts no instructions with the most connections.
        counted = [row for row in rows if row[kind]]
        if len(counted) > 1:
            ends = f"{counted[-1]['connections']:,} / {counted[0]['connections']:,}, {label}"
            lines.append(flatness(counted, names, ends, kind, turns))
    title = "the connections take turns, 16 segments each" if turns else "all connections send at once"
    return table(f"Cost of a segment with many connections: {title}", head, lines, [
        f"The goal for Rust: with 5,000 connections at most {FLAT_GOAL} times as much as with 1.",
        "tcp_input self: own instructions of tcp_input per call; what is inlined into it counts as its own."])


def flatness(rows, names, label, kind, turns):
    """The last lines of the table: how much dearer the most connections are than one."""
    line = [label] + ([""] if turns else [])
    for name in names:
        first, last = rows[0][kind].get(name), rows[-1][kind].get(name)
        if not first or not last:
            line += ["", "", "", ""]
            continue
        key = "median_ns" if kind == "time" else "total"
        ratio = last[key] / first[key]
        text = f"{ratio:.2f}" + ("" if name == "c" else f" {verdict(ratio <= FLAT_GOAL)}")
        if kind == "time":
            line += [text, "", "", ""]
        else:
            line += ["", text, f"{last['tcp'] / first['tcp']:.2f}", ""]
    return line


def host_table(found):
    return table("The stack on a PC", ["what", "unit", *STACKS.values()], list(cells(found)), [
        *found["notes"],
        "The best of all rounds, and the median in brackets; the stacks take turns. -: there is no such thing.",
        "Packets of 1,500 octets, checksums made and looked at, 1 MiB of buffer each way (httpd: 64 KiB in, 256 KiB out; smoltcp: 4 and 16 KiB).",
        "One thread: the program drives the stack, over a device in memory. Three: client, server and the stack's own.",
        "CPU: of the process with the stack in it, all its threads, the kernel's work for it too. Over TAP the kernel is the peer.",
        "httpd: ab -k, a file of 1,460 octets. smoltcp has no sockets for a file server: a loop that answers with fixed octets.",
    ])


def markdown(tables, facts):
    lines = ["# Measures", ""] + [f"- {fact}" for fact in facts]
    for item in tables:
        lines += ["", f"## {item['title']}", "", "| " + " | ".join(item["head"]) + " |", "|" + "---|" * len(item["head"])]
        lines += ["| " + " | ".join(row) + " |" for row in item["rows"]]
        lines += [""] + [f"{note}  " for note in item["notes"]]
    return "\n".join(lines) + "\n"


def terminal(tables, facts, colours):
    lines = list(facts)
    for item in tables:
        rows = [[cell.replace("**", "") for cell in row] for row in item["rows"]]
        widths = [max(len(row[i]) for row in [item["head"], *rows]) for i in range(len(item["head"]))]
        lines += ["", f"\x1b[1m{item['title']}\x1b[0m" if colours else item["title"]]
        for row in [item["head"], ["-" * width for width in widths], *rows]:
            line = "  ".join(cell.rjust(w) if cell[:1].isdigit() else cell.ljust(w) for cell, w in zip(row, widths)).rstrip()
            if colours and "missed" in line:
                line = line.replace("missed", "\x1b[31mmissed\x1b[0m")
            lines.append("  " + line)
        lines += [f"  {note}" for note in item["notes"]]
    return "\n".join(lines) + "\n"
