# How bad something is.
package casemate.severity

# All severities, the mildest first.
#
#	severity.order[4] == "critical"
order := ["info", "low", "medium", "high", "critical"]

# The place of a severity in their order, from 0. A text that is no severity is an error, which denies:
# a misspelt one would compare with nothing, and a rule that rests on it would say nothing.
#
#	severity.rank("medium") == 2
rank(severity) := _ranks[severity] if severity in order

# The conversion fails, and its error names what was converted.
rank(severity) := time.parse_duration_ns(sprintf("%v is no severity", [severity])) if not severity in order

# Whether a severity is as bad as the threshold, or worse.
#
#	severity.at_least("critical", "high")
at_least(severity, threshold) if rank(severity) >= rank(threshold)

# Whether a severity is milder than the threshold.
#
#	severity.below("low", "high")
below(severity, threshold) if rank(severity) < rank(threshold)

# The worst of a list or set of severities; undefined for none.
#
#	severity.worst({"low", "high", "medium"}) == "high"
worst(severities) := order[max([rank(one) | some one in severities])]

_ranks := {severity: number | some number, severity in order}
