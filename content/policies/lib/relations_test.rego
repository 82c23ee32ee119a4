# The tests of relations: `casemate policy test`.
package casemate.relations_test

import data.casemate.relations

edge(from, kind, to) := {"from": from, "kind": kind, "to": to, "proof": [{"statement": sprintf("%s to %s", [from, to])}]}

# Two ways from `a` to `d`, one back, and one that ends elsewhere.
question := {"relations": [
	edge("a", "can-reach", "b"),
	edge("b", "serves", "c"),
	edge("c", "trained-on", "d"),
	edge("a", "can-assume", "e"),
	edge("e", "loads", "d"),
	edge("d", "references", "a"),
	edge("b", "loads", "f"),
	edge("b", "contains", "c"),
]}

tos(way) := [relation.to | some relation in way]

test_one_step if {
	relations.to("b", {"serves", "loads"}) == {"c", "f"} with input as question
	relations.from("c", {"serves"}) == {"b"} with input as question
	count(relations.by_kind("loads")) == 2 with input as question
	relations.all == [] with input as {}
}

test_any_number_of_steps if {
	relations.reachable("a", {"can-reach", "serves"}) == {"a", "b", "c"} with input as question
	relations.reaches("a", "d", {"can-reach", "serves", "trained-on"}) with input as question
	not relations.reaches("a", "d", {"can-reach", "serves"}) with input as question
	not relations.reaches("f", "a", relations.kinds) with input as question
}

test_nothing_reaches_itself_but_by_a_way_around if {
	not relations.reaches("a", "a", {"can-reach", "serves"}) with input as question
	relations.reaches("a", "a", relations.kinds) with input as question
}

test_a_way_and_what_it_rests_on if {
	way := relations.path("a", "d", {"can-reach", "serves", "trained-on"}) with input as question
	tos(way) == ["b", "c", "d"]
	relations.proof(way) == ["can-reach: a to b", "serves: b to c", "trained-on: c to d"]
	not relations.path("a", "d", {"serves"}) with input as question
}

test_of_the_ways_that_are_found_the_shortest if {
	tos(relations.path("a", "d", relations.kinds)) == ["e", "d"] with input as question
}

test_of_several_kinds_the_first_by_name if {
	relations.path("b", "c", relations.kinds)[0].kind == "contains" with input as question
}

test_a_kind_that_is_none_is_an_error_that_names_it if {
	relations.to("a", {"trained_on"}) == set() with input as question with time.parse_duration_ns as failing
}

failing(why) := 9 if why == "trained_on is no kind of relation"
