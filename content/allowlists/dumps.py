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
import sys
import zipfile

from classes import empty_objects, members


PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def pickles(value, protocols=PROTOCOLS):
    """The dumps of one value; a value that a protocol cannot write is skipped."""
    for protocol in protocols:
        try:
            yield [pickle.dumps(value, protocol)]
        except Exception:  # what a protocol cannot write, and objects that are too empty
            continue


def python_values():
    import argparse
    import array
    import collections
    import datetime
    import decimal
    import fractions
    import http
    import ipaddress
    import math
    import operator
    import random
    import socket
    import statistics
    import string
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
    yield "None's type", [type(None)]
    yield "iterators", [iter([1]), iter((1,)), iter("a")]
    yield "itemgetter", [operator.itemgetter(1), operator.itemgetter("a", "b")]
    yield "random.Random", [random.Random(1)]
    yield "addresses", [make(text) for make, text in (
        (ipaddress.ip_address, "10.0.0.1"), (ipaddress.ip_address, "::1"), (ipaddress.ip_network, "10.0.0.0/8"),
        (ipaddress.ip_network, "2001:db8::/32"), (ipaddress.ip_interface, "1.2.3.4/24"),
        (ipaddress.ip_interface, "::1/64"))]
    yield "strings", [collections.UserString("a"), string.Template("$a")]
    yield "functions of numbers", [
        getattr(math, name) for name in "sqrt log log2 log10 log1p exp expm1 sin cos tan tanh floor ceil".split()] + [
        getattr(operator, name) for name in "add sub mul truediv neg lt gt le ge eq ne".split()] + [
        len, sorted, max, min, sum, abs, round, statistics.mean, statistics.median]
    yield "methods of strings", [str.lower, str.upper, str.split, str.strip]
    yield "enumerations", [
        http.HTTPStatus.OK, signal.SIGTERM, socket.AF_INET, socket.SOCK_STREAM, re.IGNORECASE,
        inspect.Parameter.POSITIONAL_ONLY] + [uuid.SafeUUID.safe for _ in range(hasattr(uuid, "SafeUUID"))]
    yield "exceptions", [kind("x") for kind in (
        Exception, ValueError, TypeError, KeyError, IndexError, RuntimeError, AttributeError, NotImplementedError,
        StopIteration, ArithmeticError, ZeroDivisionError, OverflowError, AssertionError, UserWarning)]
    yield "decimal contexts", [decimal.Context(), decimal.getcontext()]
    if sys.version_info >= (3, 9):
        import zoneinfo

        zones = [zoneinfo.ZoneInfo("Europe/Paris"), zoneinfo.ZoneInfo.no_cache("UTC")]
        yield "time zones", zones + [datetime.datetime(2024, 1, 2, tzinfo=zones[0])]


def numpy_values():
    import numpy

    kinds = "? b B h H i I l L q Q e f d g F D G S3 U3 V4 M8[D] M8[ns] m8[s] O >f8 >i4".split()
    record = numpy.dtype([("a", "i4"), ("b", "f8", (2,)), ("c", "O")])
    yield "arrays", [numpy.zeros(2, kind) for kind in kinds] + [numpy.zeros(2, record), numpy.zeros((2, 3), order="F"),
                                                                numpy.array(["a", None, 1], object), numpy.array(1.5)]
    yield "scalars", [numpy.zeros(1, kind)[0] for kind in kinds] + [numpy.zeros(1, record)[0]]
    yield "dtypes", [numpy.dtype(kind) for kind in kinds] + [record, numpy.dtype(record, align=True)]
    yield "scalar types", [numpy.dtype(kind).type for kind in kinds] + [numpy.ndarray, numpy.number, numpy.integer,
        numpy.generic, numpy.floating, numpy.inexact, numpy.signedinteger, numpy.unsignedinteger,
        numpy.complexfloating, numpy.flexible, numpy.character]
    yield "subclasses", [
        numpy.ma.array([1.0, 2.0], mask=[0, 1]), numpy.ma.masked, numpy.matrix([[1, 2]]), numpy.rec.array([(1, 2.0)]),
        numpy.rec.array([(1, 2.0)])[0], numpy.ma.array([(1, 2.0)], dtype="i4,f8"), numpy.char.array(["a"]),
        numpy.ma.array([(1, 2.0)], dtype="i4,f8", mask=[(0, 1)])[0], mapped(numpy)]
    yield "limits of types", [numpy.finfo("f4"), numpy.iinfo("i4")]
    yield "errors", [numpy.linalg.LinAlgError("x")]
    yield "polynomials", [numpy.poly1d([1, 2])] + [
        getattr(numpy.polynomial, name)([1, 2])
        for name in ("Polynomial", "Chebyshev", "Legendre", "Hermite", "HermiteE", "Laguerre")]
    yield "random", [numpy.random.RandomState(1), numpy.random.mtrand._rand]
    if hasattr(numpy.random, "Generator"):
        bits = [getattr(numpy.random, name) for name in "MT19937 PCG64 PCG64DXSM Philox SFC64".split()
                if hasattr(numpy.random, name)]
        yield "random generators", [numpy.random.Generator(b(1)) for b in bits] + [b(1) for b in bits] + [
            numpy.random.SeedSequence(1), numpy.random.RandomState(bits[0](1))]
    yield "ufuncs", [value for _, value in sorted(vars(numpy).items()) if isinstance(value, numpy.ufunc)]
    yield "functions in FunctionTransformer and aggregations", [
        getattr(numpy, name) for name in (
            "mean median std var sum min max prod ptp amin amax nanmean nansum nanmedian nanstd nanvar nanmax nanmin "
            "argmax argmin all any average percentile quantile clip nan_to_num squeeze ravel reshape transpose vstack "
            "hstack stack concatenate asarray array ascontiguousarray atleast_1d atleast_2d zeros ones zeros_like "
            "ones_like full_like cumsum cumprod diff round around sort argsort unique where dot outer cross trace real "
            "imag angle isclose allclose log10 count_nonzero bincount digitize interp expand_dims flip roll repeat "
            "tile copy size shape ndim").split() if hasattr(numpy, name)] + [numpy.linalg.norm]
    if hasattr(numpy, "dtypes"):
        yield "classes of dtypes", [type(numpy.dtype(kind)) for kind in kinds]
    if hasattr(numpy, "dtypes") and hasattr(numpy.dtypes, "StringDType"):
        yield "StringDType", [numpy.array(["a", "bc"], numpy.dtypes.StringDType()), numpy.dtypes.StringDType()]


def mapped(numpy):
    """An array over a file, which its pickle does not name."""
    import tempfile

    with tempfile.TemporaryFile() as file:
        return numpy.memmap(file, "u1", "w+", shape=2)


def scipy_values():
    import numpy
    import scipy.cluster.hierarchy
    import scipy.interpolate
    import scipy.optimize
    import scipy.sparse
    import scipy.spatial
    import scipy.special
    import scipy.stats

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
    points = numpy.random.RandomState(0).rand(20, 2)
    yield "interpolators in the plane", [
        getattr(scipy.interpolate, name)(points, points[:, 0]) for name in (
            "LinearNDInterpolator", "NearestNDInterpolator", "CloughTocher2DInterpolator", "RBFInterpolator")
        if hasattr(scipy.interpolate, name)] + [
        scipy.interpolate.RegularGridInterpolator((x, x), numpy.outer(x, x)),
        scipy.interpolate.RectBivariateSpline(x, x, numpy.outer(x, x)),
        scipy.interpolate.SmoothBivariateSpline(*numpy.random.RandomState(0).rand(3, 50))]
    yield "hulls and meshes", [getattr(scipy.spatial, name)(points) for name in ("ConvexHull", "Delaunay", "Voronoi")]
    yield "interp1d", [scipy.interpolate.interp1d(x, x, kind=kind) for kind in (
        "linear", "nearest", "zero", "slinear", "quadratic", "cubic", "previous", "next")]
    yield "radial functions", [scipy.interpolate.Rbf(x, x, function=function) for function in (
        "multiquadric", "inverse", "gaussian", "linear", "cubic", "quintic", "thin_plate")]
    yield "more interpolators", [getattr(scipy.interpolate, name)(x, x) for name in (
        "BarycentricInterpolator", "KroghInterpolator", "InterpolatedUnivariateSpline", "UnivariateSpline",
        "make_interp_spline") if hasattr(scipy.interpolate, name)]
    yield "gaussian_kde", [scipy.stats.gaussian_kde(x), scipy.stats.gaussian_kde(points.T, bw_method="silverman"),
                           scipy.stats.gaussian_kde(x, bw_method=0.3)]
    a, b = numpy.random.RandomState(1).rand(2, 20)
    yield "results of tests", list(filter(None, (
        attempt(getattr(scipy.stats, name, None), *given) for name, given in (
            ("ttest_ind", (a, b)), ("ttest_1samp", (a, 0)), ("ttest_rel", (a, b)), ("pearsonr", (a, b)),
            ("spearmanr", (a, b)), ("kendalltau", (a, b)), ("linregress", (a, b)), ("f_oneway", (a, b)),
            ("mannwhitneyu", (a, b)), ("shapiro", (a,)), ("describe", (a,)), ("wilcoxon", (a, b)), ("mode", (a,)),
            ("chisquare", (a, a)), ("kruskal", (a, b)), ("chi2_contingency", ([[5, 6], [7, 8]],)),
            ("fisher_exact", ([[5, 6], [7, 8]],)), ("levene", (a, b)), ("normaltest", (a,)), ("ks_2samp", (a, b)),
            ("theilslopes", (a, b)), ("skewtest", (a,)), ("jarque_bera", (a,)), ("bartlett", (a, b))))))
    if hasattr(scipy.stats, "qmc"):
        yield "sequences", [scipy.stats.qmc.Sobol(2, seed=1), scipy.stats.qmc.Halton(2, seed=1)]
    yield "clusters", [scipy.cluster.hierarchy.to_tree(scipy.cluster.hierarchy.linkage(points))]
    yield "distributions", scipy_distributions(scipy.stats)
    yield "special functions", [value for _, value in sorted(vars(scipy.special).items())
                                if isinstance(value, numpy.ufunc)]
    yield "functions", [getattr(scipy.special, "softmax", numpy.add), getattr(scipy.special, "logsumexp", numpy.add)]
    yield "empty objects of plain classes", list(empty_objects("scipy"))
    if hasattr(scipy.spatial.transform, "Rotation"):
        yield "rotations", [scipy.spatial.transform.Rotation.from_rotvec([0, 0, 1])]
    yield "optimization results", [
        scipy.optimize.minimize(lambda v: (v ** 2).sum(), [1.0], method=method) for method in ("BFGS", "L-BFGS-B")] + [
        scipy.optimize.linprog([1], bounds=[(0, 1)]), scipy.optimize.root(lambda v: v - 1, [0.0]),
        scipy.optimize.root_scalar(lambda v: v - 1, bracket=[0, 3]), scipy.optimize.least_squares(lambda v: v - 1, [0.0]),
        scipy.optimize.minimize_scalar(lambda v: v * v), scipy.optimize.Bounds([0], [1])]


def scipy_distributions(stats):
    """Every distribution, alone and frozen with parameters that suit it, and those of a user's own numbers."""
    found = [value for _, value in sorted(vars(stats).items()) if isinstance(value, (stats.rv_continuous, stats.rv_discrete))]
    frozen = [attempt(value, *shapes) for value in found for shapes in ((), (0.5,), (1, 5), (1, 2, 3), (9, 2, 3, 1))]
    own = [stats.rv_histogram(([1, 2, 1], [0, 1, 2, 3])), stats.rv_discrete(values=([1, 2], [0.5, 0.5]))]
    return found + [value for value in frozen if value is not None] + own + [value() for value in own]


def attempt(function, *given):
    try:
        return function(*given)
    except Exception:  # another version's function, or none
        return None


def pandas_values():
    import datetime

    import numpy
    import pandas

    index = [
        pandas.Index(["a", "b"]), pandas.Index([1, 2]), pandas.Index([1.5]), pandas.RangeIndex(3), pandas.Index([True]),
        pandas.date_range("2024", periods=2), pandas.date_range("2024", periods=2, tz="UTC"),
        pandas.period_range("2024", periods=2, freq="M"), pandas.timedelta_range("1D", periods=2),
        pandas.CategoricalIndex(["a"]), pandas.MultiIndex.from_product([[1, 2], ["a"]]),
        pandas.interval_range(0, 2), pandas.Index(numpy.array([1], "uint64")), pandas.Index([1, "a"])]
    yield "indexes", index
    yield "series", [pandas.Series([0] * len(i), i) for i in index] + [pandas.Series(i) for i in index if i.nlevels == 1] + [
        pandas.Series([1], name="n")]
    yield "scalars", [pandas.Timestamp("2024"), pandas.Timestamp("2024", tz="UTC"), pandas.Timedelta("1D"),
                      pandas.Period("2024", "M"), pandas.NaT, pandas.Interval(0, 1), getattr(pandas, "NA", None)]
    names = ("Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64 boolean string category Float32 Float64 Sparse[int] "
             "Sparse[float] string[python] string[pyarrow] int64[pyarrow] float64[pyarrow] bool[pyarrow] timestamp[ns][pyarrow] "
             "large_string[pyarrow] int32[pyarrow] float32[pyarrow] duration[ns][pyarrow]").split()
    extended = []
    for name in names:
        try:
            extended.append(pandas.Series([1, 1]).astype(name))
        except Exception:  # a type that a version has not, or not from integers
            continue
    extended += [pandas.Series(["a", None]), pandas.Series(["a", None], dtype=object)]
    yield "extension arrays", extended + [s.array for s in extended if hasattr(s, "array")] + [s.dtype for s in extended] + [
        pandas.DataFrame({"a": s}) for s in extended] + [attempt(pandas.Index, s) for s in extended]
    for made in extended:  # what some dtypes keep once they were asked
        hash(made.dtype), str(made.dtype), getattr(made.dtype, "numpy_dtype", None), attempt(lambda: made.isna())
    yield "extension arrays that were used", extended + [s.dtype for s in extended]
    frame = pandas.DataFrame({"a": [1, 2], "b": [1.5, 2.5], "c": ["x", "y"], "d": [True, False]})
    frame["when"] = pandas.to_datetime(["2024", "2025"])
    frame["kind"] = pandas.Categorical(["x", "y"])
    yield "frames", [frame, frame.set_index(["a", "c"]), frame[["a"]], frame.T, frame.describe(), pandas.DataFrame(),
                     frame.select_dtypes("number") * 2, frame.astype({"a": "float32"})]
    offsets = pandas.tseries.offsets
    yield "offsets", list(filter(None, (
        attempt(getattr(offsets, name)) for name in dir(offsets) if name[0].isupper())))
    yield "more offsets", [offsets.CustomBusinessDay(holidays=["2020-01-01"]), offsets.DateOffset(months=2),
                           offsets.BusinessHour(start="09:30")]
    zones = ["UTC", "Europe/Berlin", "America/New_York", datetime.timezone.utc,
             datetime.timezone(datetime.timedelta(hours=3))]
    for module, make in (("pytz", "timezone"), ("dateutil.tz", "gettz")):
        try:
            zones.append(getattr(importlib.import_module(module), make)("Europe/Rome"))
        except ImportError:
            continue
    for module, make, given in (("pytz", "FixedOffset", (90,)), ("dateutil.tz", "tzutc", ()),
                                ("dateutil.tz", "tzoffset", ("X", 3600))):
        try:
            zones.append(getattr(importlib.import_module(module), make)(*given))
        except ImportError:
            continue
    yield "time zones", [zone for zone in zones if not isinstance(zone, str)] + [
        made for zone in zones if zone for made in (
            attempt(lambda: pandas.date_range("2024", periods=2, tz=zone)),
            attempt(lambda: pandas.Timestamp("2024", tz=zone)),
            attempt(lambda: pandas.DataFrame({"t": pandas.date_range("2024", periods=2, tz=zone)}))) if made is not None]
    yield "dtypes", [pandas.DatetimeTZDtype(tz="UTC"), pandas.PeriodDtype("D"), pandas.IntervalDtype("int64"),
                     pandas.CategoricalDtype(["a"]), frame.dtypes]
    yield "groups", [frame.groupby("d"), frame.groupby("d")["a"], frame[["a"]].rolling(2),
                     pandas.Grouper(key="when", freq="D"), pandas.IndexSlice]
    yield "empty objects of plain classes", list(empty_objects("pandas"))
    yield "columns of dates", [pandas.DataFrame({"p": pandas.period_range("2024", periods=2, freq="D"),
                                                 "t": pandas.timedelta_range("1D", periods=2)})]
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
    yield x, labels + (x[:, 2] > 0.5)
    yield x, numpy.array(["ant", "bee", "cat"])[labels + (x[:, 2] > 0.5)]
    yield x, x[:, :2]
    yield x, numpy.column_stack([labels, 1 - labels])
    yield ["a b c", "b c d", "c d e"] * 4, [0, 1, 0] * 4
    yield x[:, 0], labels
    yield [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], [0, 1]
    yield (x * 4).astype(int), labels
    yield labels, labels


def fitted(instance):
    from sklearn.base import clone

    """The instance fitted to the first set that suits it, and to the first of more than two classes."""
    found = 0
    for x, y in training_sets():
        several = len(getattr(y, "shape", ())) == 1 and len(set(y.tolist())) == 3
        if found and not several:
            continue
        model = clone(instance)
        try:
            limited(model.fit, x, y)
        except TooSlow:
            return
        except Exception:  # the next training set may suit it
            continue
        found += 1
        yield model


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
    for made in empty_objects("scikit-learn"):
        yield "empty objects of plain classes", made
    for label, made in sklearn_compositions():
        yield label, made


def sklearn_functions():
    """Functions that models keep by name: scores, kernels, distances."""
    for module in ("sklearn.metrics", "sklearn.metrics.pairwise", "sklearn.feature_selection"):
        found = importlib.import_module(module)
        for name, value in sorted(vars(found).items()):
            if inspect.isfunction(value) and value.__module__.startswith("sklearn.") and not name.startswith("_"):
                yield value


def sklearn_compositions():
    for function in sklearn_functions():
        if not function.__name__.startswith(("plot_", "check_", "fetch", "load", "dump")):
            yield "functions", function
    import numpy
    import sklearn.datasets
    import sklearn.gaussian_process.kernels as kernels
    import sklearn.metrics
    import sklearn.model_selection as selection
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
            for model in fitted(instance):
                yield cls.__name__, model
    x = numpy.random.RandomState(0).rand(20, 3)
    from sklearn.ensemble import GradientBoostingClassifier

    three = GradientBoostingClassifier(n_estimators=2).fit(x, numpy.arange(20) % 3)
    yield "GradientBoostingClassifier of three classes", three
    metrics = "euclidean manhattan chebyshev minkowski haversine hamming canberra braycurtis jaccard dice".split()
    for tree in (KDTree, BallTree):
        for metric in metrics:
            try:
                yield "%s, %s" % (tree.__name__, metric), tree(x[:, :2], metric=metric)
            except (ValueError, TypeError):
                continue
    for name in ("sklearn.metrics._dist_metrics", "sklearn.neighbors._dist_metrics", "sklearn.neighbors.dist_metrics"):
        try:
            found = importlib.import_module(name)
        except ImportError:
            continue
        for cls in filter(inspect.isclass, vars(found).values()):
            for given in ((), (3,), (numpy.ones(2),), (numpy.eye(2),)):
                metric = attempt(cls, *given) if "Distance" in cls.__name__ else None
                if metric is not None:
                    yield "distances", metric
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
    try:
        from sklearn.compose import ColumnTransformer
    except ImportError:
        return
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


def joblib_beside(module, value):
    import tempfile
    import zlib

    with tempfile.TemporaryDirectory() as folder:
        for compress in (0, 3):
            path = pathlib.Path(folder, "dump")
            module.dump(value, str(path), compress=compress)
            data = path.read_bytes()
            # A mark, and the length in digits as wide as those of the largest.
            yield zlib.decompress(data[2 + len(hex(sys.maxsize)):]) if data[:2] == b"ZF" else data


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
                try:
                    module.dump(value, out, protocol=protocol)
                except TypeError:  # before 0.10, which writes arrays into files beside the pickle
                    for dump in joblib_beside(module, value):
                        yield module.__name__ + ".dump", [dump]
                    break
                yield module.__name__ + ".dump", [out.getvalue()]


# ---- torch ----------------------------------------------------------------------------------------------------------


def torch_values():
    import torch
    from torch import nn

    names = ("float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex32 complex64 complex128 uint16 "
             "uint32 uint64 float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu").split()
    dtypes = [getattr(torch, name) for name in names if hasattr(torch, name)]
    yield "tensors of every dtype", [
        made for made in (attempt(lambda: torch.zeros(2, dtype=dtype)) for dtype in dtypes) if made is not None]
    yield "dtypes", [dtype for dtype in dtypes if attempt(lambda: repr(dtype))]
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
    "Hardswish": (), "Hardsigmoid": (), "Softplus": (), "Softsign": (), "Softmax": (1,), "Softmin": (1,), "Softmax2d": (),
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

    for label, values in list(torch_values()) + list(torch_modules()) + list(torch_objects()):
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


def torch_objects():
    """Whole objects, which torch.save writes by class."""
    import torch
    from torch import nn

    net = nn.Sequential(nn.Linear(2, 2))
    optimizers = []
    for name in dir(torch.optim):
        cls = getattr(torch.optim, name)
        if inspect.isclass(cls) and issubclass(cls, torch.optim.Optimizer) and cls is not torch.optim.Optimizer:
            optimizer = attempt(lambda: cls(net.parameters(), lr=0.1))
            if optimizer is not None:
                optimizers.append(optimizer)
    yield "optimizers", optimizers
    schedules = torch.optim.lr_scheduler
    given = {"StepLR": (1,), "MultiStepLR": ([1, 2],), "ExponentialLR": (0.9,), "CosineAnnealingLR": (10,),
             "CyclicLR": (0.1, 1.0), "OneCycleLR": (0.1, 10), "CosineAnnealingWarmRestarts": (5,)}
    yield "schedulers", [made for made in (
        attempt(lambda: getattr(schedules, name)(torch.optim.SGD(net.parameters(), lr=0.1), *given.get(name, ())))
        for name in dir(schedules) if name.endswith(("LR", "Restarts", "Plateau"))) if made is not None]
    yield "transformers", [nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2), 2),
                           nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2), 2)]
    yield "wrapped modules", [nn.DataParallel(nn.Linear(2, 2)), attempt(nn.utils.spectral_norm, nn.Linear(2, 2)),
                              attempt(nn.utils.weight_norm, nn.Linear(2, 2))]
    quantization = getattr(torch, "quantization", None)
    if quantization is not None:
        dynamic = [attempt(quantization.quantize_dynamic, nn.Sequential(layer), {type(layer)}, torch.qint8)
                   for layer in (nn.Linear(2, 2), nn.LSTM(2, 2), nn.GRU(2, 2))]
        yield "quantized modules", [made for model in dynamic if model is not None
                                    for made in (model, model.state_dict())]
    tagged = torch.ones(2)
    tagged.tag = "x"
    buffer = [nn.Buffer(torch.ones(2))] if hasattr(nn, "Buffer") else []
    yield "tensors with attributes", [tagged] + buffer
    data = torch.utils.data
    yield "data sets", [data.TensorDataset(tagged), data.Subset(data.TensorDataset(tagged), [0]),
                        data.RandomSampler(range(3)), data.SequentialSampler(range(3)),
                        data.DataLoader(data.TensorDataset(tagged))]
    yield "distributions", [attempt(torch.distributions.Normal, 0.0, 1.0), torch.finfo(torch.float32)]
    yield "version", [torch.__version__]
    yield "packed sequences", [nn.utils.rnn.pack_sequence([torch.ones(3), torch.ones(2)])]
    yield "functions", [getattr(nn.functional, name) for name in (
        "relu gelu silu softmax sigmoid tanh leaky_relu elu selu celu mish softplus hardtanh hardswish log_softmax "
        "dropout layer_norm linear mse_loss l1_loss cross_entropy nll_loss").split() if hasattr(nn.functional, name)] + [
        torch.relu, torch.tanh, torch.sigmoid, torch.softmax]
    yield "empty objects of plain classes", list(empty_objects("torch"))
    yield "enumerations", list(members("torch"))


def torch_pickles():
    """The same values by plain pickle, which stores tensors as strings that torch loads."""
    for label, values in list(torch_values()) + list(torch_objects()):
        for value in values:
            for dump in pickles(value, [p for p in (2, 3, 4) if p in PROTOCOLS]):
                yield "pickle of " + label, dump


# ---- boosters -------------------------------------------------------------------------------------------------------


def xgboost_dumps():
    import numpy
    import xgboost

    x = numpy.random.RandomState(0).rand(40, 4)
    y = (x[:, 0] > 0.5).astype(int)
    values = [xgboost.XGBClassifier(), xgboost.XGBRegressor(), xgboost.XGBRanker()]
    for booster in ("gbtree", "gblinear", "dart"):
        values.append(xgboost.train({"booster": booster}, xgboost.DMatrix(x, y), 2))
        values.append(xgboost.XGBRegressor(n_estimators=2, booster=booster).fit(x, x[:, 0]))
    for name in ("XGBClassifier", "XGBRFClassifier", "XGBRegressor", "XGBRFRegressor"):
        values.append(getattr(xgboost, name)(n_estimators=2).fit(x, y))
    values.append(attempt(lambda: xgboost.XGBRanker(n_estimators=2).fit(x, y, group=[20, 20])))
    values.append(attempt(lambda: xgboost.XGBClassifier(
        n_estimators=2, callbacks=[xgboost.callback.EarlyStopping(2)]).fit(x, y, eval_set=[(x, y)], verbose=False)))
    return pickle_all([("models", values), ("empty objects of plain classes", empty_objects("xgboost"))])


def lightgbm_dumps():
    import lightgbm
    import numpy

    x = numpy.random.RandomState(0).rand(60, 4)
    y = (x[:, 0] > 0.5).astype(int)
    quiet = {"verbosity": -1}
    values = [lightgbm.LGBMClassifier(), lightgbm.train(dict(quiet, objective="binary"), lightgbm.Dataset(x, y), 2)]
    for name in ("LGBMClassifier", "LGBMRegressor"):
        values.append(getattr(lightgbm, name)(n_estimators=2, **quiet).fit(x, y))
        values.append(getattr(lightgbm, name)(n_estimators=2, **quiet).fit(x, y, eval_set=[(x, y)]))
    values.append(lightgbm.LGBMRanker(n_estimators=2, **quiet).fit(x, y, group=[30, 30]))
    values.append(lightgbm.cv(dict(quiet, objective="binary"), lightgbm.Dataset(x, y), 2))
    values.append(attempt(lambda: lightgbm.cv(
        dict(quiet, objective="binary"), lightgbm.Dataset(x, y), 2, return_cvbooster=True)["cvbooster"]))
    return pickle_all([("models", values), ("empty objects of plain classes", empty_objects("lightgbm"))])


def catboost_dumps():
    import catboost
    import numpy

    x = numpy.random.RandomState(0).rand(40, 4)
    y = (x[:, 0] > 0.5).astype(int)
    given = {"iterations": 2, "verbose": False, "allow_writing_files": False}
    values = [catboost.CatBoostClassifier(), catboost.CatBoostRegressor(), catboost.CatBoost(),
              catboost.CatBoostRegressor(**given).fit(x, x[:, 0]), catboost.CatBoost(given).fit(x, y),
              catboost.CatBoostClassifier(**given).fit(x, y, eval_set=(x, y)),
              catboost.CatBoostClassifier(**given).fit(x, numpy.array(["a", "b"])[y])]
    if hasattr(catboost, "CatBoostRanker"):
        values.append(catboost.CatBoostRanker(**given).fit(x, y, group_id=[0] * 20 + [1] * 20))
    return pickle_all([("models", values)])


# ---- transformers and accelerate ------------------------------------------------------------------------------------


def saved(values, label):
    """The pickles of what torch.save writes."""
    import torch

    for value in values:
        for zipped in (True, False):
            out = io.BytesIO()
            try:
                torch.save(value, out, _use_new_zipfile_serialization=zipped)
            except Exception:  # what cannot be pickled
                continue
            yield label, pickles_of_checkpoint(out, zipped)


def transformers_dumps():
    import tempfile

    import torch
    import transformers

    encoding = {"input_ids": torch.ones(1, 2)}
    values = [transformers.BatchEncoding(encoding), transformers.BatchFeature(encoding),
              transformers.GenerationConfig(max_length=3)]
    with tempfile.TemporaryDirectory() as folder:
        for name in ("TrainingArguments", "Seq2SeqTrainingArguments"):
            cls = getattr(transformers, name)
            for given in ({}, {"use_cpu": True}, {"use_cpu": True, "eval_strategy": "epoch", "save_strategy": "epoch"}):
                values.append(attempt(lambda: cls(folder, report_to=[], **given)))
    for name in ("BertConfig", "GPT2Config", "T5Config", "RobertaConfig", "DistilBertConfig", "ViTConfig"):
        values.append(attempt(getattr(transformers, name, None)))
    values = [value for value in values if value is not None]
    every = values + list(empty_objects("transformers")) + list(members("transformers"))
    for pair in list(saved(values, "training arguments and encodings")) + list(pickle_all([("the same", every)])):
        yield pair


def accelerate_dumps():
    import random
    import tempfile

    import accelerate
    import numpy
    import torch

    accelerator = accelerate.Accelerator(cpu=True)
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model, optimizer, scheduler = accelerator.prepare(
        model, optimizer, torch.optim.lr_scheduler.StepLR(optimizer, 1))
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    scheduler.step()
    with tempfile.TemporaryDirectory() as folder:
        accelerator.save_state(folder, safe_serialization=False)
        for path in sorted(pathlib.Path(folder).iterdir()):
            data = io.BytesIO(path.read_bytes())
            if zipfile.is_zipfile(data):
                yield "save_state, " + path.name, pickles_of_checkpoint(data, True)
    states = {"random_state": random.getstate(), "numpy_random_seed": numpy.random.get_state(),
              "torch_manual_seed": torch.get_rng_state()}
    every = list(empty_objects("accelerate")) + list(members("accelerate"))
    for pair in list(saved([states], "random states")) + list(pickle_all([("plain classes", every)])):
        yield pair


# ---- other picklers -------------------------------------------------------------------------------------------------


def gensim_dumps():
    from gensim import corpora, models

    words = [["ant", "bee"], ["bee", "cow", "ant"], ["cow", "dog"]] * 3
    names = corpora.Dictionary(words)
    bags = [names.doc2bow(text) for text in words]
    yield from pickle_all([("models", [
        names, models.TfidfModel(bags), models.LdaModel(bags, 2, names), models.LsiModel(bags, 2, names),
        models.Word2Vec(words, min_count=1), models.FastText(words, min_count=1, bucket=9), models.Phrases(words)])])
    yield from plain_objects("gensim")()


def plain_objects(library):
    """Dumps of a library of which no more is known than its classes."""
    return lambda: pickle_all([("empty objects of plain classes", empty_objects(library))], [2, 4])


def dill_dumps():
    import collections

    import dill
    import numpy

    plain = [{"a": [1, 2.0, "x"]}, numpy.ones(3), numpy.array(["a", 1], object), numpy.float32(1.5), int, dict,
             collections.OrderedDict(a=1), range(3), Ellipsis, NotImplemented, numpy.ma.array([1, 2], mask=[0, 1])]
    for value in plain:
        for protocol in PROTOCOLS:
            try:
                yield "plain objects", [dill.dumps(value, protocol)]
            except Exception:  # what a protocol cannot write
                continue


def sources():
    yield "CPython", "sys", lambda: pickle_all(python_values())
    yield "numpy", "numpy", lambda: pickle_all(numpy_values())
    yield "scipy", "scipy", lambda: pickle_all(scipy_values())
    yield "pandas", "pandas", lambda: pickle_all(pandas_values())
    yield "scikit-learn", "sklearn", sklearn_dumps
    yield "joblib", "joblib", joblib_dumps
    yield "torch", "torch", torch_dumps
    yield "torch", "torch", torch_pickles
    yield "xgboost", "xgboost", xgboost_dumps
    yield "lightgbm", "lightgbm", lightgbm_dumps
    yield "catboost", "catboost", catboost_dumps
    yield "transformers", "transformers", transformers_dumps
    yield "accelerate", "accelerate", accelerate_dumps
    for library, module in (
            ("imbalanced-learn", "imblearn"), ("category_encoders", "category_encoders"),
            ("feature-engine", "feature_engine"), ("mlxtend", "mlxtend"), ("pyod", "pyod"), ("hdbscan", "hdbscan"),
            ("statsmodels", "statsmodels"), ("nltk", "nltk")):
        yield library, module, plain_objects(library)
    yield "gensim", "gensim", gensim_dumps
    # Last, because importing it changes how the others are pickled.
    yield "dill", "dill", dill_dumps
