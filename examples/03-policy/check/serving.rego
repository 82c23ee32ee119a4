# A manifest in a repository, held against the assessment of the models that it serves: `casemate policy check`.
package main

import data.casemate.kubernetes
import data.casemate.outcomes

deny contains reason if {
	some object in kubernetes.objects(input)
	some uri in kubernetes.model_uris(object)
	path := trim_prefix(uri, "pvc://models/")
	not outcomes.is_clean(path)
	reason := sprintf("%s serves %s, which is not clean", [kubernetes.told(object), path])
}
