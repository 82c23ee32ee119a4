"""Trains the fraud classifier and writes it with the digests that serving checks."""

import argparse
import hashlib
import pathlib

import joblib
import pandas
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from features import CATEGORICAL, COUNTRIES, FLAGS, LABEL, MERCHANTS, NUMERIC


def build(trees: int = 20, depth: int = 6) -> Pipeline:
    columns = ColumnTransformer([
        ("numeric", StandardScaler(), NUMERIC),
        ("categorical", OneHotEncoder(categories=[MERCHANTS, COUNTRIES], handle_unknown="ignore"), CATEGORICAL),
        ("flags", "passthrough", FLAGS),
    ])
    forest = RandomForestClassifier(n_estimators=trees, max_depth=depth, class_weight="balanced", random_state=0)
    return Pipeline([("columns", columns), ("forest", forest)])


def fit(frame: pandas.DataFrame) -> tuple[Pipeline, float]:
    """The model and its average precision on the quarter that it was not trained on."""
    train, test = train_test_split(frame, test_size=0.25, stratify=frame[LABEL], random_state=0)
    model = build().fit(train, train[LABEL])
    return model, average_precision_score(test[LABEL], model.predict_proba(test)[:, 1])


def digest(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("data/transactions.csv"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("models/fraud_rf.joblib"))
    arguments = parser.parse_args()

    model, precision = fit(pandas.read_csv(arguments.data))
    print(f"average precision {precision:.3f} on transactions it has not seen")

    joblib.dump(model, arguments.out)
    print(f"{digest(arguments.out)}  {arguments.out.name}")


if __name__ == "__main__":
    main()
