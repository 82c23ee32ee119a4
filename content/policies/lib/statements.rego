# Signed statements: who signed a file, where it comes from, what was found in it, and whether a log knows. The
# caller has verified every statement; what did not verify is not here, and is a finding instead.
#
# A path is that of a file below what was assessed: `covers` of a statement has the files that it is about.
#
# The examples are asked with this input:
#
#	{"evidence": [
#	  {"predicateType": "https://model_signing/signature/v1.0", "predicate": {}, "subject": [{"digest": {"sha256": "aa"}}], "bundle": "sha256:01",
#	    "signers": [{"name": "release", "key": "sha256:02"}], "covers": ["models/a.gguf"],
#	    "logged": [{"log": "log.example.org", "index": 7, "seen": {"by": ["witness.example.org"]}}]},
#	  {"predicateType": "https://slsa.dev/provenance/v1", "predicate": {"runDetails": {"builder": {"id": "urn:casemate:builder:ci"}}},
#	    "subject": [], "bundle": "sha256:03", "signers": [{"name": "training", "key": "sha256:04"}], "covers": ["models/a.gguf"]},
#	  {"predicateType": "https://in-toto.io/attestation/test-result/v0.1", "predicate": {"result": "PASSED"},
#	    "subject": [], "bundle": "sha256:05", "signers": [{"name": "scanner", "key": "sha256:06"}], "covers": ["models/a.gguf"]}
#	]}
package casemate.statements

import data.casemate.outcomes

# All statements.
#
#	count(statements.all) == 3
all := object.get(outcomes.source, "evidence", [])

# What kind of thing a statement of a type says: `signature`, `provenance`, `scan` or `summary`.
#
#	statements.kind_of["https://slsa.dev/provenance/v1"] == "provenance"
kind_of := {
	"https://model_signing/signature/v1.0": "signature",
	"https://model_signing/Digests/v0.1": "signature",
	"https://slsa.dev/provenance/v1": "provenance",
	"https://in-toto.io/attestation/test-result/v0.1": "scan",
	"https://slsa.dev/verification_summary/v1": "summary",
}

# The statements of a type, a URI.
#
#	count(statements.by_type("https://slsa.dev/provenance/v1")) == 1
by_type(type) := [statement | some statement in all; statement.predicateType == type]

# The statements of a kind about a path.
#
#	count(statements.about("scan", "models/a.gguf")) == 1
about(kind, path) := [statement |
	some statement in all
	kind_of[statement.predicateType] == kind
	path in statement.covers
]

# The statements of a kind whose subject has a digest: for what has no path, such as the model that a workload
# loads. The digest is `sha256:` and its hexadecimal digits; that of a model is the root that `casemate sign` names.
#
#	count(statements.naming("signature", "sha256:aa")) == 1
naming(kind, digest) := [statement |
	some statement in all
	kind_of[statement.predicateType] == kind
	some subject in statement.subject
	some algorithm, digits in subject.digest
	digest == sprintf("%s:%s", [algorithm, digits])
]

# Whether one of the names, those of the trust store, is that of a signer of the statement.
#
#	statements.is_by(statements.all[0], ["release", "security"])
is_by(statement, names) if {
	some signer in statement.signers
	signer.name in names
}

# The names of all who signed a path: a model signature of theirs covers it.
#
#	statements.signers_of("models/a.gguf") == {"release"}
signers_of(path) := {signer.name |
	some statement in about("signature", path)
	some signer in statement.signers
}

# Whether a name, one of the trust store, signed a path.
#
#	statements.signed_by("release", "models/a.gguf")
signed_by(name, path) if name in signers_of(path)

# Whether provenance of a path is by a builder that fits, such as `urn:casemate:builder:*`.
#
#	statements.has_provenance_from("urn:casemate:builder:*", "models/a.gguf")
has_provenance_from(builder, path) if {
	some statement in about("provenance", path)
	glob.match(builder, null, statement.predicate.runDetails.builder.id)
}

# Whether a scan of a path passed, and no scan of it failed.
#
#	statements.scan_passed("models/a.gguf")
scan_passed(path) if _passed("scan", path)

# Whether a verification of a path is summed up as passed, and none as failed.
#
#	not statements.summary_passed("models/a.gguf")
summary_passed(path) if _passed("summary", path)

# Whether a statement of a kind about a path is in a log that the trust store names.
#
#	statements.logged("signature", "models/a.gguf")
logged(kind, path) if witnessed(kind, path, 0)

# Whether so many witnesses cosigned a checkpoint of a log that has a statement of a kind about a path.
#
#	statements.witnessed("signature", "models/a.gguf", 1)
witnessed(kind, path, number) if {
	some statement in about(kind, path)
	some entry in statement.logged
	witnesses(entry) >= number
}

# How many witnesses saw an entry of a log, one of `logged` of a statement.
#
#	statements.witnesses(statements.all[0].logged[0]) == 1
witnesses(entry) := count(object.get(entry, ["seen", "by"], []))

# Whether a statement of a kind says that all is well. A signature and provenance say so by being there.
#
#	statements.says_well("scan", {"result": "PASSED"})
says_well(kind, _) if kind in {"signature", "provenance"}

says_well("scan", predicate) if predicate.result == "PASSED"

says_well("summary", predicate) if {
	predicate.verificationResult == "PASSED"
	not "FAILED" in predicate.verifiedLevels
}

# Whether a statement of a kind says that something is wrong. A scan with warnings says neither.
#
#	statements.says_ill("summary", {"verificationResult": "FAILED"})
says_ill("scan", predicate) if not object.get(predicate, "result", "") in {"PASSED", "WARNED"}

says_ill("summary", predicate) if not predicate.verificationResult == "PASSED"

_passed(kind, path) if {
	some statement in about(kind, path)
	says_well(kind, statement.predicate)
	every other in about(kind, path) {
		not says_ill(kind, other.predicate)
	}
}
