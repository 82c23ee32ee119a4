# Who answers for a file. A document below `data/` of your policy directory says it, for instance
# `data/owners.toml`; of the entries that fit a path the last one counts, as in a CODEOWNERS file:
#
#	[[casemate.owners]]
#	paths = ["**"]
#	owners = ["platform"]
#
#	[[casemate.owners]]
#	paths = ["models/**", "train/*.py"]
#	owners = ["ml", "fraud"]
#
# `*` stays within a folder, `**` does not. An entry without owners says that nobody owns what fits. The examples
# are asked with these two entries.
package casemate.ownership

# The owners of a path; none, where no entry fits.
#
#	ownership.owners_of("models/fraud/weights.safetensors") == ["ml", "fraud"]
owners_of(path) := _last(_fitting(path))

# Whether somebody owns a path.
#
#	ownership.is_owned("README.md")
is_owned(path) if count(owners_of(path)) > 0

# Those of the paths that nobody owns.
#
#	ownership.unowned(["models/a.gguf", "README.md"]) == set()
unowned(paths) := {path | some path in paths; not is_owned(path)}

# Whether one of the names is that of an owner of the path.
#
#	ownership.is_approved("models/a.gguf", ["fraud"])
is_approved(path, names) if {
	some owner in owners_of(path)
	owner in names
}

# Those of the paths for which none of the names is that of an owner, such as the files of a change that no
# owner has approved.
#
#	ownership.unapproved(["models/a.gguf", "README.md"], ["fraud"]) == {"README.md"}
unapproved(paths, names) := {path | some path in paths; not is_approved(path, names)}

# The entries that are none: they have to have `paths` and `owners`, lists of texts. Deny on them, since they
# own nothing.
#
#	ownership.misspelt == set()
misspelt contains entry if {
	some entry in data.casemate.owners
	not _is_entry(entry)
}

_fitting(path) := [entry.owners |
	some entry in data.casemate.owners
	_is_entry(entry)
	some pattern in entry.paths
	glob.match(pattern, ["/"], path)
]

_last(lists) := lists[count(lists) - 1] if {
	count(lists) > 0
} else := []

_is_entry(entry) if {
	is_object(entry)
	object.keys(entry) == {"paths", "owners"}
	every list in entry {
		is_array(list)
		every text in list {
			is_string(text)
		}
	}
}
