# What the gate `admission` is asked beside what checks said: `casemate admit`.
#
#	input.context.object       the object, as it would be kept; of a deletion, the one that goes
#	input.context.old          what it was before, of an update
#	input.context.request      the rest of the API server's request: operation, userInfo, dryRun ...
#	input.context.violations   what Gatekeeper's constraints and the packages of `deny` and `warn` rules have
#	                           against it: `policy`, `action`, `message`
package casemate.gate

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
