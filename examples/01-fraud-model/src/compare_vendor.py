"""Compares the forest with the scorer that a third party sent us."""

import pathlib
import pickle

import pandas
from sklearn.metrics import average_precision_score

from features import LABEL, NUMERIC


def main() -> None:
    frame = pandas.read_csv("data/transactions.csv")
    vendor = pickle.loads(pathlib.Path("models/vendor_scorer.pkl").read_bytes())
    scores = sum(weight * frame[column] for column, weight in zip(NUMERIC, vendor["weights"], strict=True))
    print(f"{vendor['name']}: average precision {average_precision_score(frame[LABEL], scores):.3f}")


if __name__ == "__main__":
    main()
