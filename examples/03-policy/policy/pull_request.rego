# A change to the repository: who has to have approved it. What is wrong with the files in it is for the built-in
# gate, which stands beside these rules.
package casemate.gate

import data.casemate.clock
import data.casemate.outcomes
import data.casemate.ownership
import data.casemate.statements

# Without a change to ask about, none of the rules below would say anything.
deny contains reason if {
	input.gate == "assess"
	not changed
	reason := {"message": "the question names no change: `context.pull_request`", "severity": "high"}
}

# A model comes with the signature of the release team and with provenance from our builder.
deny contains reason if {
	input.gate == "assess"
	some path in changed_models
	not statements.signed_by("release", path)
	reason := {"message": sprintf("%s is not signed by `release`", [path]), "severity": "high", "path": path}
}

deny contains reason if {
	input.gate == "assess"
	some path in changed_models
	not statements.has_provenance_from("urn:casemate:builder:*", path)
	reason := {"message": sprintf("%s comes from no builder of ours", [path]), "severity": "high", "path": path}
}

# What was not assessed was not looked at, whatever it is.
deny contains reason if {
	input.gate == "assess"
	some path in changed_models
	not outcomes.is_examined(path)
	reason := {"message": sprintf("%s was not assessed", [path]), "severity": "high", "path": path}
}

# An owner has approved each file that has one. Nobody approves their own change.
deny contains reason if {
	input.gate == "assess"
	some path in ownership.unapproved(changed, approvers)
	ownership.is_owned(path)
	reason := {
		"message": sprintf("%s is not approved by any of %s", [path, concat(", ", ownership.owners_of(path))]),
		"severity": "high",
		"path": path,
	}
}

warn contains reason if {
	input.gate == "assess"
	some path in ownership.unowned(changed)
	reason := {"message": sprintf("%s is changed, and nobody owns it", [path]), "severity": "medium", "path": path}
}

changed := input.context.pull_request.changed

changed_models := {path |
	some path in changed
	some pattern in data.example.models
	glob.match(pattern, ["/"], path)
}

# An approval is for the commit that it was given to, and for two weeks.
approvers := {review.by |
	some review in input.context.pull_request.reviews
	review.state == "approved"
	review.by != input.context.pull_request.author
	review.commit == input.context.pull_request.head
	not clock.older_than(review.at, "336h")
}
