# The tests of Kubernetes objects: `casemate policy test`.
package casemate.kubernetes_test

import data.casemate.kubernetes

# What holds one pod with one container, by the way to it.
holding(kind, path) := json.patch({"kind": kind, "metadata": {"name": "a"}}, array.concat(
	[{"op": "add", "path": parent, "value": {}} |
		some length in numbers.range(1, count(path))
		parent := concat("", [sprintf("/%s", [part]) | some part in array.slice(path, 0, length)])
	],
	[{"op": "add", "path": sprintf("/%s/containers", [concat("/", path)]), "value": [{"name": "c", "image": "i"}]}],
))

test_containers_are_found_wherever_a_kind_keeps_them if {
	every kind, path in {
		"Pod": ["spec"],
		"Deployment": ["spec", "template", "spec"],
		"CronJob": ["spec", "jobTemplate", "spec", "template", "spec"],
		"PodTemplate": ["template", "spec"],
		"Notebook": ["spec", "template", "spec"],
		"RayCluster": ["spec", "headGroupSpec", "template", "spec"],
		"RayService": ["spec", "rayClusterConfig", "headGroupSpec", "template", "spec"],
		"RayJob": ["spec", "submitterPodTemplate", "spec"],
		"PyTorchJob": ["spec", "pytorchReplicaSpecs", "Worker", "template", "spec"],
		"LeaderWorkerSet": ["spec", "leaderWorkerTemplate", "workerTemplate", "spec"],
		"InferenceService": ["spec", "predictor"],
		"LLMInferenceService": ["spec", "template"],
	} {
		object := holding(kind, path)
		at := sprintf("/%s", [concat("/", path)])
		kubernetes.containers(object) == [{"name": "c", "image": "i", "at": sprintf("%s/containers/0", [at])}]
		[pod.at | some pod in kubernetes.pods(object)] == [at]
	}
}

test_containers_in_lists_of_templates if {
	job_set := {"kind": "JobSet", "spec": {"replicatedJobs": [{"template": {"spec": {"template": {"spec": {
		"containers": [{"image": "a"}],
		"initContainers": [{"image": "b"}],
		"ephemeralContainers": [{"image": "c"}],
	}}}}}]}}
	kubernetes.images(job_set) == {"a", "b", "c"}
	ray := {"kind": "RayCluster", "spec": {"workerGroupSpecs": [{"template": {"spec": {"containers": [{"image": "a"}]}}}]}}
	kubernetes.images(ray) == {"a"}
}

test_what_stands_in_the_place_of_a_container if {
	service := {"kind": "InferenceService", "spec": {"predictor": {
		"sklearn": {"storageUri": "s3://a"},
		"minReplicas": 1,
		"labels": {"a": "b"},
	}}}
	[container.at | some container in kubernetes.containers(service)] == ["/spec/predictor/sklearn"]
	[pod.at | some pod in kubernetes.pods(service)] == ["/spec/predictor"]
	train := {"kind": "TrainJob", "spec": {
		"trainer": {"image": "a", "resourcesPerNode": {"limits": {"nvidia.com/gpu": 8}}},
		"initializer": {"model": {"storageUri": "hf://a/b"}, "dataset": {"storageUri": "hf://c/d"}},
	}}
	[container.at | some container in kubernetes.containers(train)] == ["/spec/initializer/dataset", "/spec/initializer/model", "/spec/trainer"]
	kubernetes.model_uris(train) == {"hf://a/b", "hf://c/d"}
	[kubernetes.accelerators(container) | some container in kubernetes.containers(train)] == [0, 0, 8]
}

test_what_only_looks_like_a_container_is_none if {
	definition := {"kind": "CustomResourceDefinition", "spec": {"schema": {"properties": {"containers": {"type": "array"}}}}}
	kubernetes.containers(definition) == []
	kubernetes.pods(definition) == []
	kubernetes.containers({"kind": "ConfigMap", "data": {"containers": "[]"}}) == []
}

test_objects_of_a_document if {
	kubernetes.objects([{"kind": "Pod"}]) == [{"kind": "Pod"}]
	kubernetes.objects({"kind": "List", "items": [{"kind": "Pod"}]}) == [{"kind": "Pod"}]
	kubernetes.objects({"kind": "PodList", "items": [{"kind": "Pod"}]}) == [{"kind": "Pod"}]
	kubernetes.objects({"kind": "List"}) == [{"kind": "List"}]
	kubernetes.objects({"kind": 1, "items": []}) == [{"kind": 1, "items": []}]
	kubernetes.objects({"a": 1}) == [{"a": 1}]
}

test_what_an_object_is_called if {
	kubernetes.told({"kind": "Pod", "metadata": {"name": "a", "namespace": "b"}}) == "Pod b/a"
	kubernetes.told({"kind": "Namespace", "metadata": {"name": "a"}}) == "Namespace a"
	kubernetes.told({}) == "object "
}

test_labels_and_annotations if {
	object := {"metadata": {"labels": {"a": "b"}, "annotations": {"c/d": "e"}}}
	kubernetes.label(object, "a") == "b"
	kubernetes.label(object, "c/d") == null
	kubernetes.annotation(object, "c/d") == "e"
	kubernetes.annotation({}, "a") == null
}

test_an_image_is_pinned_by_its_whole_digest if {
	kubernetes.is_pinned(sprintf("a/b@sha256:%s", [concat("", ["0" | some _ in numbers.range(1, 64)])]))
	not kubernetes.is_pinned("a/b@sha256:00")
	not kubernetes.is_pinned("a/b:sha256")
}

test_flags if {
	container := {"command": ["python", "-m", "vllm"], "args": ["--model=a/b", "--revision", "c", "--trust-remote-code", "--last"]}
	kubernetes.has_flag(container, "--model")
	kubernetes.has_flag(container, "--trust-remote-code")
	not kubernetes.has_flag(container, "--trust")
	kubernetes.flag_values(container, "--model") == {"a/b"}
	kubernetes.flag_values(container, "--revision") == {"c"}
	kubernetes.flag_values(container, "--last") == set()
	kubernetes.has_flag({"args": ["exec vllm serve \\\n  --trust-remote-code"]}, "--trust-remote-code")
	kubernetes.arguments({"args": ["--port", 8080]}) == ["--port", "8080"]
	kubernetes.arguments({}) == []
}

test_environment if {
	secret := {"secretKeyRef": {"name": "a", "key": "b"}}
	container := {"env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": secret}, {"name": "A", "value": "2"}, {"name": "C"}]}
	kubernetes.env(container, "A") == "2"
	kubernetes.env(container, "B") == secret
	kubernetes.env(container, "C") == ""
	kubernetes.env(container, "D") == null
	kubernetes.env({}, "A") == null
}

test_accelerators if {
	kubernetes.accelerators({"resources": {"limits": {"nvidia.com/gpu": "2", "nvidia.com/mig-1g.5gb": 1, "cpu": "4"}}}) == 3
	kubernetes.accelerators({"resources": {"requests": {"amd.com/gpu": 1}, "limits": {"amd.com/gpu": 2}}}) == 2
	kubernetes.accelerators({}) == 0
}

test_where_models_come_from if {
	kubernetes.model_uris({"spec": {"predictor": {"model": {"storageUris": [{"uri": "hf://a/b", "mountPath": "/a"}]}}}}) == {"hf://a/b"}
	kubernetes.model_uris({"kind": "LLMInferenceService", "spec": {"model": {"uri": "hf://c/d"}}}) == {"hf://c/d"}
	kubernetes.model_uris({"kind": "SeldonDeployment", "spec": {"predictors": [{"graph": {"modelUri": "gs://e"}}]}}) == {"gs://e"}
	kubernetes.model_uris({"spec": {"uri": "x"}}) == set()
}

test_a_pointer_is_escaped if {
	kubernetes.pods({"a/b": {"c~d": {"containers": []}}})[0].at == "/a~1b/c~0d"
}
