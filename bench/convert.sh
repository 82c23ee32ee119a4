#!/usr/bin/env bash
# What converting a checkpoint costs beside loading it with torch and saving it with safetensors.
#
# usage: bench/convert.sh PYTHON DIR
#
# PYTHON has torch and safetensors; DIR has room for 7 GB, best in memory, so that what is measured
# is the program and not a disk. Two files of 2 GiB: thirty-two matrices as they are, and one that
# is transposed. The bars: at least 1 GB/s, and at most 100 MiB.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:?"usage: bench/convert.sh PYTHON DIR"}
dir=${2:?"usage: bench/convert.sh PYTHON DIR"}
casemate=${CASEMATE:-}
if [ -z "$casemate" ]; then
    cargo build --release --quiet
    casemate=$PWD/target/release/casemate
fi
work=$(mktemp -d "$dir/convert.XXXXXX")
trap 'rm -rf "$work"' EXIT
cat > "$work/make.py" <<'END'
import sys
import torch

kind, path = sys.argv[1:]
if kind == "plain":
    weights = {f"layer.{n}.weight": torch.randn(4096, 8192).bfloat16() for n in range(32)}
else:
    weights = {"weight": torch.arange(2**29, dtype=torch.float32).view(32768, 16384).t()}
torch.save(weights, path)
END
cat > "$work/theirs.py" <<'END'
import sys
import torch
from safetensors.torch import save_file

weights = torch.load(sys.argv[1], weights_only=True)
save_file({name: tensor.contiguous() for name, tensor in weights.items()}, sys.argv[2], {"format": "pt"})
END
for kind in plain transposed; do
    "$python" "$work/make.py" "$kind" "$work/$kind.pt"
    json=bench/results/convert-$kind.json
    bench/pairs.py --pairs 3 --json "$json" \
        "$casemate model convert $work/$kind.pt $work/ours.safetensors --force --quiet" \
        "$python $work/theirs.py $work/$kind.pt $work/theirs.safetensors"
    cmp "$work/ours.safetensors" "$work/theirs.safetensors"
    "$python" - "$json" "$work/$kind.pt" <<'END'
import json
import os
import statistics
import sys

result = json.load(open(sys.argv[1]))
size = os.path.getsize(sys.argv[2])
for side, name in enumerate(("ours", "theirs")):
    wall = statistics.median(pair[side]["wall_s"] for pair in result["pairs"])
    cpu = statistics.median(pair[side]["cpu_s"] for pair in result["pairs"])
    print(f"{name:>6}: {size / wall / 1e9:.2f} GB/s, {size / cpu / 1e9:.2f} GB for a second of CPU")
END
    # What is kept names no place of this machine.
    sed -i "s|$casemate|casemate|; s|$python|python|; s|$work/||g" "$json"
    rm -f "$work"/*.pt "$work"/*.safetensors
done
