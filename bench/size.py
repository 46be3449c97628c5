"""Flash and static RAM on Cortex-M: what TCP adds to a firmware, C beside Rust."""

import os
import re

from build import BENCH, OUT, TCP_FILES, Failed, cargo_archive, compile_c, progress, run, rust_is_there, symbols

PREFIX = "arm-none-eabi-"
CPUS = {
    "M0": ("Cortex-M0", "thumbv6m-none-eabi", ["-mcpu=cortex-m0", "-mthumb"]),
    "M3": ("Cortex-M3", "thumbv7m-none-eabi", ["-mcpu=cortex-m3", "-mthumb"]),
    "M4": ("Cortex-M4F", "thumbv7em-none-eabihf", ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"]),
}
OPTION_SETS = {"default": "default, IPv4", "full": "IPv6, SACK, TS, WS, KA, backlog"}
GOAL = 1.15

# Flash and static RAM of the three C objects as DESIGN.md has them: to see whether this machine's compiler agrees.
DESIGN = {
    ("M3", "default", True): 12332,
    ("M3", "default", False): 11570,
    ("M3", "full", True): 16284,
    ("M3", "full", False): 15338,
    ("M0", "default", True): 13850,
    ("M0", "default", False): 12924,
}

# Each firmware with lwIP has these from its C library, whichever TCP it uses.
FROM_LIBC = {"memcpy", "memmove", "memset", "memcmp", "strlen", "bcmp"}

# Functions of compiler_builtins, counted as Rust's: the archive brings them and a link takes them.
HELPERS = ("compiler_builtins::", "__", "mem")


def section_sizes(elf):
    sizes = {}
    for line in run([PREFIX + "size", "-A", str(elf)], "size").splitlines():
        fields = line.split()
        if len(fields) >= 2 and fields[0].startswith(".") and fields[1].isdigit():
            sizes[fields[0]] = int(fields[1])
    flash = sum(sizes.get(name, 0) for name in (".text", ".rodata", ".ARM.extab", ".ARM.exidx", ".data"))
    ram = sizes.get(".data", 0) + sizes.get(".bss", 0)
    return {"flash": flash, "text": flash - sizes.get(".data", 0), "ram": ram, "sections": sizes}


def object_sizes(objects):
    """What `size` says of the objects: text (with constants), data, bss."""
    total = run([PREFIX + "size", "-t", *map(str, objects)], "size").splitlines()[-1].split()
    text, data, bss = map(int, total[:3])
    return {"text": text, "ram": data + bss}


def by_llvm(sources, include, flags, target, folder):
    """Code and constants of the same C files by clang -Oz: what of a difference is the compiler's, which for Rust is LLVM."""
    said = run([PREFIX + "gcc", *flags, "-xc", "-E", "-v", "-o", os.devnull, os.devnull], "gcc's folders", stderr=True)
    system = re.findall(r"^ (/\S+)$", said, re.MULTILINE)
    if not system:
        raise Failed(f"{PREFIX}gcc -E -v names no folder of headers")
    # GCC's enums for this target are short; its tables for unwinding are none.
    flags = ["-Oz", f"--target={target}", "-fshort-enums", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables", "-w",
             *(flag for flag in flags if flag not in ("-Os", "-mthumb")), "-isystem", system[-1]]
    objects = compile_c("clang", [*flags, *(f"-I{i}" for i in include)], sources, folder)
    sizes = run([PREFIX + "size", "-A", *map(str, objects)], "size")
    return sum(int(size) for size in re.findall(r"^\.(?:text|rodata)\S*\s+(\d+)", sizes, re.MULTILINE))


def stubs(names, flags, folder):
    """An object that defines names, standing for the rest of the firmware."""
    source = folder / "stubs.s"
    lines = [".syntax unified", ".thumb", '.section .stubs,"ax",%progbits']
    for name in sorted(names):
        lines += [f".global {name}", f".type {name},%function", ".thumb_func", f"{name}: .space 4"]
    source.write_text("\n".join(lines) + "\n")
    return compile_c(PREFIX + "gcc", flags, [source], folder)[0]


def link(parts, roots, flags, folder, name):
    """Links parts with roots as what the firmware uses, unused sections left out. The rest of the firmware is stubs."""
    folder.mkdir(parents=True, exist_ok=True)
    elf, probe = folder / f"{name}.elf", folder / f"{name}.probe"
    libgcc = run([PREFIX + "gcc", *flags, "-print-libgcc-file-name"], "libgcc").strip()
    command = [PREFIX + "ld", "--gc-sections", "-T", str(BENCH / "size" / "link.ld")]
    command += [argument for root in sorted(roots) for argument in ("-u", root)]
    parts = [*map(str, parts), libgcc]
    # A first link, only to learn what TCP wants from the rest.
    said = run([*command, "--warn-unresolved-symbols", "-o", str(probe), *parts], f"linking {name}", stderr=True)
    probe.unlink()
    missing = set(re.findall(r"undefined reference to `([^']+)'", said)) | FROM_LIBC
    extra = stubs(missing, flags, folder)
    run([*command, "-Map", f"{elf}.map", "-o", str(elf), str(extra), *parts], f"linking {name}")
    return elf


def functions(elf):
    """Sizes of the code symbols of a linked result, biggest first, by name; the stubs are not among them."""
    found = {}
    out = run([PREFIX + "nm", "-C", "--print-size", "--size-sort", "--radix=d", str(elf)], "nm")
    for line in out.splitlines():
        fields = line.split(None, 3)
        if len(fields) == 4 and fields[2] in "tTwW" and int(fields[0]) < 0x08080000:
            name = re.sub(r"::h[0-9a-f]{16}$", "", fields[3])
            found[name] = found.get(name, 0) + int(fields[1])
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def measure_cell(lwip, cpu, options, asserts, profiles):
    """One cell of the table: one processor, one option set, with or without asserts."""
    label, target, flags = CPUS[cpu]
    folder = OUT / "size" / f"{cpu}-{options}-{'assert' if asserts else 'noassert'}"
    include = [BENCH / "size" / options, BENCH / "size" / "port", lwip / "src" / "include"]
    flags = ["-Os", *flags] + ([] if asserts else ["-DLWIP_NOASSERT"])
    sources = [lwip / "src" / "core" / f"{name}.c" for name in TCP_FILES]
    objects = compile_c(PREFIX + "gcc", [*flags, *(f"-I{i}" for i in include)], sources, folder / "c")
    roots = {name for kind, name in symbols(PREFIX + "nm", objects, "-g", "--defined-only") if kind != "U"}
    elf = link(objects, roots, flags, folder / "c", "c")
    cell = {
        "cpu": cpu, "processor": label, "target": target, "options": options, "asserts": asserts,
        "c": object_sizes(objects), "c_linked": section_sizes(elf), "c_functions": functions(elf),
        "c_by_llvm": by_llvm(sources, include, flags, target, folder / "c_by_llvm"),
        "design": DESIGN.get((cpu, options, asserts)), "rust": {},
    }
    for profile in profiles if rust_is_there() else ():
        progress(f"size: {label}, {options}, {'asserts' if asserts else 'LWIP_NOASSERT'}, Rust profile {profile}")
        archive = cargo_archive(lwip, include, flags, profile, target, folder / profile / "liblwip_tcp_rust.a")
        have = {name for _, name in symbols(PREFIX + "nm", [archive], "-g", "--defined-only")}
        if roots - have:
            raise Failed(f"the Rust archive for {label} ({options}) lacks {', '.join(sorted(roots - have))}")
        elf = link([archive], roots, flags, folder / profile, "rust")
        sizes = section_sizes(elf)
        sizes["functions"] = functions(elf)
        sizes["helpers"] = sum(size for name, size in sizes["functions"].items() if name.startswith(HELPERS))
        sizes["ratio"] = sizes["flash"] / cell["c"]["text"]
        sizes["met"] = sizes["ratio"] <= GOAL
        cell["rust"][profile] = sizes
    return cell


def measure(lwip, profiles, quick):
    cells = []
    for cpu in ("M3",) if quick else CPUS:
        for options in OPTION_SETS:
            for asserts in (True, False):
                progress(f"size: {CPUS[cpu][0]}, {options}, {'asserts' if asserts else 'LWIP_NOASSERT'}, C")
                cells.append(measure_cell(lwip, cpu, options, asserts, profiles))
    return cells
