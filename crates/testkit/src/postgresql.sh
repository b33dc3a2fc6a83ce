# Makes a cluster in a folder, unless there is one, runs a server, and says when it takes connections.
# The server ends, as by a power cut, when nobody holds standard input open any more. All of it is
# removed then, but where there is a file `keep`.
#
# sh -c "$(cat postgresql.sh)" sh FOLDER PORT USER FOLDER_OF_ITS_PROGRAMS
set -e
folder=$1 port=$2 user=$3
export PATH="$4:$PATH"
# Where locales are looked for that tests make.
export LOCPATH="$folder/locales"
mkdir -p "$LOCPATH"
[ -e "$folder/data/PG_VERSION" ] ||
    initdb -D "$folder/data" -U "$user" --pwfile="$folder/password" --auth=scram-sha-256 \
        --no-sync -E UTF8 --locale=C >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
postgres -D "$folder/data" -k "$folder" -p "$port" -c listen_addresses=127.0.0.1 -c fsync=off \
    -c max_connections=300 >"$folder/log" 2>&1 </dev/null &
server=$!
until pg_isready -q -h 127.0.0.1 -p "$port"; do
    kill -0 $server || { cat "$folder/log" >&2; exit 1; }
done
echo ready
cat >/dev/null || true
kill -QUIT $server || true
wait $server || true
[ -e "$folder/keep" ] || rm -rf "$folder"
