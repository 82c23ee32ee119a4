"""Dumps of fitted scikit-learn estimators, by the Python that runs this, into the folder given.

    python dumps.py FOLDER
"""
import pickle
import sys
from pathlib import Path

import joblib
import numpy
from sklearn import cluster, datasets, decomposition, ensemble, gaussian_process, linear_model, naive_bayes, neighbors
from sklearn import neural_network, pipeline, preprocessing, svm, tree

# What pip installs, into an environment of its own.
PINNED = ["scikit-learn==1.7.2", "numpy==2.3.4", "scipy==1.16.2", "joblib==1.5.2"]

ESTIMATORS = [
    linear_model.LogisticRegression(), linear_model.Ridge(), linear_model.SGDClassifier(random_state=0),
    linear_model.LassoCV(), ensemble.RandomForestClassifier(8, random_state=0),
    ensemble.GradientBoostingClassifier(n_estimators=8, random_state=0),
    ensemble.HistGradientBoostingClassifier(max_iter=8, random_state=0), ensemble.IsolationForest(n_estimators=8, random_state=0),
    tree.DecisionTreeRegressor(), svm.SVC(probability=True, random_state=0), svm.LinearSVC(random_state=0),
    neighbors.KNeighborsClassifier(), naive_bayes.GaussianNB(), cluster.KMeans(3, random_state=0), cluster.DBSCAN(),
    decomposition.PCA(2), neural_network.MLPClassifier(4, max_iter=20, random_state=0),
    gaussian_process.GaussianProcessRegressor(), preprocessing.PolynomialFeatures(2),
    pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression()),
]


def main():
    into = Path(sys.argv[1])
    features, target = datasets.load_iris(return_X_y=True)
    for index, estimator in enumerate(ESTIMATORS):
        estimator.fit(features, target)
        name = f"{index:02}-{type(estimator).__name__.lower()}"
        with open(into / f"{name}.pkl", "wb") as file:
            pickle.dump(estimator, file)
        joblib.dump(estimator, into / f"{name}.joblib", compress=3 if index % 4 == 0 else 0)
    numpy.save(into / "array.npy", features)


if __name__ == "__main__":
    main()
