#!/usr/bin/env bash
# A model's way into production: blocked, allowed, audited, and blocked again when somebody touches it.
#
# usage: examples/02-promotion/promote.sh [DIR]
#
# DIR is where everything is made, a new temporary directory unless it is named; it has to be empty. CASEMATE names the program;
# without it, it is built.
set -euo pipefail
work=$(mkdir -p "${1:-.}" && cd "${1:-.}" && pwd)
work=${1:+$work}
work=${work:-$(mktemp -d)}
if [ -n "${CASEMATE:-}" ]; then
    CASEMATE=$(realpath "$(command -v "$CASEMATE")")
fi
cd "$(dirname "$0")"
if [ -z "${CASEMATE:-}" ]; then
    cargo build --release --quiet
    CASEMATE=$(realpath ../../target/release/casemate)
fi
if [ -n "$(ls -A "$work")" ]; then
    echo "$work is not empty" >&2
    exit 2
fi
cp -r data train.py production "$work"
cd "$work"
mkdir -p keys registry evidence

step() { printf '\n\033[1m%s\033[0m\n' "$*"; }
casemate() { printf '$ casemate %s\n' "$*" >&2; "$CASEMATE" "$@"; }
# The gate, and what it has to say: 0 that the model may pass, 1 that it may not.
gate() {
    local said=0
    casemate assess registry --config production/casemate.toml --out report --quiet || said=$?
    [ "$said" = "$1" ]
}

step "1. Everybody has a key, and trust.toml says who may say what"
for who in training scanner release; do
    casemate keygen --no-passphrase --quiet --out "keys/$who.key" > /dev/null
done
for who in log witness; do
    casemate keygen --no-passphrase --quiet --algorithm ed25519 --out "keys/$who.key" > /dev/null
done
log=$("$CASEMATE" log init log --origin log.example/models --key keys/log.key)
witness=$("$CASEMATE" log vkey witness.example --key keys/witness.key --witness)
trust=production/trust.toml
echo 'require-log = true' > "$trust"
may() {
    printf '\n[[key]]\nname = "%s"\npredicates = ["%s"]\npem = """\n%s"""\n' "$1" "$2" "$(cat "keys/$1.pub")" >> "$trust"
}
may training https://slsa.dev/provenance/v1
may scanner https://in-toto.io/attestation/test-result/v0.1
may release https://model_signing/signature/v1.0
printf '\n[[log]]\nvkey = "%s"\n\n[[witness]]\nvkey = "%s"\n' "$log" "$witness" >> "$trust"

step "2. The model is trained, and the run is recorded"
casemate attest train registry/churn --input data/customers.csv --input train.py --param epochs=400 \
    --key keys/training.key --bundle evidence/provenance.json \
    -- python3 train.py data/customers.csv registry/churn 400

step "3. The gate: nobody has signed it"
: > evidence/churn.claims.jsonl
gate 1

step "4. It is scanned, signed, logged and witnessed"
casemate attest test-result registry/churn --key keys/scanner.key --bundle evidence/scan.json
casemate sign registry/churn --scan --key keys/release.key --bundle evidence/signature.json
casemate attest claims registry/churn --add evidence/signature.json --add evidence/provenance.json \
    --add evidence/scan.json --out evidence/churn.claims.jsonl
casemate log attest log --claims evidence/churn.claims.jsonl --key keys/log.key --proof evidence/churn.tlog-proof
"$CASEMATE" log witness serve --name witness.example --key keys/witness.key --state witness --log "$log" \
    --listen 127.0.0.1:0 > witness.out &
trap 'kill %1' EXIT
for _ in $(seq 100); do grep -q ^http witness.out && break || sleep 0.1; done
casemate log checkpoint log --witness "$(grep ^http witness.out)" --witness-vkey "$witness" > /dev/null
casemate log prove log --bundle evidence/signature.json --out evidence/churn.tlog-proof

step "5. The gate: everything is there"
gate 0

step "6. An auditor, alone and offline"
casemate verify registry/churn --claims evidence/churn.claims.jsonl --log-proof evidence/churn.tlog-proof --trust-store "$trust"

step "7. Somebody changes one weight"
printf '\x41' | dd of=registry/churn/model.safetensors bs=1 seek=300 conv=notrunc status=none
gate 1

step "Everything is in $work"
