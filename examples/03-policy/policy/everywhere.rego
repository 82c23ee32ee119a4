# What holds at every gate, and what the other files have in common. A rule for one gate asks which one it is,
# since the rules of all files of the package count at all of them.
package casemate.gate

import data.casemate.ownership

# A gate that this policy does not know would be asked about nothing.
deny contains reason if {
	not input.gate in {"assess", "admission", "gateway", "key-release"}
	reason := {"message": sprintf("this policy has no rules for the gate `%s`", [input.gate]), "severity": "high"}
}

# An entry of owners that is misspelt owns nothing, and who should be asked is not asked.
deny contains reason if {
	some entry in ownership.misspelt
	reason := {"message": sprintf("this is no entry of owners: %v", [entry]), "severity": "high"}
}
