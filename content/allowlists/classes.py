"""Dumps of empty objects of every plain class of a library.

A class is plain if its objects are made by `object.__new__` (or as a tuple, for named tuples) and restored by writing
their dictionary: it defines no `__reduce__`, no `__del__`, no `__setstate__` but those of REVIEWED, and no
`__getattr__` but those of REVIEWED_LOOKUPS, since BUILD asks an object for its `__setstate__`. Loading such an object
runs nothing of the library, whatever the stream says.
"""

import abc
import importlib
import inspect
import pkgutil

# Packages and the modules below them that are left out: tests, tools, and what works with files or networks.
PACKAGES = {
    "scipy": ["scipy.cluster", "scipy.fft", "scipy.integrate", "scipy.interpolate", "scipy.linalg", "scipy.ndimage",
              "scipy.optimize", "scipy.signal", "scipy.sparse", "scipy.spatial", "scipy.special", "scipy.stats",
              "scipy._lib._disjoint_set", "scipy._lib._bunch"],
    "pandas": ["pandas.tseries"],
    "scikit-learn": ["sklearn"],
    "torch": ["torch.nn", "torch.ao.nn", "torch.optim", "torch.utils.data.dataset", "torch.utils.data.sampler",
              "torch.distributions"],
    "xgboost": ["xgboost.sklearn", "xgboost.callback", "xgboost.core"],
    "lightgbm": ["lightgbm.sklearn", "lightgbm.callback", "lightgbm.engine", "lightgbm.basic"],
    "transformers": ["transformers.training_args", "transformers.training_args_seq2seq", "transformers.trainer_utils",
                     "transformers.trainer_callback", "transformers.generation.configuration_utils",
                     "transformers.debug_utils", "transformers.trainer_pt_utils"],
    "imbalanced-learn": ["imblearn"],
    "category_encoders": ["category_encoders"],
    "feature-engine": ["feature_engine"],
    "mlxtend": ["mlxtend"],
    "pyod": ["pyod.models"],
    "hdbscan": ["hdbscan"],
    "statsmodels": ["statsmodels." + name for name in (
        "base", "discrete", "distributions", "duration", "gam", "genmod", "imputation", "miscmodels", "multivariate",
        "nonparametric", "othermod", "regression", "robust", "stats", "tools", "treatment", "tsa")],
    "gensim": ["gensim." + name for name in (
        "corpora.dictionary", "corpora.hashdictionary", "interfaces", "matutils", "models")],
    "nltk": ["nltk." + name for name in (
        "chunk", "classify", "collocations", "grammar", "lm", "metrics", "parse", "probability", "stem", "tag",
        "tokenize", "tree")],
    "accelerate": ["accelerate.utils.dataclasses", "accelerate.state", "accelerate.optimizer",
                   "accelerate.scheduler"],
}
LEFT_OUT = ("conftest", "setup", "tests", "testing", "_testing", "_testutils", "externals", "estimator_checks",
            "_distn_infrastructure", "_continuous_distns", "_discrete_distns", "_distribution_infrastructure", "_unuran",
            "parallel", "rpc", "io", "_openml", "memory", "plotting", "distributed",
            # What runs other programs once it is used, or passes work to them.
            "bllip", "corenlp", "hunpos", "lda_dispatcher", "lda_worker", "lsi_dispatcher", "lsi_worker", "malt", "megam",
            "repp", "senna", "stanford", "stanford_segmenter", "tadm", "weka", "x13")
# Functions that the classes below them inherit to take their state, read for what a hostile state makes them do:
# they compare a version, put the state into the dictionary of the object, and add entries that are missing.
REVIEWED = ("sklearn.base.BaseEstimator", "sklearn.base._HTMLDocumentationLinkMixin", "torch.nn.modules.module.Module",
            "torch.optim.optimizer.Optimizer")
# Classes whose `__getattr__` was read for what it answers when BUILD asks for `__setstate__`: it raises, or the class
# has a `__setstate__` of its own and is not asked.
REVIEWED_LOOKUPS = ("torch.nn.modules.module.Module", "scipy.optimize._shgo_lib._vertex.VertexBase",
                    "accelerate.state.AcceleratorState", "accelerate.state.PartialState",
                    "lightgbm.engine.CVBooster", "pandas.core.generic.NDFrame", "sklearn.frozen._frozen.FrozenEstimator",
                    "sklearn.utils._bunch.Bunch", "sklearn.utils.Bunch", "torch.ScriptObject",
                    "sklearn.utils._metadata_requests.MetadataRequest",
                    "transformers.feature_extraction_utils.BatchFeature",
                    "transformers.tokenization_utils_base.BatchEncoding")


def modules_of(name):
    try:
        package = importlib.import_module(name)
    except Exception:  # another version, or a part with needs of its own
        return
    yield package
    for found in pkgutil.iter_modules(getattr(package, "__path__", ()), name + "."):
        if found.name.rpartition(".")[2] not in LEFT_OUT and not found.name.endswith("__main__"):
            for module in modules_of(found.name):
                yield module


def definition(cls, name):
    """The class that an attribute is inherited from."""
    return next((base for base in cls.__mro__ if name in vars(base)), None)


def answers_for_itself(cls):
    """Whether a class looks attributes up by Python code of its own that was not reviewed."""
    for name in ("__getattr__", "__getattribute__"):
        found = definition(cls, name)
        is_code = found is not None and hasattr(vars(found)[name], "__code__")
        if is_code and "%s.%s" % (found.__module__, found.__qualname__) not in REVIEWED_LOOKUPS:
            return True
    return False


def is_plain(cls):
    if type(cls) not in (type, abc.ABCMeta) or issubclass(cls, (BaseException, type)) or hasattr(cls, "__del__"):
        return False
    if answers_for_itself(cls):
        return False
    if definition(cls, "__reduce__") is not object or definition(cls, "__reduce_ex__") is not object:
        return False
    setter = definition(cls, "__setstate__")
    reviewed = setter is None or "%s.%s" % (setter.__module__, setter.__qualname__) in REVIEWED
    return reviewed and (cls.__new__ is object.__new__ or is_named_tuple(cls))


def is_named_tuple(cls):
    """Made by collections.namedtuple, which makes a `__new__` that calls no more than tuple's."""
    fields = getattr(cls, "_fields", None)
    if not issubclass(cls, tuple) or not isinstance(fields, tuple):
        return False
    code = getattr(cls.__new__, "__code__", None)
    return code is not None and code.co_filename.startswith(("<string>", "namedtuple_"))


def empty_object(cls):
    if is_named_tuple(cls):
        return cls(*range(len(cls._fields)))
    made = object.__new__(cls)
    if hasattr(made, "__dict__"):
        made.__dict__["a"] = 1
    return made


def empty_objects(library):
    for name in PACKAGES[library]:
        for module in modules_of(name):
            for _, cls in inspect.getmembers(module, inspect.isclass):
                if cls.__module__ == module.__name__ and is_plain(cls):
                    try:
                        yield empty_object(cls)
                    except Exception:  # abstract, or with slots that are not set
                        continue


def members(library):
    """The members of a library's enumerations."""
    import enum

    for name in PACKAGES[library]:
        for module in modules_of(name):
            for _, cls in inspect.getmembers(module, inspect.isclass):
                if cls.__module__ == module.__name__ and issubclass(cls, enum.Enum):
                    for member in cls:
                        yield member
