# The tests of the order of severities: `casemate policy test`.
package casemate.severity_test

import data.casemate.severity

test_every_severity_is_as_bad_as_itself_and_as_all_before_it if {
	every place, one in severity.order {
		every other_place, other in severity.order {
			is_as_bad(one, other) == (place >= other_place)
		}
	}
}

is_as_bad(one, other) if severity.at_least(one, other)

is_as_bad(one, other) := false if severity.below(one, other)

test_the_worst_of_several if {
	severity.worst(["low", "critical", "info"]) == "critical"
	not severity.worst([])
}

test_a_text_that_is_none_is_an_error_that_names_it if {
	severity.at_least("hgih", "low") with time.parse_duration_ns as failing
}

failing(why) := 9 if why == "hgih is no severity"
