"""In a network namespace of its own (unshare -Urn): a TAP device, one stack behind it, and a client in the kernel.

Reads one job as JSON from stdin, and prints what it measured as JSON. What it starts it ends; the device goes with the namespace."""

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time

KERNEL, STACK = "192.0.2.1", "192.0.2.2"
PATIENCE = 20


def tell_to_end(_signal, _frame):
    sys.exit(143)


def network():
    """Duplicate address detection and IPv6 altogether would only be noise here."""
    for command in ("link set lo up", "tuntap add dev tap0 mode tap", f"address add {KERNEL}/24 dev tap0", "link set tap0 up"):
        subprocess.run(["ip", *command.split()], check=True)


def wait_for(process, port):
    """Until the stack takes a connection there."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection((STACK, port), timeout=1).close()
            return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > end:
                sys.exit(f"{' '.join(process.args)}: nobody at port {port} ({error})")
            time.sleep(0.02)


def cpu(process):
    """Seconds of all its threads, those that have ended too: the clock that clock_getcpuclockid(3) gives."""
    return time.clock_gettime((~process.pid << 3) | 2)


def frames():
    """Of the device, the stack's end of it: (to the stack, from it)."""
    with open("/proc/net/dev", encoding="ascii") as lines:
        counts = next(line.split(":")[1].split() for line in lines if line.strip().startswith("tap0:"))
    return int(counts[9]), int(counts[1])


def client(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def tcp(job, process):
    wait_for(process, 7)
    found, gigabytes = {}, job["bytes"] / 1e9
    p50, p99 = map(float, client([job["client"], "echo", STACK, str(job["count"])]).split())
    for what, direction in (("send", "in"), ("receive", "out")):
        before, (to, out) = cpu(process), frames()
        seconds = float(client([job["client"], what, STACK, str(job["bytes"])]))
        found[direction + "_cpu"] = (cpu(process) - before) / gigabytes
        found[direction + "_speed"] = gigabytes * 8 / seconds
        to, out = (now - then for now, then in zip(frames(), (to, out)))
        found[direction + "_back"] = 1000 * (out / to if what == "send" else to / out)
    return {**found, "p50": p50, "p99": p99}


def http(job, process):
    wait_for(process, 80)
    url = f"http://{STACK}/{job['path']}"
    # -t has its own idea of -n, so -n comes after it.
    command = ["ab", "-q", "-r", "-s", "20", "-t", str(job["seconds"]), "-n", "10000000", "-c", str(job["at_once"]), url]
    if job["keep_alive"]:
        command.insert(1, "-k")
    before = cpu(process)
    said = client(command)
    used = cpu(process) - before

    def number(label):
        match = re.search(rf"^{label}: *([0-9.]+)", said, re.MULTILINE)
        return float(match.group(1)) if match else 0

    complete, failed = number("Complete requests"), number("Failed requests") + number("Non-2xx responses")
    if complete == 0 or failed > 0:
        sys.exit(f"{' '.join(process.args)}: {failed:.0f} of {complete:.0f} requests failed\n{said}")
    return {"rate": number("Requests per second"), "each": used * 1e6 / complete}


def main():
    signal.signal(signal.SIGTERM, tell_to_end)
    job = json.load(sys.stdin)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    network()
    process = subprocess.Popen(job["server"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        found = {"tcp": tcp, "http": http}[job["what"]](job, process)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C"
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
