# What a file has to come with before it may pass: who signed it, where it comes from, what was found
# in it, and whether a log knows. Nothing is required until you name it, in a document below `data/` of
# your policy directory, for instance `data/requirements.toml`:
#
#	[[casemate.requirements]]
#	assets = ["models/**"]                        # which files, by their path in what is assessed
#	kinds = ["model", "archive"]                  # of these kinds alone; of all, unless you say so
#	signature = { signers = ["release"] }         # names of the trust store; `true` for any of them
#	provenance = { signers = ["training"], builders = ["urn:casemate:builder:*"] }
#	scan = { signers = ["scanner"] }              # a test result that passed, and none that failed
#	summary = { verifiers = ["urn:casemate:*"], resources = ["pkg:huggingface/*"], policies = ["urn:*"] }
#	logged = true                                 # all of these in a log that the trust store names
#	witnesses = 2                                 # whose checkpoint so many of its witnesses cosigned
#
# A requirement is met by statements that the caller has verified:
#
#	input.context.files    every file but those of no kind and without findings, and every symbolic link:
#	                       its `name`, `path` from the root of what is assessed, `kind`, `subject`, `digest`
#	input.evidence         every verified statement: `covers` has the paths of the files that it is about
package casemate.evidence

import data.casemate.statements

# A pattern that matches nothing may be misspelt, or the models may have moved away from under it.
idle contains reason if {
	some requirement in data.casemate.requirements
	is_requirement(requirement)
	some pattern in requirement.assets
	every file in object.get(input, ["context", "files"], []) {
		not glob.match(pattern, ["/"], file.path)
	}
	reason := {
		"message": sprintf("a requirement is for %s, and nothing is there", [pattern]),
		"severity": "high",
	}
}

# What is misspelt would require nothing, so it denies.
misspelt contains reason if {
	some requirement in data.casemate.requirements
	not is_requirement(requirement)
	reason := {
		"message": sprintf("this is no requirement: %v", [requirement]),
		"severity": "high",
	}
}

# --- What is lacking ---------------------------------------------------------------------------

# Every file with what it lacks.
lacks := (unmet | unlogged) | refuted

unmet := {lack |
	some wanted in required
	some kind, what in words
	is_wanted(wanted.terms, kind)
	count(met(wanted, kind)) == 0
	lack := {"path": wanted.file.path, "what": what}
}

words := {
	"signature": "is signed by nobody who may sign it",
	"provenance": "comes from nowhere that is known: no provenance counts",
	"scan": "was not scanned by anybody who may say so, or did not pass",
	"summary": "has no verification summary that passed",
}

# Somebody said so, and only the log is missing: another thing to do.
unlogged := {lack |
	some wanted in required
	some kind, _ in words
	is_wanted(wanted.terms, kind)
	found := met(wanted, kind)
	count(found) > 0
	count([statement | some statement in found; is_logged(wanted.terms, statement)]) == 0
	lack := {"path": wanted.file.path, "what": sprintf("has a %s that is in no log, or was seen by too few witnesses", [kind])}
}

# Who may say that it passed has said that it does not.
refuted := {lack |
	some wanted in required
	some kind in ["scan", "summary"]
	is_wanted(wanted.terms, kind)
	some statement in statements.about(kind, wanted.file.path)
	is_by(wanted.terms[kind], statement)
	statements.says_ill(kind, statement.predicate)
	lack := {"path": wanted.file.path, "what": sprintf("did not pass a %s, as %s says", [kind, statement.signers[0].name])}
}

is_wanted(requirement, kind) if object.get(requirement, kind, false) != false

# The statements that meet a requirement, logged or not.
met(wanted, kind) := [statement |
	some statement in statements.about(kind, wanted.file.path)
	statements.says_well(kind, statement.predicate)
	terms := wanted.terms[kind]
	is_by(terms, statement)
	says_so(kind, terms, statement.predicate)
]

# --- What a statement has to say ---------------------------------------------------------------

# Beyond that all is well, which the library knows.
says_so(kind, _, _) if kind in {"signature", "scan"}

says_so("provenance", terms, predicate) if is_one_of(terms, "builders", predicate.runDetails.builder.id)

says_so("summary", terms, predicate) if {
	is_one_of(terms, "verifiers", predicate.verifier.id)
	is_one_of(terms, "resources", predicate.resourceUri)
	is_one_of(terms, "policies", predicate.policy.uri)
}

# `true` takes any signer that the trust store takes.
is_by(terms, _) if terms == true

is_by(terms, _) if {
	is_object(terms)
	not "signers" in object.keys(terms)
}

is_by(terms, statement) if {
	statements.is_by(statement, terms.signers)
}

is_logged(requirement, _) if {
	object.get(requirement, "logged", false) == false
	object.get(requirement, "witnesses", 0) == 0
}

is_logged(requirement, statement) if {
	some entry in statement.logged
	statements.witnesses(entry) >= object.get(requirement, "witnesses", 0)
}

# Whether the terms name no ids, or one that fits.
is_one_of(terms, _, _) if terms == true

is_one_of(terms, member, _) if {
	is_object(terms)
	not member in object.keys(terms)
}

is_one_of(terms, member, id) if {
	some pattern in terms[member]
	glob.match(pattern, null, id)
}

# --- Which files -------------------------------------------------------------------------------

required := [{"terms": requirement, "file": file} |
	some requirement in data.casemate.requirements
	is_requirement(requirement)
	some file in input.context.files
	is_required(requirement, file)
]

is_required(requirement, file) if {
	some pattern in requirement.assets
	glob.match(pattern, ["/"], file.path)
	is_of_kind(requirement, file)
}

# What leads elsewhere may be of any kind.
is_of_kind(_, file) if file.format == "symlink"

is_of_kind(requirement, _) if not "kinds" in object.keys(requirement)

is_of_kind(requirement, file) if file.kind in requirement.kinds

is_requirement(requirement) if {
	is_object(requirement)
	count(requirement.assets) > 0
	some kind, _ in words
	is_wanted(requirement, kind)
	every name, value in requirement {
		is_term(name, value)
	}
}

is_term("assets", value) if is_list_of_text(value)

is_term("kinds", value) if {
	is_list_of_text(value)
	every kind in value {
		kind in kinds
	}
}

is_term(name, value) if {
	name in {"signature", "scan"}
	are_terms(value, {"signers"})
}

is_term("provenance", value) if are_terms(value, {"signers", "builders"})

is_term("summary", value) if are_terms(value, {"signers", "verifiers", "resources", "policies"})

is_term("logged", value) if is_boolean(value)

is_term("witnesses", value) if {
	is_number(value)
	value >= 0
}

kinds := {
	"model", "dataset", "notebook", "training-code", "serving-code", "source-code", "terraform", "kubernetes",
	"container", "pipeline", "lockfile", "configuration", "document", "archive", "executable", "other",
}

are_terms(value, _) if is_boolean(value)

are_terms(value, names) if {
	is_object(value)
	every name, list in value {
		name in names
		is_list_of_text(list)
	}
}

is_list_of_text(value) if {
	is_array(value)
	count(value) > 0
	every text in value {
		is_string(text)
	}
}
