"""What the server stands beside in the field, as processes that end with the test: a database that
speaks MongoDB's protocol, Redis, nginx.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

START_PATIENCE = 20.0  # seconds
DEPLOY = Path(__file__).parents[1] / "deploy"


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def service(
    command: Sequence[str], port: int, host: str = "127.0.0.1"
) -> Iterator["subprocess.Popen[bytes]"]:
    """Runs a command until the block ends; begins once something listens at the port."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + START_PATIENCE
        while not _listens(host, port):
            assert process.poll() is None, f"{command[0]} ended: {process.communicate()[1]!r}"
            assert time.monotonic() < deadline, f"{command[0]} does not listen"
            time.sleep(0.02)
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=10)


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def mongodb(
    port: int | None = None,
    storage: str = ":memory:",
    host: str = "127.0.0.1",
    within: Sequence[str] = (),
) -> Iterator[str]:
    """The address of a SecantusDB, with `{}` where the name of the database belongs. `within` is
    put before its command.
    """
    port = port or free_port()
    command = [
        *(*within, os.environ["R2C_SECANTUS"], "--host", host, "--port", str(port)),
        *("--storage-path", storage, "--standalone", "--cache-size", "64M"),
    ]
    with service(command, port, host):
        yield f"mongodb://{host}:{port}/{{}}?directConnection=true"


@contextmanager
def redis(
    port: int | None = None, host: str = "127.0.0.1", within: Sequence[str] = ()
) -> Iterator[str]:
    """The address of a Redis that keeps nothing on disk. `within` is put before its command."""
    port = port or free_port()
    command = [
        *(*within, "redis-server", "--bind", host, "--port", str(port)),
        *("--save", "", "--appendonly", "no", "--protected-mode", "no"),
    ]
    with service(command, port, host):
        yield f"redis://{host}:{port}/0"


@contextmanager
def nginx(folder: Path, *ports: int) -> Iterator[str]:
    """The URL of an nginx before two servers, as `deploy/nginx.conf` has it."""
    port = free_port()
    text = (DEPLOY / "nginx.conf").read_text("utf-8")
    for name, each in zip(("one:5000", "two:5000"), ports, strict=True):
        text = text.replace(name, f"127.0.0.1:{each}")
    text = text.replace("listen 8080", f"listen 127.0.0.1:{port}")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"  {kind}_temp_path {folder / kind};\n" for kind in kinds)
    text = text.replace("http {\n", "http {\n" + paths)
    if os.geteuid() == 0:
        text = "user root;\n" + text  # or its workers could not write to the folder
    (folder / "nginx.conf").write_text(text, "utf-8")
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin") or "nginx"
    with service(
        [program, "-p", f"{folder}/", "-c", f"{folder}/nginx.conf", "-g", "daemon off;"], port
    ):
        yield f"http://127.0.0.1:{port}"
