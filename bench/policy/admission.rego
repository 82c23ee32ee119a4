# Twelve rules about pods, for the measurement: of the kinds that admission policies have.
package admission

import rego.v1

pod := input.request.object

containers contains container if some container in pod.spec.containers

containers contains container if some container in pod.spec.initContainers

named(container, text) := sprintf("container %s of pod %s %s", [container.name, pod.metadata.name, text])

trusted := {"registry.example.com", "ghcr.io"}

deny contains named(container, "is privileged") if {
	some container in containers
	container.securityContext.privileged
}

deny contains named(container, "may run as root") if {
	some container in containers
	not container.securityContext.runAsNonRoot
}

deny contains named(container, "may gain privileges") if {
	some container in containers
	object.get(container, ["securityContext", "allowPrivilegeEscalation"], true)
}

deny contains named(container, "can write its root file system") if {
	some container in containers
	not container.securityContext.readOnlyRootFilesystem
}

deny contains named(container, sprintf("adds %s", [capability])) if {
	some container in containers
	some capability in container.securityContext.capabilities.add
	not capability in {"NET_BIND_SERVICE"}
}

deny contains named(container, sprintf("has no limit of %s", [resource])) if {
	some container in containers
	some resource in ["cpu", "memory"]
	not container.resources.limits[resource]
}

deny contains named(container, "has an image without a digest") if {
	some container in containers
	not regex.match(`@sha256:[0-9a-f]{64}$`, container.image)
}

deny contains named(container, sprintf("has an image from %s", [registry])) if {
	some container in containers
	registry := split(container.image, "/")[0]
	not registry in trusted
}

deny contains sprintf("pod %s shares %s with its host", [pod.metadata.name, field]) if {
	some field in ["hostNetwork", "hostPID", "hostIPC"]
	pod.spec[field] == true
}

deny contains sprintf("volume %s is %s of the host", [volume.name, volume.hostPath.path]) if {
	some volume in pod.spec.volumes
	some prefix in ["/var/run", "/etc", "/dev", "/proc"]
	startswith(volume.hostPath.path, prefix)
}

deny contains named(container, sprintf("has a literal secret in %s", [variable.name])) if {
	some container in containers
	some variable in container.env
	regex.match(`(?i)(token|secret|password|api_?key)`, variable.name)
	variable.value
}

deny contains sprintf("pod %s has no label %s", [pod.metadata.name, label]) if {
	some label in ["app.kubernetes.io/name", "owner", "data-class"]
	not pod.metadata.labels[label]
}
