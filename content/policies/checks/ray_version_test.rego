package casemate.checks.ray_version_test

import data.casemate.checks.ray_version

cluster(spec, unknown) := {"address": "RayCluster/a", "body": {"spec": spec}, "unknown": unknown}

test_a_cluster_without_a_version_is_denied if {
	some found in ray_version.deny with input.resources as [cluster({}, {})]
	found == {"resource": "RayCluster/a", "path": "spec.rayVersion", "message": "no version"}
}

test_a_cluster_with_one_is_not if {
	count(ray_version.deny) == 0 with input.resources as [cluster({"rayVersion": "2.52.0"}, {})]
}

test_a_version_that_is_not_known_is_left_open if {
	unknown := {"spec.rayVersion": "values.version has no default"}
	count(ray_version.deny) == 0 with input.resources as [cluster({}, unknown)]
}
