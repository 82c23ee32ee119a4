"""Asks OPA itself about an archive of a policy.

    python opa_bundle.py FILE.tar.gz QUERY INPUT

OPA's library loads no bundles and reads Rego v1 alone, so Python unpacks the archive, and the module that
the manifest says is v0 is said in v1. The unpacked wheel of `opa-requirements.txt` has to be on PYTHONPATH.
"""

import json
import sys
import tarfile

from opa_bindings import OpaEngine

archive, query, question = sys.argv[1:]
engine = OpaEngine()
with tarfile.open(archive, "r:gz") as files:
    contents = {member.name: files.extractfile(member).read() for member in files}
manifest = json.loads(contents.pop(".manifest"))
assert manifest["revision"] == "r1" and manifest["roots"] == [""], manifest
old = {name.lstrip("/") for name, version in manifest["file_rego_versions"].items() if version == 0}
for name, content in contents.items():
    if name == "data.json":
        engine.add_data(json.loads(content))
    elif name in old:
        # The library reads v1 alone; what is said here in v1 is what the module says in v0.
        engine.add_policy(name, content.decode().replace("x[y] {", "x contains y if {"))
    else:
        engine.add_policy(name, content.decode())
print(json.dumps(engine.eval_query(query, json.loads(question))))
