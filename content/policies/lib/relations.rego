# Which assets are related, and why that is said. A relation is read from left to right, `from` - `kind` - `to`,
# and its `proof` is a list of statements. Assets are named by their identities, `urn:casemate:...`.
#
# An assessment draws those that it has proof of: `signed-by`, from a file to the signer of its model. Others come
# from the caller, in `input.relations`.
#
# The examples are asked with this input:
#
#	{"relations": [
#	  {"from": "urn:casemate:endpoint:chat.example.org:443", "kind": "can-reach", "to": "urn:casemate:k8s:prod:ml:deployment.apps:chat",
#	    "proof": [{"statement": "the ingress `chat` sends all of its requests there"}]},
#	  {"from": "urn:casemate:k8s:prod:ml:deployment.apps:chat", "kind": "serves", "to": "urn:casemate:artifact:sha256:aa",
#	    "proof": [{"statement": "its argument `--model`"}]},
#	  {"from": "urn:casemate:artifact:sha256:aa", "kind": "trained-on", "to": "urn:casemate:dataset:tickets",
#	    "proof": [{"statement": "the provenance that `training` signed"}]}
#	]}
package casemate.relations

import data.casemate.outcomes

# The kinds of relations.
#
#	"trained-on" in relations.kinds
kinds := {
	"contains", "trained-on", "derived-from", "loads", "serves", "references", "can-reach", "can-assume", "signed-by",
}

# All relations.
#
#	count(relations.all) == 3
all := object.get(outcomes.source, "relations", [])

# The relations of a kind. A text that is no kind is an error, which denies, here and below: nothing is
# related by a kind that is misspelt.
#
#	relations.by_kind("serves")[0].to == "urn:casemate:artifact:sha256:aa"
by_kind(kind) := [relation | some relation in all; relation.kind == _known(kind)]

# What an asset is related to, by one of the kinds.
#
#	relations.to("urn:casemate:artifact:sha256:aa", {"trained-on"}) == {"urn:casemate:dataset:tickets"}
to(from, by) := {relation.to | some kind in by; some relation in by_kind(kind); relation.from == from}

# What is related to an asset, by one of the kinds.
#
#	relations.from("urn:casemate:dataset:tickets", {"trained-on"}) == {"urn:casemate:artifact:sha256:aa"}
from(to, by) := {relation.from | some kind in by; some relation in by_kind(kind); relation.to == to}

# Everything that relations of the kinds lead to from an asset, over any number of steps; itself among them, if
# any relation begins or ends there.
#
#	"urn:casemate:dataset:tickets" in relations.reachable("urn:casemate:endpoint:chat.example.org:443", relations.kinds)
reachable(from, by) := graph.reachable(_graph(by), {from})

# Whether relations of the kinds lead from one asset to another, in one step or more.
#
#	relations.reaches("urn:casemate:k8s:prod:ml:deployment.apps:chat", "urn:casemate:dataset:tickets", {"serves", "trained-on"})
reaches(from, to, by) if {
	some next in _graph(by)[from]
	to in reachable(next, by)
}

# A way over relations of the kinds from one asset to another, as the list of its relations; undefined, if there is
# none. It is a way, and of those that were found the shortest, but there may be a shorter one.
#
#	count(relations.path("urn:casemate:endpoint:chat.example.org:443", "urn:casemate:dataset:tickets", relations.kinds)) == 3
path(from, to, by) := [_relation(way[step], way[step + 1], by) | some step in numbers.range(0, count(way) - 2)] if {
	reaches(from, to, by)
	# Nothing has to be known of what lies behind the end, or beside every way to it.
	back := graph.reachable(_back(by), {to})
	pruned := {node: {next | some next in nexts; next in back} | some node, nexts in _graph(by); node != to}
	ways := [[count(way), way] |
		some way in graph.reachable_paths(object.union(pruned, {to: set()}), {from})
		way[count(way) - 1] == to
	]
	way := sort(ways)[0][1]
}

# The statements that a way rests on, in its order.
#
#	relations.proof([{"kind": "serves", "proof": [{"statement": "its argument `--model`"}]}]) == ["serves: its argument `--model`"]
proof(way) := [sprintf("%s: %s", [relation.kind, step.statement]) |
	some relation in way
	some step in relation.proof
]

_graph(by) := {node: {relation.to | some relation in edges; relation.from == node} | some node in _nodes(edges)} if {
	edges := _edges(by)
}

_back(by) := {node: {relation.from | some relation in edges; relation.to == node} | some node in _nodes(edges)} if {
	edges := _edges(by)
}

_edges(by) := [relation | some kind in by; some relation in by_kind(kind)]

_nodes(edges) := {relation.from | some relation in edges} | {relation.to | some relation in edges}

# Of several kinds between the same two, the first by name.
_relation(from, to, by) := sort([relation |
	some relation in _edges(by)
	relation.from == from
	relation.to == to
])[0]

_known(kind) := kind if kind in kinds

# The conversion fails, and its error names what was converted.
_known(kind) := time.parse_duration_ns(sprintf("%v is no kind of relation", [kind])) if not kind in kinds
