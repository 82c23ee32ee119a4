#!/usr/bin/env bash
# What an assessment of a tree costs beside ripgrep's search for one word in the same warm tree.
#
# usage: bench/assess.sh TREE
#
# The bar: at most 5 times ripgrep's user and system time, and under 200 MB. The result kept in
# bench/results was taken on clones of the public repositories that bench/results/README.md names.
set -euo pipefail
cd "$(dirname "$0")/.."
tree=${1:?"usage: bench/assess.sh TREE"}
cargo build --release --quiet
casemate=$PWD/target/release/casemate
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
echo "$(find "$tree" -type f | wc -l) files, $(du -sm "$tree" | cut -f1) MiB"
bench/pairs.py --json bench/results/assess.json \
    "$casemate assess $tree --out $out --quiet" "rg -uuu -a -c casemate $tree"
# What is kept names no place of this machine.
sed -i "s|$casemate|casemate|; s|$out|OUT|; s|$tree|TREE|g" bench/results/assess.json
echo "start-up alone:"
bench/pairs.py --json bench/results/start-up.json --pairs 21 "$casemate --version" "rg --version"
sed -i "s|$casemate|casemate|" bench/results/start-up.json
