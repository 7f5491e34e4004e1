#!/bin/sh
# Runs a command with the logs of its tests on a NATS server:
#
#   xtask/with-nats.sh NATS-SERVER FOLDER COMMAND...
#
# The server keeps its files in the folder, which is emptied first, and ends with the command.
set -eu
server=$1 folder=$2
shift 2
rm -rf "$folder"
mkdir -p "$folder/ports"
cat > "$folder/server.conf" <<END
listen: "127.0.0.1:-1"
http: "127.0.0.1:-1"
ports_file_dir: "$folder/ports"
jetstream { store_dir: "$folder/store", sync_interval: always }
END
"$server" --config "$folder/server.conf" > "$folder/log" 2>&1 &
trap 'kill -s KILL $!; rm -rf "$folder/store"' EXIT
left=100
until LINGER_TEST_LOG=$(grep -ho 'nats://[0-9.:]*' "$folder"/ports/*.ports) &&
    LINGER_TEST_MONITOR=$(grep -ho 'http://[0-9.:]*' "$folder"/ports/*.ports); do
    left=$((left - 1))
    [ "$left" -gt 0 ] || { cat "$folder/log"; exit 1; }
    sleep 0.1
done 2> /dev/null
export LINGER_TEST_LOG LINGER_TEST_MONITOR
"$@"
