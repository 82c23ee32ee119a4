"""Fits a logistic regression to customers that left, and writes it as safetensors.

usage: train.py DATA MODEL [EPOCHS]

Nothing but Python's own library, so that the example runs anywhere.
"""
import csv
import json
import math
import struct
import sys
from pathlib import Path

FEATURES = ["months", "tickets", "logins_per_week", "price"]


def main(data, model, epochs="400"):
    rows = list(csv.DictReader(open(data, newline="")))
    inputs = [[float(row[name]) for name in FEATURES] for row in rows]
    means = [sum(column) / len(column) for column in zip(*inputs)]
    spreads = [math.sqrt(sum((x - mean) ** 2 for x in column) / len(column)) or 1.0
               for column, mean in zip(zip(*inputs), means)]
    scaled = [[(x - mean) / spread for x, mean, spread in zip(row, means, spreads)] for row in inputs]
    weights, bias = fit(scaled, [int(row["churned"]) for row in rows], int(epochs))

    model = Path(model)
    model.mkdir(parents=True, exist_ok=True)
    tensors = {"weight": weights, "bias": [bias], "mean": means, "spread": spreads}
    (model / "model.safetensors").write_bytes(safetensors(tensors))
    config = {"model_type": "logistic-regression", "features": FEATURES, "threshold": 0.5}
    (model / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    print(f"{len(rows)} customers, {epochs} epochs, {model / 'model.safetensors'} written")


def fit(rows, labels, epochs, rate=0.5):
    weights, bias = [0.0] * len(rows[0]), 0.0
    for _ in range(epochs):
        slopes, slope = [0.0] * len(weights), 0.0
        for row, label in zip(rows, labels):
            score = bias + sum(weight * x for weight, x in zip(weights, row))
            error = 1 / (1 + math.exp(-score)) - label
            slope += error
            slopes = [total + error * x for total, x in zip(slopes, row)]
        weights = [weight - rate * total / len(rows) for weight, total in zip(weights, slopes)]
        bias -= rate * slope / len(rows)
    return weights, bias


def safetensors(tensors):
    """A header of JSON behind its length, and the numbers: https://github.com/huggingface/safetensors."""
    header, body = {}, b""
    for name, values in tensors.items():
        packed = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": [len(values)], "data_offsets": [len(body), len(body) + len(packed)]}
        body += packed
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


if __name__ == "__main__":
    main(*sys.argv[1:])
