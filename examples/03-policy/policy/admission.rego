# An object that somebody wants to create in the cluster: what serves a model serves one that we know.
package casemate.gate

import data.casemate.kubernetes
import data.casemate.statements

# The annotation has the root that `casemate sign` names; the gate has verified the signatures of that root.
deny contains reason if {
	input.gate == "admission"
	some uri in kubernetes.model_uris(resource)
	digest := kubernetes.annotation(resource, "example.org/model")
	not is_released(digest)
	reason := {
		"message": sprintf("%s serves %s (%v), which is not signed by `release`", [kubernetes.told(resource), uri, digest]),
		"severity": "high",
	}
}

# Code that comes with a model runs with the rights of who serves it.
deny contains reason if {
	input.gate == "admission"
	some container in kubernetes.containers(resource)
	kubernetes.has_flag(container, "--trust-remote-code")
	reason := {"message": sprintf("%s runs code of its model's (%s)", [kubernetes.told(resource), container.at]), "severity": "high"}
}

warn contains reason if {
	input.gate == "admission"
	some image in kubernetes.images(resource)
	not kubernetes.is_pinned(image)
	reason := {"message": sprintf("%s runs the image %s, which another may replace", [kubernetes.told(resource), image]), "severity": "medium"}
}

# Accelerators are dear: whoever asks for many has it in the log.
obligations contains duty if {
	input.gate == "admission"
	number := sum([kubernetes.accelerators(container) | some container in kubernetes.containers(resource)])
	number >= data.example.many_accelerators
	duty := {"oblige": "log", "message": sprintf("%s asks for %d accelerators", [kubernetes.told(resource), number])}
}

resource := input.context.object

is_released(digest) if {
	some statement in statements.naming("signature", digest)
	statements.is_by(statement, ["release"])
}
