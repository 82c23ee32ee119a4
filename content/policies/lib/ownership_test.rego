# The tests of ownership: `casemate policy test`.
package casemate.ownership_test

import data.casemate.ownership

entries := [
	{"paths": ["**"], "owners": ["platform"]},
	{"paths": ["models/*.gguf", "data/**"], "owners": ["ml", "fraud"]},
	{"paths": ["data/public/**"], "owners": []},
]

test_the_last_entry_that_fits_counts if {
	ownership.owners_of("README.md") == ["platform"] with data.casemate.owners as entries
	ownership.owners_of("models/a.gguf") == ["ml", "fraud"] with data.casemate.owners as entries
	ownership.owners_of("models/old/a.gguf") == ["platform"] with data.casemate.owners as entries
}

test_nobody_owns_what_no_entry_fits_or_what_an_entry_gives_to_nobody if {
	ownership.owners_of("a") == []
	not ownership.is_owned("data/public/a.csv") with data.casemate.owners as entries
	ownership.unowned(["a", "data/public/a.csv"]) == {"data/public/a.csv"} with data.casemate.owners as entries
}

test_any_owner_may_approve if {
	ownership.is_approved("data/a.csv", ["somebody", "ml"]) with data.casemate.owners as entries
	not ownership.is_approved("data/a.csv", ["platform"]) with data.casemate.owners as entries
	ownership.unapproved(["a", "data/a.csv"], ["platform"]) == {"data/a.csv"} with data.casemate.owners as entries
}

test_an_entry_that_is_none_owns_nothing_and_is_told if {
	every entry in ["models", {"paths": ["**"]}, {"paths": "**", "owners": ["a"]}, {"paths": [1], "owners": ["a"]}, {"paths": ["**"], "owners": [], "more": []}] {
		ownership.misspelt == {entry} with data.casemate.owners as [entry]
		not ownership.is_owned("models") with data.casemate.owners as [entry]
	}
	ownership.misspelt == set() with data.casemate.owners as entries
}
