# What is wrong, one by one. Each of these gives a set, so that `&`, `|` and `-` combine them:
# `findings.by_rule("CM-PKL-*") & findings.open`.
#
# The examples are asked with this input:
#
#	{"outcomes": [{
#	  "check": "artifact", "subject": "urn:casemate:artifact:sha256:aa", "name": "./models/a.pkl", "result": "fail", "coverage": "complete",
#	  "findings": [
#	    {"rule": "CM-PKL-001", "severity": "critical", "asset": "urn:casemate:artifact:sha256:aa", "location": {"file": "./models/a.pkl"}},
#	    {"rule": "CM-ZIP-004", "severity": "low", "asset": "urn:casemate:artifact:sha256:aa", "location": {"file": "./models/a.pkl"},
#	      "suppression": {"owner": "ml@example.org", "reason": "made by the exporter", "expires": "2027-01-31T00:00:00Z"}}
#	  ]
#	}]}
package casemate.findings

import data.casemate.outcomes
import data.casemate.severity

# Every finding, accepted or not.
#
#	count(findings.all) == 2
all := {finding |
	some outcome in outcomes.singles
	some finding in outcome.findings
}

# The findings that nobody accepted.
#
#	count(findings.open) == 1
open := {finding | some finding in all; not finding.suppression}

# The findings that an exception covers; `suppression` says whose.
#
#	count(findings.suppressed) == 1
suppressed := all - open

# The findings of the rules that fit, such as `CM-PKL-*`.
#
#	count(findings.by_rule("CM-PKL-*")) == 1
by_rule(pattern) := {finding | some finding in all; glob.match(pattern, null, finding.rule)}

# The findings as bad as the threshold, or worse.
#
#	count(findings.at_least("high") & findings.open) == 1
at_least(threshold) := {finding | some finding in all; severity.at_least(finding.severity, threshold)}

# The findings in the files that fit, by their path below what was assessed or by their name in the report.
# `*` stays within a folder, `**` does not.
#
#	count(findings.in_path("./models/*.pkl")) == 2
in_path(pattern) := {finding |
	some finding in all
	some path in {finding.location.file, path_of(finding)}
	glob.match(pattern, ["/"], path)
}

# The findings about an asset; see `outcomes` for what that is.
#
#	count(findings.of("urn:casemate:artifact:sha256:aa")) == 2
of(asset) := {finding |
	some outcome in outcomes.of(asset)
	some finding in outcome.findings
}

# The path of a finding's file below what was assessed, as `statements` and `ownership` know it; its name in the
# report, where the question lists no files.
#
#	findings.path_of({"location": {"file": "./models/a.pkl"}}) == "./models/a.pkl"
path_of(finding) := path if {
	some file in outcomes.files
	file.name == finding.location.file
	path := file.path
} else := finding.location.file

# One line about a finding, for a message.
#
#	findings.told({"rule": "CM-PKL-001", "message": "calls os.system", "location": {"file": "a.pkl"}}) == "a.pkl: calls os.system (CM-PKL-001)"
told(finding) := sprintf("%s: %s (%s)", [finding.location.file, finding.message, finding.rule])
