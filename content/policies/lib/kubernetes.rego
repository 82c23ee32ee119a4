# Kubernetes objects: their containers, wherever a kind keeps them, and what those ask for. Containers are found by
# their shape, so also in custom resources such as RayCluster, RayService, RayJob, Notebook, PyTorchJob, JobSet,
# LeaderWorkerSet and SeldonDeployment; what InferenceService (`model` and its older forms) and TrainJob (`trainer`,
# `initializer`) have in their place counts as a container too. At an admission gate the object is
# `input.context.object`, under `policy check` it is `input`.
#
# What is found has a member `at`, the JSON pointer to it.
#
# The examples are asked with this input:
#
#	{
#	  "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
#	  "metadata": {"name": "fraud", "namespace": "ml", "annotations": {"example.org/owner": "risk"}},
#	  "spec": {"predictor": {
#	    "serviceAccountName": "fraud",
#	    "model": {
#	      "modelFormat": {"name": "sklearn"}, "storageUri": "s3://models/fraud",
#	      "args": ["--model_name=fraud", "--trust-remote-code"], "env": [{"name": "LOG_LEVEL", "value": "debug"}],
#	      "resources": {"limits": {"cpu": "2", "nvidia.com/gpu": "1"}}
#	    },
#	    "containers": [{"name": "proxy", "image": "registry.example.org/proxy:1.2", "command": ["sh", "-c", "proxy --port 8080"]}]
#	  }}
#	}
package casemate.kubernetes

# The objects of a document: its own, the items of a `List`, or the members of an array.
#
#	kubernetes.objects(input)[0].kind == "InferenceService"
objects(document) := document if {
	is_array(document)
} else := document.items if {
	is_string(document.kind)
	endswith(document.kind, "List")
	is_array(document.items)
} else := [document]

# Kind, namespace and name in one text, for messages.
#
#	kubernetes.told(input) == "InferenceService ml/fraud"
told(resource) := sprintf("%v %s", [kind, concat("/", place)]) if {
	kind := object.get(resource, "kind", "object")
	place := [sprintf("%v", [part]) |
		some member in ["namespace", "name"]
		part := resource.metadata[member]
	]
}

# An annotation; `null` without one.
#
#	kubernetes.annotation(input, "example.org/owner") == "risk"
annotation(resource, name) := object.get(resource, ["metadata", "annotations", name], null)

# A label; `null` without one.
#
#	kubernetes.label(input, "app") == null
label(resource, name) := object.get(resource, ["metadata", "labels", name], null)

# The specifications of pods in an object: what has `containers`, and the parts of an InferenceService.
#
#	kubernetes.pods(input)[0].serviceAccountName == "fraud"
pods(resource) := [_placed(pod, path) |
	walk(resource, [path, pod])
	is_object(pod)
	_is_pod(path, pod)
]

# Every container in an object, those that initialise it and ephemeral ones among them.
#
#	[container.at | some container in kubernetes.containers(input)] == ["/spec/predictor/containers/0", "/spec/predictor/model"]
containers(resource) := [_placed(container, path) |
	walk(resource, [path, container])
	is_object(container)
	_is_container(path, container)
]

# The images of all containers.
#
#	kubernetes.images(input) == {"registry.example.org/proxy:1.2"}
images(resource) := {container.image | some container in containers(resource)}

# Whether an image is named by its digest, so that nobody can put another one in its place.
#
#	not kubernetes.is_pinned("registry.example.org/proxy:1.2")
is_pinned(image) if regex.match(`@sha256:[0-9a-f]{64}$`, image)

# The words of a container's command and arguments, also those of a script in one of them. Words in quotes are
# not put together.
#
#	kubernetes.arguments(kubernetes.containers(input)[0]) == ["sh", "-c", "proxy", "--port", "8080"]
arguments(container) := [word |
	some member in ["command", "args"]
	some argument in container[member]
	some word in regex.split(`\s+`, sprintf("%v", [argument]))
	word != ""
]

# Whether a container is given a flag, with or without a value: `--flag`, `--flag=value`.
#
#	kubernetes.has_flag(kubernetes.containers(input)[1], "--trust-remote-code")
has_flag(container, flag) if {
	some word in arguments(container)
	split(word, "=")[0] == flag
}

# The values that a container is given for a flag: `--flag=value`, `--flag value`.
#
#	kubernetes.flag_values(kubernetes.containers(input)[1], "--model_name") == {"fraud"}
flag_values(container, flag) := {value |
	some word in arguments(container)
	startswith(word, sprintf("%s=", [flag]))
	value := substring(word, count(flag) + 1, -1)
} | {words[place + 1] |
	words := arguments(container)
	some place, word in words
	word == flag
}

# The value of an environment variable: the last, as in Kubernetes, where there are several; where it comes from
# elsewhere, the object that says from where; `null` where it is not set.
#
#	kubernetes.env(kubernetes.containers(input)[1], "LOG_LEVEL") == "debug"
env(container, name) := values[count(values) - 1] if {
	values := [object.get(variable, "value", object.get(variable, "valueFrom", "")) |
		some variable in container.env
		variable.name == name
	]
	count(values) > 0
} else := null

# How many accelerators a container asks for: GPUs, TPUs and their like, as resources; the larger of limits and
# requests. Claims of dynamic resource allocation are not counted.
#
#	kubernetes.accelerators(kubernetes.containers(input)[1]) == 1
accelerators(container) := max([_accelerators(container, list) | some list in ["limits", "requests"]])

# Where models, and data to train them, are loaded from: `storageUri`, `storageUris`, `modelUri` and the `uri` of a
# `model`.
#
#	kubernetes.model_uris(input) == {"s3://models/fraud"}
model_uris(resource) := {uri |
	walk(resource, [path, uri])
	is_string(uri)
	_is_model_uri(path)
}

_is_pod(_, pod) if is_array(pod.containers)

_is_pod(path, pod) if {
	not pod.containers
	count(path) == 2
	path[0] == "spec"
	path[1] in _parts
}

_is_container(path, _) if {
	is_number(path[count(path) - 1])
	path[count(path) - 2] in {"containers", "initContainers", "ephemeralContainers"}
}

# In an InferenceService, one for each framework in its older form.
_is_container(path, container) if {
	count(path) == 3
	path[0] == "spec"
	path[1] in _parts
	some member in ["image", "modelFormat", "protocolVersion", "resources", "storage", "storageUri", "storageUris"]
	container[member]
}

_is_container(path, _) if path == ["spec", "trainer"]

_is_container(path, _) if {
	count(path) == 3
	array.slice(path, 0, 2) == ["spec", "initializer"]
}

_parts := {"predictor", "transformer", "explainer"}

_accelerators(container, list) := sum([units.parse(sprintf("%v", [amount])) |
	some member in ["resources", "resourcesPerNode"]
	some name, amount in container[member][list]
	_is_accelerator(name)
])

_is_accelerator(name) if {
	some pattern in [
		"nvidia.com/*", "amd.com/gpu*", "gpu.intel.com/*", "habana.ai/*", "google.com/tpu*",
		"aws.amazon.com/neuron*",
	]
	glob.match(pattern, null, name)
}

_is_model_uri(path) if path[count(path) - 1] in {"storageUri", "modelUri"}

_is_model_uri(path) if {
	path[count(path) - 1] == "uri"
	is_number(path[count(path) - 2])
	path[count(path) - 3] == "storageUris"
}

_is_model_uri(path) if array.slice(path, count(path) - 2, count(path)) == ["model", "uri"]

_placed(value, path) := object.union(value, {"at": concat("", [sprintf("/%v", [_escaped(part)]) | some part in path])})

# As RFC 6901 has it.
_escaped(part) := replace(replace(part, "~", "~0"), "/", "~1") if is_string(part)

_escaped(part) := part if is_number(part)
