"""Makes every generated file of this example again, the same bytes each time.

    pip install -r requirements.txt        # CPython 3.11
    python make.py                         # from any folder

Written: data/transactions.csv, models/*, notebooks/train.ipynb, and the two credentials in .github/workflows/train.yml.
The credentials come from a fixed seed and have never been anybody's.
"""

import io
import json
import os
import pathlib
import pickle
import pickletools
import random
import re
import string
import struct
import sys

import gguf
import joblib
import numpy
import pandas
import torch
from safetensors.torch import save
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE / "src"))

from features import COUNTRIES, LABEL, MERCHANTS, NUMERIC
from train import digest, fit


def transactions(rows=400):
    """Synthetic card payments: fraud is likelier far from home, at night, after declines, without the card."""
    draw = numpy.random.default_rng(20240506)
    frame = pandas.DataFrame({
        "transaction_id": [f"t{n:06}" for n in range(rows)],
        "amount": draw.lognormal(3.5, 1.1, rows).round(2),
        "hour": draw.integers(0, 24, rows),
        "distance_km": draw.exponential(40, rows).round(1),
        "previous_declines": draw.poisson(0.4, rows),
        "merchant": draw.choice(MERCHANTS, rows),
        "country": draw.choice(COUNTRIES, rows),
        "card_present": draw.integers(0, 2, rows),
    })
    risk = (frame.distance_km / 60 + (frame.hour < 5) * 1.5 + frame.previous_declines + (1 - frame.card_present)
            + frame.amount / 200 + draw.normal(0, 0.5, rows))
    frame[LABEL] = (risk > risk.quantile(0.9)).astype(int)
    return frame


def classifiers(frame):
    joblib.dump(fit(frame)[0], HERE / "models/fraud_rf.joblib")
    baseline = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
    with open(HERE / "models/fraud_baseline.pkl", "wb") as out:
        pickle.dump(baseline.fit(frame[NUMERIC].to_numpy(), frame[LABEL].to_numpy()), out, protocol=4)


def encoder():
    """Embeds merchant and country; the same weights in four formats."""
    torch.manual_seed(7)
    weights = torch.nn.ModuleDict({
        "merchant": torch.nn.Embedding(len(MERCHANTS), 8),
        "country": torch.nn.Embedding(len(COUNTRIES), 4),
        "mix": torch.nn.Linear(12, 8),
    }).state_dict()
    torch.save(weights, HERE / "models/encoder.pt")
    legacy = io.BytesIO()
    torch.save(weights, legacy, _use_new_zipfile_serialization=False)
    (HERE / "models/encoder-legacy.pt").write_bytes(numbered(legacy.getvalue()))
    (HERE / "models/encoder.safetensors").write_bytes(save(dict(weights), metadata={"format": "pt"}))

    path = HERE / "models/tiny.gguf"
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name("Merchant and country encoder")
    writer.add_license("Apache-2.0")
    writer.add_embedding_length(8)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    for name, tensor in weights.items():
        writer.add_tensor(name, tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def numbered(legacy):
    """The same legacy checkpoint of float32 tensors, its storages keyed by number: torch keys them by address."""
    stream = io.BytesIO(legacy)
    for _ in range(4):
        end_of_head = stream.tell()
        list(pickletools.genops(stream))
    main = legacy[end_of_head:stream.tell()]
    records = {}
    for key in pickle.load(stream):
        count = stream.read(8)
        records[key] = count + stream.read(4 * struct.unpack("<q", count)[0])
    names = {key: f"{i:0{len(key)}}" for i, key in enumerate(sorted(records, key=lambda key: main.index(key.encode())))}
    for key, name in names.items():
        main = main.replace(key.encode(), name.encode())
    keys = pickle.dumps(list(names.values()), 2)
    return legacy[:end_of_head] + main + keys + b"".join(records[key] for key in names)


class Hook:
    """Planted: loading the vendor's file runs a shell command. The command is `true`, which does nothing."""

    def __reduce__(self):
        return os.system, ("true",)


def vendor():
    scorer = {"name": "vendor scorer", "version": "3.1", "weights": [0.004, -0.02, 0.015, 0.9], "telemetry": Hook()}
    (HERE / "models/vendor_scorer.pkl").write_bytes(pickle.dumps(scorer, protocol=4))


def sums():
    names = ["encoder-legacy.pt", "encoder.pt", "encoder.safetensors", "fraud_baseline.pkl", "fraud_rf.joblib",
             "tiny.gguf"]
    lines = [f"{digest(HERE / 'models' / name)}  {name}\n" for name in names]
    (HERE / "models/SHA256SUMS").write_text("".join(lines))


def credentials():
    """Planted: a Hugging Face token and a pair of AWS keys, random and of no account."""
    draw = random.Random(20240506)

    def some(alphabet, length):
        return "".join(draw.choice(alphabet) for _ in range(length))

    return {
        "HF_TOKEN": "hf_" + some(string.ascii_letters, 34),
        "AWS_ACCESS_KEY_ID": "AKIA" + some(string.ascii_uppercase + "234567", 16),
        "AWS_SECRET_ACCESS_KEY": some(string.ascii_letters + string.digits + "+/", 40),
    }


def workflow(planted):
    path = HERE / ".github/workflows/train.yml"
    text = path.read_text()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        text = re.sub(rf"(?m)^( +{name}: ).*$", lambda found: found[1] + planted[name], text)
    path.write_text(text)


def notebook(frame, planted):
    def markdown(*lines):
        return {"cell_type": "markdown", "id": f"c{len(cells)}", "metadata": {}, "source": lines_of(lines)}

    def code(lines, output, kind="stream"):
        text = lines_of(output)
        result = {"output_type": "stream", "name": "stdout", "text": text} if kind == "stream" else {
            "output_type": "execute_result", "execution_count": count(), "metadata": {}, "data": {"text/plain": text}}
        return {"cell_type": "code", "id": f"c{len(cells)}", "metadata": {}, "execution_count": count(),
                "source": lines_of(lines), "outputs": [result]}

    def count():
        return 1 + sum(cell["cell_type"] == "code" for cell in cells)

    def lines_of(lines):
        return [line + "\n" for line in lines[:-1]] + list(lines[-1:])

    cells = []
    cells.append(markdown("# Fraud model", "", "Looks at the transactions and trains the forest that is served."))
    cells.append(code(
        ["import os", "", "{name: value for name, value in os.environ.items() if name.startswith('HF_')}"],
        [f"{{'HF_HOME': '/home/jovyan/.cache/huggingface', 'HF_TOKEN': '{planted['HF_TOKEN']}'}}"], "result"))
    cells.append(code(
        ["import pandas", "", "frame = pandas.read_csv('../data/transactions.csv')", "frame.is_fraud.value_counts()"],
        str(frame.is_fraud.value_counts()).split("\n"), "result"))
    cells.append(code(
        ["frame.groupby('is_fraud')[['amount', 'distance_km', 'previous_declines']].mean().round(2)"],
        str(frame.groupby(LABEL)[["amount", "distance_km", "previous_declines"]].mean().round(2)).split("\n"),
        "result"))
    cells.append(markdown("Amount, distance and earlier declines tell fraud apart. Train the forest that is served:"))
    cells.append(code(
        ["import sys", "sys.path.insert(0, '../src')", "from train import fit", "",
         "model, precision = fit(frame)", "print(f'average precision {precision:.3f}')"],
        [f"average precision {fit(frame)[1]:.3f}"]))
    document = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "version": "3.11.7"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (HERE / "notebooks/train.ipynb").write_text(json.dumps(document, indent=1) + "\n")


def main():
    data = HERE / "data/transactions.csv"
    transactions().to_csv(data, index=False, lineterminator="\n")
    frame = pandas.read_csv(data)
    planted = credentials()
    classifiers(frame)
    encoder()
    vendor()
    sums()
    workflow(planted)
    notebook(frame, planted)


if __name__ == "__main__":
    main()
