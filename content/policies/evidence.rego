# What a model has to come with before it may pass: who signed it, where it comes from, what was found
# in it, and whether a log knows. Nothing is required until you name it, in a document below `data/` of
# your policy directory, for instance `data/requirements.toml`:
#
#	[[casemate.requirements]]
#	assets = ["models/**"]                        # which models, by their path in what is assessed
#	signature = { signers = ["release"] }         # names of the trust store; `true` for any of them
#	provenance = { signers = ["training"], builders = ["urn:casemate:builder:*"] }
#	scan = { signers = ["scanner"] }              # a test result that passed
#	summary = { verifiers = ["urn:casemate:*"] }  # a verification summary that passed
#	logged = true                                 # all of these in a log that the trust store names
#	witnesses = 2                                 # whose checkpoint so many of its witnesses cosigned
#
# A requirement is met by statements that the caller has verified:
#
#	input.context.models   every model: its `name`, `path` from the root of what is assessed, `subject`, `digest`
#	input.evidence         every verified statement: `covers` has the paths of the models that it is about
package casemate.evidence

# A requirement that matches nothing may be misspelt, or the models may have moved away from under it.
idle contains reason if {
	some requirement in data.casemate.requirements
	is_requirement(requirement)
	every model in input.context.models {
		not is_required(requirement, model)
	}
	reason := {
		"message": sprintf("a requirement is for %s, and no model is there", [concat(", ", requirement.assets)]),
		"severity": "medium",
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

misspelt contains reason if {
	data.casemate.requirement
	reason := {
		"message": "casemate.requirement is no setting; requirements stand in [[casemate.requirements]]",
		"severity": "high",
	}
}

# --- What is lacking ---------------------------------------------------------------------------

# Every model with what it lacks.
lacks := unmet | unlogged

unmet := {lack |
	some wanted in required
	some kind, what in words
	is_wanted(wanted.terms, kind)
	not is_met(wanted.terms, wanted.model, kind)
	lack := {"path": wanted.model.path, "what": what}
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
	some statement in input.evidence
	wanted.model.path in statement.covers
	kind := kind_of[statement.predicateType]
	is_wanted(wanted.terms, kind)
	not is_logged(wanted.terms, statement)
	not is_met(wanted.terms, wanted.model, kind)
	lack := {"path": wanted.model.path, "what": "has statements that are in no log, or seen by too few witnesses"}
}

is_wanted(requirement, kind) if object.get(requirement, kind, false) != false

is_met(requirement, model, kind) if {
	terms := requirement[kind]
	some statement in input.evidence
	kind_of[statement.predicateType] == kind
	model.path in statement.covers
	is_by(terms, statement)
	says_so(kind, terms, statement.predicate)
	is_logged(requirement, statement)
}

# --- What a statement has to say ---------------------------------------------------------------

kind_of := {
	"https://model_signing/signature/v1.0": "signature",
	"https://model_signing/Digests/v0.1": "signature",
	"https://slsa.dev/provenance/v1": "provenance",
	"https://in-toto.io/attestation/test-result/v0.1": "scan",
	"https://slsa.dev/verification_summary/v1": "summary",
}

says_so(kind, _, _) if kind == "signature"

says_so("provenance", terms, predicate) if is_one_of(terms, "builders", predicate.runDetails.builder.id)

says_so("scan", _, predicate) if predicate.result == "PASSED"

says_so("summary", terms, predicate) if {
	predicate.verificationResult == "PASSED"
	is_one_of(terms, "verifiers", predicate.verifier.id)
}

# `true` takes any signer that the trust store takes.
is_by(terms, _) if terms == true

is_by(terms, _) if {
	is_object(terms)
	not "signers" in object.keys(terms)
}

is_by(terms, statement) if {
	some signer in statement.signers
	signer.name in terms.signers
}

is_logged(requirement, _) if {
	object.get(requirement, "logged", false) == false
	object.get(requirement, "witnesses", 0) == 0
}

is_logged(requirement, statement) if {
	some entry in statement.logged
	number_of_witnesses(entry) >= object.get(requirement, "witnesses", 0)
}

number_of_witnesses(entry) := count(object.get(object.get(entry, "seen", {}), "by", []))

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

# --- Which models ------------------------------------------------------------------------------

required := [{"terms": requirement, "model": model} |
	some requirement in data.casemate.requirements
	is_requirement(requirement)
	some model in input.context.models
	is_required(requirement, model)
]

is_required(requirement, model) if {
	some pattern in requirement.assets
	glob.match(pattern, ["/"], model.path)
}

is_requirement(requirement) if {
	is_object(requirement)
	count(requirement.assets) > 0
	some kind in kind_of
	kind in object.keys(requirement)
	every name, value in requirement {
		is_term(name, value)
	}
}

is_term("assets", value) if is_list_of_text(value)

is_term(name, value) if {
	name in {"signature", "scan"}
	are_terms(value, {"signers"})
}

is_term("provenance", value) if are_terms(value, {"signers", "builders"})

is_term("summary", value) if are_terms(value, {"signers", "verifiers"})

is_term("logged", value) if is_boolean(value)

is_term("witnesses", value) if {
	is_number(value)
	value >= 0
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
