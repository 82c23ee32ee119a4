"""Dumps of every kind of object that a model file is likely to hold, by whatever libraries are installed.

Runs on Python 3.6 and later. Each `*_dumps` gives pairs of a label and the pickles of one file.
"""

import importlib
import inspect
import io
import pathlib
import pickle
import pickletools
import re
import signal
import zipfile


PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def pickles(value, protocols=PROTOCOLS):
    """The dumps of one value; a value that a protocol cannot write is skipped."""
    for protocol in protocols:
        try:
            yield [pickle.dumps(value, protocol)]
        except (TypeError, ValueError, AttributeError, pickle.PicklingError, NotImplementedError):
            continue


def python_values():
    import argparse
    import array
    import collections
    import datetime
    import decimal
    import fractions
    import types
    import uuid

    tz = datetime.timezone
    yield "containers", [
        b"\xff", bytearray(b"x"), {1}, frozenset([1]), 1j, range(3), slice(1, 2), Ellipsis, NotImplemented, 1 << 99]
    yield "built-in types", [int, float, str, bytes, bytearray, bool, complex, list, dict, tuple, set, frozenset, range,
                             slice, object]
    yield "collections", [
        collections.OrderedDict(a=1), collections.Counter("ab"), collections.deque([1], 2),
        collections.ChainMap({1: 2}), collections.UserDict(a=1), collections.UserList([1])]
    yield "defaultdict", [collections.defaultdict(t, a=1) for t in (int, float, str, list, dict, set, tuple, bool)]
    yield "datetime", [
        datetime.datetime(2024, 1, 2, tzinfo=tz.utc), datetime.datetime(2024, 1, 2), datetime.date(2024, 1, 2),
        datetime.time(1), datetime.timedelta(1), tz(datetime.timedelta(hours=2), "X")]
    yield "numbers", [decimal.Decimal("1.5"), fractions.Fraction(1, 3), uuid.UUID(int=1)]
    yield "paths", [pathlib.PurePosixPath("a/b"), pathlib.PureWindowsPath("a/b"), pathlib.PosixPath("a/b")]
    yield "array.array", [array.array(code, [1]) for code in "bBhHiIlLqQfd"]
    yield "re.compile", [re.compile("a+"), re.compile(b"a")]
    yield "namespaces", [argparse.Namespace(a=1), types.SimpleNamespace(a=1)]


def numpy_values():
    import numpy

    kinds = "? b B h H i I l L q Q e f d g F D G S3 U3 V4 M8[D] M8[ns] m8[s] O >f8 >i4".split()
    record = numpy.dtype([("a", "i4"), ("b", "f8", (2,)), ("c", "O")])
    yield "arrays", [numpy.zeros(2, kind) for kind in kinds] + [numpy.zeros(2, record), numpy.zeros((2, 3), order="F"),
                                                                numpy.array(["a", None, 1], object), numpy.array(1.5)]
    yield "scalars", [numpy.zeros(1, kind)[0] for kind in kinds] + [numpy.zeros(1, record)[0]]
    yield "dtypes", [numpy.dtype(kind) for kind in kinds] + [record, numpy.dtype(record, align=True)]
    yield "scalar types", [numpy.dtype(kind).type for kind in kinds] + [numpy.ndarray, numpy.number, numpy.integer]
    yield "subclasses", [
        numpy.ma.array([1.0, 2.0], mask=[0, 1]), numpy.ma.masked, numpy.matrix([[1, 2]]), numpy.rec.array([(1, 2.0)]),
        numpy.rec.array([(1, 2.0)])[0], numpy.ma.array([(1, 2.0)], dtype="i4,f8"), numpy.char.array(["a"])]
    yield "polynomials", [numpy.poly1d([1, 2])] + [
        getattr(numpy.polynomial, name)([1, 2])
        for name in ("Polynomial", "Chebyshev", "Legendre", "Hermite", "Laguerre")]
    yield "random", [numpy.random.RandomState(1), numpy.random.mtrand._rand]
    if hasattr(numpy.random, "Generator"):
        bits = [getattr(numpy.random, name) for name in "MT19937 PCG64 PCG64DXSM Philox SFC64".split()
                if hasattr(numpy.random, name)]
        yield "random generators", [numpy.random.Generator(b(1)) for b in bits] + [b(1) for b in bits] + [
            numpy.random.SeedSequence(1), numpy.random.RandomState(bits[0](1))]
    yield "ufuncs", [value for _, value in sorted(vars(numpy).items()) if isinstance(value, numpy.ufunc)]
    yield "functions in FunctionTransformer and aggregations", [
        getattr(numpy, name) for name in "mean median std var sum min max prod ptp amin amax nanmean nansum".split()
        if hasattr(numpy, name)]
    if hasattr(numpy, "dtypes") and hasattr(numpy.dtypes, "StringDType"):
        yield "StringDType", [numpy.array(["a", "bc"], numpy.dtypes.StringDType()), numpy.dtypes.StringDType()]


def scipy_values():
    import numpy
    import scipy.interpolate
    import scipy.optimize
    import scipy.sparse
    import scipy.spatial

    eye = scipy.sparse.eye(3).tocsr()
    forms = "bsr coo csc csr dia dok lil".split()
    yield "sparse matrices", [eye.asformat(form) for form in forms]
    yield "sparse arrays", [getattr(scipy.sparse, form + "_array")(eye) for form in forms
                            if hasattr(scipy.sparse, form + "_array")]
    x = numpy.linspace(0, 1, 6)
    yield "interpolators", [
        scipy.interpolate.interp1d(x, x), scipy.interpolate.interp1d(x, x, kind="nearest"),
        scipy.interpolate.interp1d(x, x, kind="cubic"), scipy.interpolate.interp1d(x, x, fill_value="extrapolate"),
        scipy.interpolate.CubicSpline(x, x), scipy.interpolate.PchipInterpolator(x, x),
        scipy.interpolate.splrep(x, x), scipy.interpolate.UnivariateSpline(x, x),
        scipy.interpolate.BSpline(*scipy.interpolate.splrep(x, x)), scipy.interpolate.Akima1DInterpolator(x, x),
        scipy.interpolate.PPoly(numpy.ones((2, 5)), x)] + [
        getattr(scipy.interpolate, name)(x[:, None], x) for name in ("RBFInterpolator", "Rbf")
        if hasattr(scipy.interpolate, name)]
    yield "spatial trees", [scipy.spatial.cKDTree(x[:, None]), scipy.spatial.KDTree(x[:, None])]
    if hasattr(scipy.spatial.transform, "Rotation"):
        yield "rotations", [scipy.spatial.transform.Rotation.from_rotvec([0, 0, 1])]
    yield "optimization results", [
        scipy.optimize.minimize(lambda v: (v ** 2).sum(), [1.0], method=method) for method in ("BFGS", "L-BFGS-B")] + [
        scipy.optimize.linprog([1], bounds=[(0, 1)])]


def pandas_values():
    import numpy
    import pandas

    index = [
        pandas.Index(["a", "b"]), pandas.Index([1, 2]), pandas.Index([1.5]), pandas.RangeIndex(3), pandas.Index([True]),
        pandas.date_range("2024", periods=2), pandas.date_range("2024", periods=2, tz="UTC"),
        pandas.period_range("2024", periods=2, freq="M"), pandas.timedelta_range("1D", periods=2),
        pandas.CategoricalIndex(["a"]), pandas.MultiIndex.from_product([[1, 2], ["a"]]),
        pandas.interval_range(0, 2)]
    yield "indexes", index
    yield "series", [pandas.Series([0] * len(i), i) for i in index] + [pandas.Series(i) for i in index[:-2]] + [
        pandas.Series([1], name="n")]
    yield "scalars", [pandas.Timestamp("2024"), pandas.Timestamp("2024", tz="UTC"), pandas.Timedelta("1D"),
                      pandas.Period("2024", "M"), pandas.NaT, pandas.Interval(0, 1), getattr(pandas, "NA", None)]
    names = "Int8 Int64 UInt8 boolean string category Float64 Sparse[int]".split()
    extended = []
    for name in names:
        try:
            extended.append(pandas.Series([1, 1]).astype(name))
        except (TypeError, ValueError):
            continue
    extended += [pandas.Series(["a", None]), pandas.Series(["a", None], dtype=object)]
    yield "extension arrays", extended + [s.array for s in extended] + [s.dtype for s in extended]
    frame = pandas.DataFrame({"a": [1, 2], "b": [1.5, 2.5], "c": ["x", "y"], "d": [True, False]})
    frame["when"] = pandas.to_datetime(["2024", "2025"])
    frame["kind"] = pandas.Categorical(["x", "y"])
    yield "frames", [frame, frame.set_index(["a", "c"]), frame[["a"]], frame.T, frame.describe(), pandas.DataFrame(),
                     frame.select_dtypes("number") * 2, frame.astype({"a": "float32"})]
    offsets = pandas.tseries.offsets
    yield "offsets", [getattr(offsets, name)() for name in (
        "Day Hour Minute Second Milli Micro Nano BDay MonthEnd MonthBegin BMonthEnd QuarterEnd QuarterBegin YearEnd "
        "YearBegin Week").split()]
    yield "bins", [pandas.cut(numpy.arange(4), 2), pandas.qcut(numpy.arange(4), 2)]


def pickle_all(groups, protocols=PROTOCOLS):
    for label, values in groups:
        for value in values:
            for dump in pickles(value, protocols):
                yield label, dump


# ---- scikit-learn ---------------------------------------------------------------------------------------------------

SLOW = 20  # seconds after which a fit is given up


class TooSlow(Exception):
    pass


def limited(action, *args):
    def give_up(*_):
        raise TooSlow

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(SLOW)
    try:
        return action(*args)
    finally:
        signal.alarm(0)


def estimator_classes():
    try:
        from sklearn.utils import all_estimators
    except ImportError:
        from sklearn.utils.testing import all_estimators
    return [cls for _, cls in all_estimators()]


def construct(cls):
    """An instance, with a plain model for every required parameter."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.preprocessing import StandardScaler

    regression = "Regress" in cls.__name__
    model = Ridge() if regression else LogisticRegression()
    grid = {"alpha": [1.0, 2.0]} if regression else {"C": [1.0, 2.0]}
    required = {
        "estimator": model, "base_estimator": model, "regressor": Ridge(), "estimators": [("a", model), ("b", model)],
        "steps": [("s", StandardScaler()), ("m", model)], "transformer_list": [("s", StandardScaler()), ("p", PCA(1))],
        "transformers": [("s", StandardScaler(), [0, 1]), ("d", "drop", [2])], "param_grid": grid,
        "param_distributions": grid, "dictionary": [[1.0, 0, 0, 0], [0, 1.0, 0, 0]]}
    given = {}
    for name, parameter in inspect.signature(cls.__init__).parameters.items():
        if name in required and (parameter.default is parameter.empty):
            given[name] = required[name]
        elif name in ("n_estimators", "max_iter", "n_iter", "n_init") and isinstance(parameter.default, int):
            given[name] = min(parameter.default, 5)
    return cls(**given)


def training_sets():
    import numpy

    random = numpy.random.RandomState(0)
    x = random.rand(40, 4)
    labels = (x[:, 0] + x[:, 1] > 1).astype(int)
    yield x, labels
    yield x, x[:, 0] * 2 + x[:, 1]
    yield x, x[:, :2]
    yield x, numpy.column_stack([labels, 1 - labels])
    yield ["a b c", "b c d", "c d e"] * 4, [0, 1, 0] * 4
    yield x[:, 0], labels
    yield [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], [0, 1]
    yield (x * 4).astype(int), labels
    yield labels, labels


def fitted(instance):
    from sklearn.base import clone

    for x, y in training_sets():
        model = clone(instance)
        try:
            limited(model.fit, x, y)
            return model
        except TooSlow:
            return None
        except Exception:  # the next training set may suit it
            continue
    return None


def variants(instance):
    """The instance once more for every other value of every parameter that is a choice among strings."""
    constraints = getattr(type(instance), "_parameter_constraints", {})
    for name, allowed in sorted(constraints.items()):
        if name not in instance.get_params(deep=False) or not isinstance(allowed, list):
            continue
        for option in sorted({o for a in allowed if hasattr(a, "options") for o in a.options if isinstance(o, str)}):
            try:
                yield type(instance)(**dict(instance.get_params(deep=False), **{name: option}))
            except Exception:
                continue


def sklearn_objects():
    import numpy
    import sklearn.datasets
    import sklearn.gaussian_process.kernels as kernels
    import sklearn.metrics
    import sklearn.model_selection as selection
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import BallTree, KDTree
    from sklearn.pipeline import FeatureUnion, Pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    for cls in estimator_classes():
        try:
            plain = construct(cls)
        except Exception:
            continue
        yield cls.__name__ + ", not fitted", plain
        for instance in [plain] + list(variants(plain)):
            model = fitted(instance)
            if model is not None:
                yield cls.__name__, model
    x = numpy.random.RandomState(0).rand(20, 3)
    metrics = "euclidean manhattan chebyshev minkowski haversine hamming canberra braycurtis jaccard dice".split()
    for tree in (KDTree, BallTree):
        for metric in metrics:
            try:
                yield "%s, %s" % (tree.__name__, metric), tree(x[:, :2], metric=metric)
            except (ValueError, TypeError):
                continue
    for name in ("RBF Matern RationalQuadratic ExpSineSquared DotProduct ConstantKernel WhiteKernel "
                 "PairwiseKernel").split():
        yield "kernel " + name, getattr(kernels, name)()
    yield "kernel sum", kernels.RBF() + kernels.WhiteKernel() * kernels.ConstantKernel() ** 2
    yield "kernel composition", kernels.CompoundKernel([kernels.RBF()])
    for name in dir(selection):
        splitter = getattr(selection, name)
        if inspect.isclass(splitter) and hasattr(splitter, "split"):
            try:
                yield "splitter " + name, splitter()
            except TypeError:
                continue
    scorers = getattr(sklearn.metrics, "get_scorer_names", lambda: list(getattr(sklearn.metrics, "SCORERS", ())))()
    for name in sorted(scorers):
        yield "scorer " + name, sklearn.metrics.get_scorer(name)
    yield "Bunch", sklearn.datasets.load_iris()
    for function in (numpy.log1p, numpy.exp, numpy.sqrt, None):
        yield "FunctionTransformer", FunctionTransformer(function)
    steps = ColumnTransformer([("n", StandardScaler(), [0, 1])], remainder="passthrough")
    model = LogisticRegression(random_state=numpy.random.RandomState(1))
    pipeline = Pipeline([("c", FeatureUnion([("x", steps)])), ("m", model)])
    yield "Pipeline", pipeline.fit(x, [0, 1] * 10)
    import pandas
    yield "Pipeline over a frame", Pipeline([("c", ColumnTransformer([("n", StandardScaler(), ["a"])]))]).fit(
        pandas.DataFrame({"a": [1.0, 2.0]}))
    search = selection.GridSearchCV(LogisticRegression(), {"C": [1.0, 2.0], "penalty": ["l2"]}, cv=2)
    yield "GridSearchCV", search.fit(x, [0, 1] * 10)


def sklearn_dumps():
    for label, value in sklearn_objects():
        for dump in pickles(value, [p for p in (0, 2, 4, 5) if p in PROTOCOLS]):
            yield label, dump


def joblib_dumps():
    import numpy
    from sklearn.linear_model import LogisticRegression

    modules = []
    for name in ("joblib", "sklearn.externals.joblib"):
        try:
            modules.append(importlib.import_module(name))
        except ImportError:
            continue
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    for module in modules:
        for value in ({"m": model, "x": numpy.zeros((2, 3))}, numpy.array(["a", 1], object), numpy.matrix([[1.0]]),
                      numpy.zeros(2, "M8[D]"), numpy.asfortranarray(numpy.ones((2, 2), "f4"))):
            for protocol in PROTOCOLS:
                out = io.BytesIO()
                module.dump(value, out, protocol=protocol)
                yield module.__name__ + ".dump", [out.getvalue()]


# ---- torch ----------------------------------------------------------------------------------------------------------


def torch_values():
    import torch
    from torch import nn

    names = ("float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex32 complex64 complex128 uint16 "
             "uint32 uint64 float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu").split()
    dtypes = [getattr(torch, name) for name in names if hasattr(torch, name)]
    yield "tensors of every dtype", [torch.zeros(2, dtype=dtype) for dtype in dtypes]
    yield "dtypes", dtypes
    grown = torch.ones(2, 2, requires_grad=True)
    yield "tensor views", [torch.arange(6).view(2, 3).t(), grown, torch.ones(2, dtype=torch.complex64).conj()]
    yield "parameters", [nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2), requires_grad=False)]
    tagged = nn.Parameter(torch.ones(2))
    tagged.tag = "x"
    yield "parameters with attributes", [tagged]
    yield "sparse tensors", [torch.eye(2).to_sparse()] + [
        getattr(torch.eye(2), name)() for name in ("to_sparse_csr", "to_sparse_csc") if hasattr(torch.eye(2), name)]
    ones = torch.ones(2, 2)
    yield "quantized tensors", [
        torch.quantize_per_tensor(ones, 0.1, 0, kind) for kind in (torch.qint8, torch.quint8, torch.qint32)] + [
        torch.quantize_per_channel(ones, torch.ones(2), torch.zeros(2, dtype=torch.long), 0, torch.qint8)]
    yield "meta tensors", [torch.empty(2, device="meta")]
    if hasattr(torch, "nested"):
        yield "nested tensors", [torch.nested.nested_tensor([torch.ones(1), torch.ones(2)])]
    yield "sizes, devices, layouts", [torch.Size([1, 2]), torch.device("cpu"), torch.device("cuda", 0), torch.strided,
                                      torch.sparse_coo, torch.contiguous_format, torch.channels_last]
    yield "storages", [torch.ones(2).storage()] + [
        torch.ones(2).untyped_storage() for _ in range(hasattr(torch.ones(2), "untyped_storage"))]
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 2))
    yield "state_dict", [net.state_dict()]
    for name in "SGD Adam AdamW RMSprop Adagrad Adadelta Adamax NAdam RAdam Rprop ASGD LBFGS".split():
        if not hasattr(torch.optim, name):
            continue
        optimizer = getattr(torch.optim, name)(net.parameters(), lr=0.1)

        def closure():
            optimizer.zero_grad()
            loss = net(torch.ones(3, 1, 1, 1)).sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
        yield "checkpoint with " + name, [{"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}]


MODULES = {
    "Linear": (2, 2), "Bilinear": (2, 2, 2), "Identity": (), "Embedding": (2, 2), "EmbeddingBag": (2, 2),
    "Conv1d": (1, 1, 1), "Conv2d": (1, 1, 1), "Conv3d": (1, 1, 1), "ConvTranspose1d": (1, 1, 1),
    "ConvTranspose2d": (1, 1, 1), "ConvTranspose3d": (1, 1, 1), "BatchNorm1d": (2,), "BatchNorm2d": (2,),
    "BatchNorm3d": (2,), "SyncBatchNorm": (2,), "InstanceNorm1d": (2,), "InstanceNorm2d": (2,), "GroupNorm": (1, 2),
    "LayerNorm": (2,), "RMSNorm": (2,), "LocalResponseNorm": (2,), "Dropout": (), "Dropout1d": (), "Dropout2d": (),
    "Dropout3d": (), "AlphaDropout": (), "ReLU": (), "ReLU6": (), "LeakyReLU": (), "PReLU": (), "ELU": (), "SELU": (),
    "CELU": (), "GELU": (), "SiLU": (), "Mish": (), "Sigmoid": (), "LogSigmoid": (), "Tanh": (), "Hardtanh": (),
    "Hardswish": (), "Hardsigmoid": (), "Softplus": (), "Softsign": (), "Softmax": (1,), "Softmax2d": (),
    "LogSoftmax": (1,), "Threshold": (1, 1), "GLU": (), "MaxPool1d": (2,), "MaxPool2d": (2,), "MaxPool3d": (2,),
    "AvgPool1d": (2,), "AvgPool2d": (2,), "AvgPool3d": (2,), "AdaptiveAvgPool1d": (1,), "AdaptiveAvgPool2d": (1,),
    "AdaptiveMaxPool1d": (1,), "AdaptiveMaxPool2d": (1,), "ZeroPad2d": (1,), "ConstantPad1d": (1, 0),
    "ReflectionPad2d": (1,), "ReplicationPad2d": (1,), "Flatten": (), "Unflatten": (1, (1, 2)), "Upsample": (None, 2),
    "UpsamplingNearest2d": (None, 2), "UpsamplingBilinear2d": (None, 2), "PixelShuffle": (2,), "RNN": (2, 2),
    "LSTM": (2, 2), "GRU": (2, 2), "RNNCell": (2, 2), "LSTMCell": (2, 2), "GRUCell": (2, 2),
    "MultiheadAttention": (2, 1), "TransformerEncoderLayer": (2, 1), "TransformerDecoderLayer": (2, 1),
    "Transformer": (2, 1, 1, 1), "CosineSimilarity": (), "PairwiseDistance": (), "ModuleDict": (), "ModuleList": (),
    "ParameterList": (), "ParameterDict": (), "Sequential": (), "CrossEntropyLoss": (), "NLLLoss": (), "MSELoss": (),
    "L1Loss": (), "SmoothL1Loss": (), "HuberLoss": (), "BCELoss": (), "BCEWithLogitsLoss": (), "KLDivLoss": (),
    "CTCLoss": (), "TripletMarginLoss": (), "CosineEmbeddingLoss": (), "MarginRankingLoss": (),
}


def torch_modules():
    from torch import nn

    for name, arguments in sorted(MODULES.items()):
        if hasattr(nn, name):
            yield "nn." + name, [getattr(nn, name)(*arguments)]


def torch_dumps():
    import torch

    for label, values in list(torch_values()) + list(torch_modules()):
        for value in values:
            for zipped in (True, False):
                for protocol in [p for p in (2, 4, 5) if p in PROTOCOLS]:
                    out = io.BytesIO()
                    try:
                        torch.save(value, out, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
                    except Exception:  # what a layout cannot hold
                        continue
                    yield "torch.save of " + label, pickles_of_checkpoint(out, zipped)


def pickles_of_checkpoint(out, zipped):
    if zipped:
        archive = zipfile.ZipFile(out)
        return [archive.read(name) for name in archive.namelist() if name.endswith("data.pkl")]
    out.seek(0)
    found = []
    for _ in range(5):
        start = out.tell()
        list(pickletools.genops(out))
        found.append(out.getvalue()[start:out.tell()])
    return found


def sources():
    yield "CPython", "sys", lambda: pickle_all(python_values())
    yield "numpy", "numpy", lambda: pickle_all(numpy_values())
    yield "scipy", "scipy", lambda: pickle_all(scipy_values())
    yield "pandas", "pandas", lambda: pickle_all(pandas_values())
    yield "scikit-learn", "sklearn", sklearn_dumps
    yield "joblib", "joblib", joblib_dumps
    yield "torch", "torch", torch_dumps
