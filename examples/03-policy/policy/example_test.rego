# What would change the four answers: `casemate policy test`.
package casemate.gate_example_test

import data.casemate.gate

messages(reasons) := {reason.message | some reason in reasons}

# --- A change to the repository ------------------------------------------------------------------

head := "4f1d2c7a90be3368d1f5a6c2e7b8094d5a3c1e62"

noon := time.parse_rfc3339_ns("2026-10-05T12:00:00Z")

change(path, reviews, evidence) := {
	"gate": "assess",
	"outcomes": [],
	"evidence": evidence,
	"context": {
		"files": [{"name": path, "path": path, "kind": "model", "subject": "urn:a", "digest": "sha256:aa"}],
		"pull_request": {"author": "fraud-team", "head": head, "changed": [path], "reviews": reviews},
	},
}

review(by, more) := object.union({"by": by, "state": "approved", "commit": head, "at": "2026-10-05T11:00:00Z"}, more)

denied(question) := messages(reasons) if {
	reasons := gate.deny with input as question with time.now_ns as noon
}

test_an_owner_approves if {
	count(denied(change("train/a.py", [review("ml-platform", {})], []))) == 0
}

test_no_other_approval_counts if {
	every reviews in [
		[],
		[review("platform", {})],
		[review("fraud-team", {})],
		[review("ml-platform", {"state": "commented"})],
		[review("ml-platform", {"commit": "0000"})],
		[review("ml-platform", {"at": "2026-09-01T00:00:00Z"})],
	] {
		denied(change("train/a.py", reviews, [])) == {"train/a.py is not approved by any of fraud-team, ml-platform"}
	}
}

test_a_model_is_signed_and_has_provenance if {
	path := "models/a.gguf"
	denied(change(path, [review("ml-platform", {})], [])) == {
		"models/a.gguf is not signed by `release`",
		"models/a.gguf comes from no builder of ours",
	}
}

test_what_was_not_assessed_is_denied if {
	question := json.patch(change("models/a.gguf", [], []), [{"op": "replace", "path": "/context/files", "value": []}])
	"models/a.gguf was not assessed" in denied(question)
}

test_what_nobody_owns_is_a_warning if {
	reasons := gate.warn with input as change("README.md", [], []) with time.now_ns as noon
	messages(reasons) == {"README.md is changed, and nobody owns it"}
}

test_a_question_about_no_change_is_denied if {
	denied({"gate": "assess", "outcomes": [], "context": {}}) == {"the question names no change: `context.pull_request`"}
}

# --- An object for the cluster -------------------------------------------------------------------

service(container, evidence) := {
	"gate": "admission",
	"outcomes": [],
	"evidence": evidence,
	"context": {"object": {
		"kind": "InferenceService",
		"metadata": {"name": "a", "annotations": {"example.org/model": "sha256:aa"}},
		"spec": {"predictor": {"model": container}},
	}},
}

release := {
	"predicateType": "https://model_signing/signature/v1.0",
	"predicate": {},
	"subject": [{"digest": {"sha256": "aa"}}],
	"signers": [{"name": "release"}],
}

test_a_model_that_is_served_is_signed if {
	denied(service({"storageUri": "s3://a"}, [release])) == set()
	denied(service({"storageUri": "s3://a"}, [])) == {"InferenceService a serves s3://a (sha256:aa), which is not signed by `release`"}
	other := object.union(release, {"signers": [{"name": "somebody"}]})
	count(denied(service({"storageUri": "s3://a"}, [other]))) == 1
}

test_code_of_the_model_is_not_run if {
	denied(service({"image": "a", "args": ["--trust-remote-code"]}, [])) == {"InferenceService a runs code of its model's (/spec/predictor/model)"}
}

test_images_are_pinned_and_many_accelerators_are_logged if {
	question := service({"image": "a:1", "resources": {"limits": {"nvidia.com/gpu": "8"}}}, [])
	warnings := gate.warn with input as question
	messages(warnings) == {"InferenceService a runs the image a:1, which another may replace"}
	duties := gate.obligations with input as question
	duties == {{"oblige": "log", "message": "InferenceService a asks for 8 accelerators"}}
}

# --- A request to a model ------------------------------------------------------------------------

ask(request) := {
	"gate": "gateway",
	"outcomes": [],
	"principal": "urn:casemate:principal:example.org:support-agent",
	"context": {"request": object.union({"model": "support-8b"}, request)},
}

test_an_agent_uses_its_models_and_tools if {
	denied(ask({"tools": [{"name": "refund_order"}]})) == set()
	denied(ask({"tools": [{"name": "run_shell"}]})) == {"urn:casemate:principal:example.org:support-agent may not use the tool run_shell"}
	denied(ask({"model": "other"})) == {"urn:casemate:principal:example.org:support-agent may not use the model other"}
}

test_nobody_else_uses_any if {
	stranger := object.union(ask({}), {"principal": "urn:casemate:principal:example.org:stranger"})
	denied(stranger) == {"urn:casemate:principal:example.org:stranger is no agent that we know"}
	denied(object.remove(ask({}), ["principal"])) == {"nobody is no agent that we know"}
}

test_personal_data_is_masked if {
	request := {"messages": [
		{"role": "user", "content": "write to jo@example.org"},
		{"role": "user", "content": [{"type": "text", "text": "my card is 4111 1111 1111 1111"}]},
		{"role": "user", "content": "my account is GB33 BUKB 2020 1555 5555 55"},
		{"role": "user", "content": "order 4711"},
	]}
	duties := gate.obligations with input as ask(request)
	duties == {{
		"oblige": "mask",
		"fields": ["/messages/0/content", "/messages/1/content/0/text", "/messages/2/content"],
		"message": "personal data stays here",
	}}
}

test_an_agent_with_tools_is_in_the_log if {
	duties := gate.obligations with input as ask({"tools": [{"name": "refund_order"}]})
	duties == {{"oblige": "log", "message": "the agent has tools: refund_order"}}
}

# --- The key of a sealed model -------------------------------------------------------------------

released(predicate, signer) := {"gate": "key-release", "outcomes": [], "evidence": [{
	"predicateType": "https://example.org/attestation/enclave/v1",
	"predicate": object.union(
		{"measurement": "sha384:5e1c0f", "debug": false, "gpu": {"confidential": true}, "verifiedAt": "2026-10-05T11:55:00Z"},
		predicate,
	),
	"signers": [{"name": signer}],
}]}

test_an_enclave_of_ours_has_the_key_with_an_approval_and_for_a_shift if {
	denied(released({}, "enclave-verifier")) == set()
	duties := gate.obligations with input as released({}, "enclave-verifier")
	{duty.oblige | some duty in duties} == {"approve", "expire"}
}

test_no_other_has_it if {
	every predicate, fault in {
		{"measurement": "sha384:00"}: "the measurement sha384:00 is not ours",
		{"debug": true}: "its memory can be read from outside",
		{"gpu": {"confidential": false}}: "its GPU computes in the open",
		{"verifiedAt": "2026-10-05T11:00:00Z"}: "the statement is too old",
		{"verifiedAt": "2026-10-05T13:00:00Z"}: "the statement is too old",
	} {
		denied(released(predicate, "enclave-verifier")) == {sprintf("no verifier has told in the last 10m that an enclave of ours asks: %s", [fault])}
	}
	denied(released({}, "somebody")) == {"no verifier has told in the last 10m that an enclave of ours asks: there is no statement"}
}

# --- Any other gate ------------------------------------------------------------------------------

test_a_gate_that_is_not_known_is_denied if {
	denied({"gate": "other", "outcomes": []}) == {"this policy has no rules for the gate `other`"}
}

test_owners_that_are_misspelt_are_told if {
	reasons := gate.deny with input as ask({}) with data.casemate.owners as [{"path": "a"}]
	count(messages(reasons)) == 1
}
