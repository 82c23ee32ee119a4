# The built-in gate: what may pass, and why not.
#
# `casemate assess` asks this policy once, with everything that the checks said:
#
#	input.gate, input.action      who asks, and for what
#	input.subject                 what the decision is about
#	input.outcomes                what the checks said: one object for each subject that is not
#	                              a clean pass, and one with a `count` for all that are
#	input.evidence, input.context what else is known
#	input.now                     when
#
# It answers with three sets of reasons: `deny` (it may not pass), `warn` (somebody should look) and
# `obligations` (what has to be done if it passes). A reason is a string, or an object with a
# `message` and, where it helps, `severity`, `rule`, `subject` and `path`.
#
# To add to it, write a file of your own in `package casemate.gate` with more rules of those names,
# and name its directory with `--policy`. To replace it, put a copy of this file there. To adjust
# it, put a document below `data/` there, for instance `data/settings.toml`. These are the settings
# with their defaults:
#
#	[casemate.settings]
#	deny_at = "high"        # findings of this severity and worse deny
#	warn_at = "medium"      # findings of this severity and worse warn
#	allow_partial = false   # whether what was only partly examined may pass, with a warning
#	allow_idle = false      # whether requirements (evidence.rego) may be for files that are not there
#	imports_only_warn = false # whether what other tools found, and no check here, warns instead of denying
#
# A rule begins with what can be seen in the input itself: of a question that has nothing of that, and most have not, it is not
# evaluated.
package casemate.gate

import data.casemate.evidence
import data.casemate.severity

# --- Dangerous models --------------------------------------------------------------------------

# A file that does what only an attack does. No setting lets it pass. An exception does, if it names
# the file by its digest and covers all that was found in it.
deny contains reason if {
	some outcome in dangerous
	not is_accepted(outcome)
	reason := about(outcome, "critical", sprintf("%s is dangerous%s", [outcome.name, because(outcome)]))
}

warn contains reason if {
	some outcome in dangerous
	is_accepted(outcome)
	some finding in outcome.findings
	accepted := finding.suppression
	reason := about(outcome, "critical", sprintf(
		"%s is dangerous, and %s answers for it until %s: %s",
		[outcome.name, accepted.owner, accepted.expires, accepted.reason],
	))
}

# --- Models that nobody vouches for ------------------------------------------------------------

# A model in a format that can carry code, with code in it that no allowlist knows.
deny contains reason if {
	count(unknown) > 0
	some reason in listed(unvouched, {
		"one": "runs code that nobody vouches for when it is loaded",
		"many": "run code that nobody vouches for when they are loaded",
		"then": "; convert to safetensors, or accept the digest in an exception",
	})
}

# Source code is no model, and other checks read it. Everything else that was not understood is
# counted, so that nobody takes silence for a pass.
warn contains reason if {
	count(unknown) > 0
	names := [outcome.name |
		some outcome in unknown
		not is_source(outcome)
		not is_model(outcome)
		not is_mentioned(outcome)
	]
	count(names) > 0
	reason := {
		"message": sprintf("%s neither a model nor source code, and not judged: %s", [files_are(names), sample(names)]),
		"severity": "low",
	}
}

# --- Findings ----------------------------------------------------------------------------------

deny contains reason if {
	count(all_findings) > 0
	some reason in grouped(blocking)
}

warn contains reason if {
	count(all_findings) > 0
	some reason in grouped(worrying)
}

# A check that fails says what it found. Where it does not, that is no reason to pass.
deny contains reason if {
	some outcome in singles
	outcome.result == "fail"
	count(findings_of(outcome)) == 0
	not is_judged_whole(outcome)
	reason := about(outcome, "high", sprintf("%s: the check %s failed without a finding", [outcome.name, outcome.check]))
}

# --- What was not looked at --------------------------------------------------------------------

# Errors never pass.
deny contains reason if {
	count(failed_outcomes) > 0
	some reason in listed(failed_outcomes, {
		"one": "could not be examined",
		"many": "could not be examined",
		"then": "",
	})
}

# Neither does what was only partly examined, unless the settings say so.
deny contains reason if {
	count(partial_outcomes) > 0
	not allow_partial
	some reason in partly_examined
}

warn contains reason if {
	count(partial_outcomes) > 0
	allow_partial
	some reason in partly_examined
}

# What a check looked at in whole and cannot tell.
warn contains reason if {
	count(undetermined_outcomes) > 0
	names := [outcome.name | some outcome in undetermined_outcomes]
	reason := {
		"message": sprintf("%s undetermined: %s", [files_are(names), sample(names)]),
		"severity": "low",
	}
}

# Only clean passes may be counted instead of listed.
deny contains reason if {
	count(populations) > count(clean_populations)
	some population in populations
	not is_clean(population)
	reason := {
		"message": sprintf(
			"%d subjects of the check %s (%s, %s coverage) are counted and not listed",
			[population.count, population.check, population.result, population.coverage],
		),
		"severity": "high",
	}
}

# --- What else is against a request for admission ----------------------------------------------

# What Gatekeeper's constraints and packages of `deny` and `warn` rules have against it (`casemate admit`). The object is
# `input.context.object`, what it was before `input.context.old`, the rest of the request `input.context.request`.
deny contains violated(violation) if {
	some violation in input.context.violations
	not violation.action in {"warn", "dryrun"}
}

warn contains violated(violation) if {
	some violation in input.context.violations
	violation.action == "warn"
}

violated(violation) := {
	"message": sprintf("%s: %s", [violation.policy, violation.message]),
	"severity": "high",
}

# --- What files have to come with --------------------------------------------------------------

# Nothing, until a document of the caller's says so: see evidence.rego.
deny contains reason if {
	data.casemate.requirements
	some what in {lack.what | some lack in evidence.lacks}
	files := [file | some file in input.context.files; {"path": file.path, "what": what} in evidence.lacks]
	some reason in missing(files, what)
}

deny contains reason if {
	data.casemate.requirements
	some reason in evidence.misspelt
}

deny contains reason if {
	data.casemate.requirements
	not allow_idle
	some reason in evidence.idle
}

warn contains reason if {
	data.casemate.requirements
	allow_idle
	some reason in evidence.idle
}

# --- Settings ----------------------------------------------------------------------------------

# A setting that is misspelt would be ignored, so it denies.
deny contains reason if {
	some name, value in data.casemate.settings
	not is_setting(name, value)
	reason := sprintf("the setting %s = %v is not one: deny_at and warn_at are severities, allow_partial, allow_idle and imports_only_warn are true or false", [name, value])
}

is_setting("deny_at", value) if value in severity.order

is_setting("warn_at", value) if value in severity.order

is_setting(name, value) if {
	name in {"allow_partial", "allow_idle", "imports_only_warn"}
	is_boolean(value)
}

allow_partial if data.casemate.settings.allow_partial == true

allow_idle if data.casemate.settings.allow_idle == true

imports_only_warn if data.casemate.settings.imports_only_warn == true

deny_at := data.casemate.settings.deny_at if data.casemate.settings.deny_at in severity.order

else := "high"

warn_at := data.casemate.settings.warn_at if data.casemate.settings.warn_at in severity.order

else := "medium"

# Up to this many files are named one by one; more become one reason.
named := 3

# --- What the rules above are made of ----------------------------------------------------------

singles := [outcome | some outcome in input.outcomes; not outcome.count]

dangerous := [outcome | some outcome in singles; outcome.facts.verdict == "dangerous"]

unknown := [outcome | some outcome in singles; outcome.facts.verdict == "unknown"]

failed_outcomes := [outcome | some outcome in singles; outcome.result == "error"]

undetermined_outcomes := [outcome |
	some outcome in singles
	outcome.result == "undetermined"
	outcome.coverage == "complete"
	not outcome.facts.verdict
]

partial_outcomes := [outcome | some outcome in singles; outcome.coverage == "partial"]

all_findings := [finding | some outcome in singles; some finding in outcome.findings]

populations := [population | some population in input.outcomes; population.count]

clean_populations := [population |
	some population in populations
	population.result in {"pass", "not-applicable"}
	population.coverage == "complete"
]

unvouched := [outcome |
	some outcome in unknown
	is_model(outcome)
	not is_accepted(outcome)
]

partly_examined := listed(
	[outcome |
		some outcome in partial_outcomes
		outcome.result != "error"
		not is_judged_whole(outcome)
	],
	{
		"one": "was only partly examined",
		"many": "were only partly examined",
		"then": "",
	},
)

# Findings that nobody accepted and that were not there before, apart from those of files that are already
# denied as a whole.
standing := [finding |
	some outcome in singles
	count(outcome.findings) > 0
	not is_judged_whole(outcome)
	some finding in outcome.findings
	not finding.suppression
	not finding.unchanged
	not is_said_by_coverage(outcome, finding)
]

blocking := [finding |
	some finding in standing
	severity.at_least(finding.severity, deny_at)
	not only_warns(finding)
]

worrying := [finding |
	some finding in standing
	severity.at_least(finding.severity, warn_at)
	is_below_denial(finding)
]

is_below_denial(finding) if severity.below(finding.severity, deny_at)

is_below_denial(finding) if only_warns(finding)

# The rules of other tools are named <tool>:<rule>, and those of checks here have no colon.
only_warns(finding) if {
	imports_only_warn
	contains(finding.rule, ":")
}

is_judged_whole(outcome) if outcome.result == "error"

is_judged_whole(outcome) if outcome.facts.verdict == "dangerous"

is_judged_whole(outcome) if {
	outcome.facts.verdict == "unknown"
	is_model(outcome)
	not is_accepted(outcome)
}

is_mentioned(outcome) if {
	some finding in open_findings(outcome)
	severity.at_least(finding.severity, warn_at)
}

# "Not all of the file could be judged": there is a reason for that already.
is_said_by_coverage(outcome, finding) if {
	outcome.coverage == "partial"
	finding.rule == "CM-COV-001"
}

# Something was accepted, and nothing worth a warning was not.
is_accepted(outcome) if {
	some finding in findings_of(outcome)
	finding.suppression
	every other in findings_of(outcome) {
		is_settled(other)
	}
}

is_settled(finding) if finding.suppression

is_settled(finding) if severity.below(finding.severity, "medium")

is_clean(population) if population in clean_populations

is_model(outcome) if outcome.facts.kind == "model"

is_model(outcome) if strings.any_prefix_match(outcome.facts.format, [
	"pickle", "dill", "cloudpickle", "joblib", "torch", "pytorch", "npy", "npz", "numpy", "keras",
	"hdf5", "onnx", "saved-model", "tensorflow", "tflite", "gguf", "ggml", "safetensors", "skops",
])

# An archive is one where a model in it is what nobody knows.
is_model(outcome) if {
	some finding in outcome.findings
	strings.any_prefix_match(finding.rule, ["CM-PKL-", "CM-PTH-", "CM-NPY-", "CM-STN-", "CM-GGU-"])
}

# What a file is called decides what kind of asset it is; what it is exempt from, its bytes alone.
is_source(outcome) if outcome.facts.format in {"python-source", "script", "notebook"}

findings_of(outcome) := object.get(outcome, "findings", [])

# A reason about one outcome, with the rule of the first thing that was found and not accepted.
about(outcome, how_bad, message) := object.union(
	{
		"message": message,
		"severity": how_bad,
		"subject": outcome.subject,
		"path": outcome.name,
	},
	{"rule": rule | rule := open_findings(outcome)[0].rule},
)

open_findings(outcome) := [finding | some finding in findings_of(outcome); not finding.suppression]

# The first thing that was found and not accepted, or else what the check says itself.
because(outcome) := sprintf(": %s", [open_findings(outcome)[0].message]) if {
	count(open_findings(outcome)) > 0
} else := sprintf(": %s", [outcome.reason]) if {
	outcome.reason
} else := ""

# One reason for each of a few outcomes; one for all of many.
listed(outcomes, words) := {reason |
	count(outcomes) <= named
	some outcome in outcomes
	message := sprintf("%s %s%s%s", [outcome.name, words.one, because(outcome), words["then"]])
	reason := about(outcome, "high", message)
} | {reason |
	count(outcomes) > named
	names := [outcome.name | some outcome in outcomes]
	reason := {
		"message": sprintf("%d files %s (%s)%s", [count(names), words.many, sample(names), words["then"]]),
		"severity": "high",
	}
}

# One reason for each of a few files; one for all of many.
missing(files, what) := {reason |
	count(files) <= named
	some file in files
	reason := {
		"message": sprintf("%s %s", [called(file), what]),
		"severity": "high",
		"subject": object.get(file, "subject", null),
		"path": file.path,
	}
} | {reason |
	count(files) > named
	reason := {
		"message": sprintf("%d files, such as %s: each %s", [count(files), sample([called(file) | some file in files]), what]),
		"severity": "high",
	}
}

# A reason is no less one for a file without a name.
called(file) := object.get(file, "name", file.path)

# One reason for each of a few findings of a rule; one for all of many. Sorted, those of a rule stand together:
# nothing looks through all findings once for each rule, of which an import can have thousands.
grouped(findings) := {reason |
	places := sort([[finding.rule, place] | some place, finding in findings])
	starts := [at | some at, [rule, _] in places; not places[at - 1][0] == rule]
	ends := array.concat(array.slice(starts, 1, count(starts)), [count(places)])
	some group, start in starts
	same := [findings[place] | some [_, place] in array.slice(places, start, ends[group])]
	some reason in of_one_rule(places[start][0], same)
}

of_one_rule(rule, findings) := {reason |
	count(findings) <= named
	some finding in findings
	reason := {
		"message": sprintf("%s: %s", [finding.location.file, finding.message]),
		"severity": finding.severity,
		"rule": rule,
		"subject": finding.asset,
		"path": finding.location.file,
	}
} | {reason |
	count(findings) > named
	names := [finding.location.file | some finding in findings]
	reason := {
		"message": sprintf("%d findings of %s in %s: %s", [count(findings), rule, sample(names), findings[0].message]),
		"severity": severity.worst([finding.severity | some finding in findings]),
		"rule": rule,
	}
}

files_are(names) := "1 file is" if count(names) == 1

files_are(names) := sprintf("%d files are", [count(names)]) if count(names) != 1

# The first of the names, in order.
sample(names) := concat(", ", sorted) if {
	sorted := sort({name | some name in names})
	count(sorted) <= named
} else := sprintf("%s, ...", [concat(", ", array.slice(sorted, 0, named))]) if {
	sorted := sort({name | some name in names})
}
