#!/usr/bin/env bash
# What signing and verifying a model costs beside model-signing.
#
# usage: bench/sign.sh PYTHON DIR
#
# PYTHON has model-signing 1.1.1 and pyOpenSSL (which it needs and does not ask for); DIR has room for
# 7 GB, best in memory, so that what is measured is the program and not a disk. Four models: one of a few
# bytes (what starting costs), 3,012 files of 3.1 GB in all, one file of 2.8 GB, and 50,000 files of
# 4 KB. The bars: at least 1.3 GB for a second of CPU, 50,000 files in 0.7 s of CPU and 60 MiB.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:?"usage: bench/sign.sh PYTHON DIR"}
dir=${2:?"usage: bench/sign.sh PYTHON DIR"}
pairs=${PAIRS:-3}
casemate=${CASEMATE:-}
if [ -z "$casemate" ]; then
    cargo build --release --quiet
    casemate=$PWD/target/release/casemate
fi
work=$(mktemp -d "$dir/sign.XXXXXX")
trap 'rm -rf "$work"' EXIT
"$casemate" keygen --out "$work/k.key" --no-passphrase --quiet >/dev/null
make() {
    "$python" - "$1" "$2" <<'END'
import os
import random
import sys

kind, root = sys.argv[1:]
bytes_of = random.Random(2027).randbytes
os.makedirs(root)


def write(name, size, block=bytes_of(1 << 20)):
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(name.encode())
        while (left := size - file.tell()) > 0:
            file.write(block[:left])


if kind == "tiny":
    write("a", 10)
elif kind == "tree":
    for number in range(12):
        write(f"model-{number:05}.safetensors", 250_000_000)
    for number in range(3_000):
        write(f"data/{number % 30}/{number}.bin", 40_000)
elif kind == "single":
    write("model.safetensors", 2_800_000_000)
else:
    for number in range(50_000):
        write(f"{number % 100}/{number}", 4_096)
END
}
for kind in tiny tree single many; do
    make "$kind" "$work/$kind"
    for verb in sign verify; do
        json=bench/results/$verb-$kind.json
        case $verb in
        sign)
            ours="$casemate sign $work/$kind --key $work/k.key --bundle $work/ours.sig --quiet"
            theirs="$python -m model_signing sign key --private_key $work/k.key --signature $work/theirs.sig $work/$kind"
            ;;
        verify)
            # Each verifies what the other signed.
            ours="$casemate verify $work/$kind --key $work/k.pub --bundle $work/theirs.sig --quiet"
            theirs="$python -m model_signing verify key --public_key $work/k.pub --signature $work/ours.sig $work/$kind"
            ;;
        esac
        echo "== $verb $kind"
        bench/pairs.py --pairs "$pairs" --json "$json" "$ours" "$theirs"
        # What is kept names no place of this machine.
        sed -i "s|$casemate|casemate|g; s|$python|python|g; s|$work/||g" "$json"
    done
    rm -rf "${work:?}/$kind"
done
