# What the checks said. At a gate that is in `input`; where a file is held against rules, by `casemate policy
# check --outcomes`, it is in `data.casemate.assessment`, so that nothing in the file can pretend to it.
#
# An outcome is about one subject, and there is one for each that is not a clean pass; a population, with a
# `count`, stands for all that are. So what no outcome is about may be clean, or may not have been looked at:
# `is_clean` tells these apart by the list of files, which `casemate assess --policy` puts into its question.
#
# An `asset` is a text: the path of a file below what was assessed, its name in the report, its identity
# (`urn:casemate:...`), or the digest of its bytes (`sha256:...`).
#
# The examples are asked with this input:
#
#	{
#	  "outcomes": [
#	    {
#	      "check": "artifact", "version": "1", "subject": "urn:casemate:artifact:sha256:aa", "name": "./models/a.pkl",
#	      "result": "undetermined", "coverage": "complete", "facts": {"format": "pickle", "verdict": "unknown"},
#	      "findings": [{"rule": "CM-PKL-004", "severity": "medium", "location": {"file": "./models/a.pkl"}}]
#	    },
#	    {"check": "secrets", "version": "1", "result": "pass", "coverage": "complete", "count": 2, "root": "sha256:00"}
#	  ],
#	  "context": {"files": [
#	    {"name": "./models/a.pkl", "path": "models/a.pkl", "kind": "model", "subject": "urn:casemate:artifact:sha256:aa", "digest": "sha256:aa"},
#	    {"name": "./models/b.gguf", "path": "models/b.gguf", "kind": "model", "subject": "urn:casemate:artifact:sha256:bb", "digest": "sha256:bb"}
#	  ]}
#	}
package casemate.outcomes

import data.casemate.severity

# The assessment that is spoken of: an object with `outcomes`, `evidence`, `relations` and `context`.
#
#	count(outcomes.source.outcomes) == 2
source := data.casemate.assessment if {
	data.casemate.assessment
} else := input

# All outcomes, populations among them.
#
#	count(outcomes.all) == 2
all := object.get(source, "outcomes", [])

# The outcomes about one subject each.
#
#	count(outcomes.singles) == 1
singles := [outcome | some outcome in all; not outcome.count]

# The outcomes that stand for many subjects.
#
#	outcomes.populations[0].count == 2
populations := [outcome | some outcome in all; outcome.count]

# The outcomes of a check, populations among them.
#
#	outcomes.by_check("secrets")[0].result == "pass"
by_check(check) := [outcome | some outcome in all; outcome.check == check]

# The outcomes with a verdict on a model, `unknown` or `dangerous`. Those that are `inert` or `known` are
# folded into a population, unless something was found in them.
#
#	outcomes.by_verdict("unknown")[0].name == "./models/a.pkl"
by_verdict(verdict) := [outcome | some outcome in singles; outcome.facts.verdict == verdict]

# The outcomes with a finding that nobody accepted and that is as bad as the threshold, or worse.
#
#	count(outcomes.with_findings("medium")) == 1
with_findings(threshold) := [outcome |
	some outcome in singles
	_is_found(outcome, threshold)
]

# The outcomes of what was not, or not all, looked at.
#
#	count(outcomes.incomplete) == 0
incomplete := [outcome | some outcome in singles; _is_incomplete(outcome)]

# The files that were looked at, with `name`, `path`, `kind`, `subject` and `digest`, where the question lists
# them.
#
#	outcomes.files[1].path == "models/b.gguf"
files := object.get(source, ["context", "files"], [])

# The outcomes about an asset.
#
#	outcomes.of("models/a.pkl")[0].facts.verdict == "unknown"
of(asset) := [outcome | some outcome in singles; _is_about(outcome, asset)]

# Whether the list of files has the asset: it was looked at.
#
#	outcomes.is_examined("sha256:bb")
is_examined(asset) if {
	some file in files
	asset in _names(file)
}

# Whether an asset was looked at, all of it, by every check, with nothing found that nobody accepted and with
# no verdict that somebody should look at.
#
#	outcomes.is_clean("models/b.gguf")
is_clean(asset) if {
	is_examined(asset)
	every outcome in of(asset) {
		_is_clean(outcome)
	}
}

_is_clean(outcome) if {
	outcome.result in {"pass", "not-applicable"}
	outcome.coverage == "complete"
	not object.get(outcome, ["facts", "verdict"], "") in {"unknown", "dangerous"}
	not _is_found(outcome, "info")
}

_is_found(outcome, threshold) if {
	some finding in outcome.findings
	not finding.suppression
	severity.at_least(finding.severity, threshold)
}

_is_incomplete(outcome) if outcome.coverage == "partial"

_is_incomplete(outcome) if outcome.result == "error"

_is_about(outcome, asset) if asset in _told(outcome)

# By path and digest only the list of files knows what is meant.
_is_about(outcome, asset) if {
	some file in files
	asset in _names(file)
	some name in _told(outcome)
	name in {file[member] | some member in ["name", "subject"]}
}

_told(outcome) := {outcome[member] | some member in ["name", "subject", "input"]}

_names(file) := {file[member] | some member in ["name", "path", "subject", "digest"]} - {null}
