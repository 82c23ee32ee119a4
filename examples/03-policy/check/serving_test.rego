# The tests of what a manifest may serve.
package main_test

import data.main

manifest := {"kind": "InferenceService", "metadata": {"name": "scorer"}, "spec": {"predictor": {"sklearn": {"storageUri": "pvc://models/models/a"}}}}

files := {"files": [{"name": "./models/a", "path": "models/a"}]}

test_a_clean_model_is_served if {
	assessment := {"outcomes": [], "context": files}
	count(main.deny) == 0 with input as manifest with data.casemate.assessment as assessment
}

test_another_is_not if {
	dangerous := {"name": "./models/a", "result": "fail", "coverage": "complete", "facts": {"verdict": "dangerous"}}
	assessment := {"outcomes": [dangerous], "context": files}
	main.deny == {"InferenceService scorer serves models/a, which is not clean"} with input as manifest
		with data.casemate.assessment as assessment
}
