"""Rules in Rego, as many as are asked for, of the kinds that clusters have: registries, labels, limits, ports, capabilities, names.
Each asks something else, and none of them is broken by `review.json`, so that all of them are asked to their end."""

import sys

KINDS = [
    """deny contains msg if {{
	some container in input.request.object.spec.containers
	startswith(container.image, "forbidden{n}.example.org/")
	msg := sprintf("%s comes from a forbidden registry", [container.name])
}}""",
    """deny contains msg if {{
	not input.request.object.metadata.labels["team-{n}"]
	input.request.namespace == "namespace-{n}"
	msg := "there is no label team-{n}"
}}""",
    """deny contains msg if {{
	some container in input.request.object.spec.containers
	some port in container.ports
	port.containerPort == 20000 + {n}
	msg := sprintf("%s opens port %d", [container.name, port.containerPort])
}}""",
    """deny contains msg if {{
	some container in input.request.object.spec.containers
	some variable in container.env
	regex.match("^FORBIDDEN_{n}_[A-Z]+$", variable.name)
	msg := sprintf("%s sets %s", [container.name, variable.name])
}}""",
    """deny contains msg if {{
	some volume in input.request.object.spec.volumes
	volume.persistentVolumeClaim.claimName == "claim-{n}"
	not input.request.userInfo.username in {{"ada", "bob"}}
	msg := sprintf("%s is not for %s", [volume.name, input.request.userInfo.username])
}}""",
]

print("package admission.speed\n\nimport rego.v1")
for number in range(int(sys.argv[1])):
    print("\n" + KINDS[number % len(KINDS)].format(n=number))
