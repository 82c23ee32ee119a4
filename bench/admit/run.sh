#!/bin/sh
# How long an API server waits for an answer: 500 requests a second over TLS, each judged by all checks, the gate and 100
# rules in Rego. Prints JSON: for each of the runs what the client saw, and what the server's process cost for a request.
#
#   bench/admit/run.sh [RATE [SECONDS [RUNS]]]
set -eu
cd "$(dirname "$0")/../.."
rate=${1:-500} seconds=${2:-10} runs=${3:-5}
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -r "$dir"' EXIT

cargo build --quiet --release -p casemate-admission --example load
load=${CARGO_TARGET_DIR:-target}/release/examples/load
python3 bench/admit/rules.py 100 > "$dir/own.rego"
fixtures=crates/trust/admission/tests/fixtures
: > "$dir/told"
"$load" serve "$dir/own.rego" "$fixtures/first.pem" "$fixtures/first.key" > "$dir/told" &
server=$!
while [ "$(wc -l < "$dir/told")" -lt 2 ]; do sleep 0.1; done
address=$(sed -n 2p "$dir/told")
ask() { "$load" ask "$address" "$1" "$fixtures/authority.pem" "$2" "$3" 16; }
# User and system time of the server so far, in hundredths of a second.
spent() { awk '{print $14 + $15}' "/proc/$server/stat"; }

ask bench/admit/review.json 50 1 > "$dir/warm"
printf '{"machine": "%s, %s cores", "server": "%s", "rate": %s, "seconds": %s, "connections": 16, "runs": [\n' \
    "$(uname -m)" "$(nproc)" "$(sed -n 1p "$dir/told")" "$rate" "$seconds"
for run in $(seq "$runs"); do
    load_before=$(cut -d' ' -f1 /proc/loadavg)
    before=$(spent)
    ask bench/admit/review.json "$rate" "$seconds" > "$dir/answer"
    after=$(spent)
    awk -v load="$load_before" -v ticks="$((after - before))" -v requests="$((rate * seconds))" \
        -v last="$([ "$run" = "$runs" ] && echo 1 || echo 0)" \
        '{printf " {\"load\": %s, \"server_cpu_us_per_request\": %d, \"client\": %s}%s\n", load, ticks * 10000 / requests, $0, last ? "" : ","}' \
        "$dir/answer"
done
echo ']}'
