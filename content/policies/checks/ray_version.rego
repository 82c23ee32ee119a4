# A check of infrastructure of one's own, to copy: docs/src/posture/checks.md says what it may say and read.
package casemate.checks.ray_version

rule := {
	"id": "CM-ORG-001",
	"title": "A Ray cluster has no version",
	"severity": "medium",
	"description": "Our images are built for one version of Ray.",
	"remediation": "Set `rayVersion`.",
	"kinds": ["RayCluster"],
	"reads": ["spec.rayVersion"],
}

deny contains {"resource": cluster.address, "path": "spec.rayVersion", "message": "no version"} if {
	some cluster in input.resources
	not cluster.body.spec.rayVersion
	not cluster.unknown["spec.rayVersion"]
}
