# The tests of times: `casemate policy test`.
package casemate.clock_test

import data.casemate.clock

noon(day) := time.parse_rfc3339_ns(sprintf("2026-03-%sT12:00:00Z", [day]))

test_a_date_is_over_when_its_day_is if {
	not clock.expired("2026-03-10") with time.now_ns as noon("10")
	clock.expired("2026-03-10") with time.now_ns as noon("11")
}

test_a_time_is_over_at_once if {
	clock.expired("2026-03-10T12:00:00Z") with time.now_ns as noon("10")
	not clock.expired("2026-03-10T12:00:01+00:00") with time.now_ns as noon("10")
}

test_of_two_dates_both_days_count if {
	clock.within("2026-03-10", "2026-03-11") with time.now_ns as noon("10")
	clock.within("2026-03-10", "2026-03-11") with time.now_ns as noon("11")
	not clock.within("2026-03-10", "2026-03-11") with time.now_ns as noon("12")
	not clock.within("2026-03-11", "2026-03-12") with time.now_ns as noon("10")
}

test_age if {
	clock.older_than("2026-03-10", "11h") with time.now_ns as noon("10")
	not clock.older_than("2026-03-10", "12h") with time.now_ns as noon("10")
	not clock.older_than("2026-03-20", "1h") with time.now_ns as noon("10")
}

test_what_lies_ahead if {
	clock.ahead("2026-03-11") with time.now_ns as noon("10")
	not clock.ahead("2026-03-10") with time.now_ns as noon("10")
}
