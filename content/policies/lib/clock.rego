# Times against the time of the question. Times are texts: RFC 3339, or a date, which means the whole day in
# UTC. A text that is neither is an error, which denies.
#
# The examples are asked at 2026-01-01T00:00:00Z.
package casemate.clock

# Whether a time has come; a date is over when its day is.
#
#	clock.expired("2025-12-31")
expired(when) if time.now_ns() >= _end(when)

# Whether it is the first time or later, and not yet the second. Of two dates, both days count.
#
#	clock.within("2026-01-01", "2026-01-31")
within(from, until) if {
	time.now_ns() >= _begin(from)
	not expired(until)
}

# Whether a time lies further back than a duration such as `90m` or `720h`. What lies ahead does not.
#
#	clock.older_than("2025-12-30T12:00:00Z", "24h")
older_than(when, duration) if time.now_ns() - _begin(when) > time.parse_duration_ns(duration)

# Whether a time lies ahead: nothing that was made then can be true now.
#
#	clock.ahead("2026-01-02T00:00:00Z")
ahead(when) if _begin(when) > time.now_ns()

_begin(when) := time.parse_rfc3339_ns(when) if not _is_date(when)

_begin(when) := time.parse_rfc3339_ns(sprintf("%sT00:00:00Z", [when])) if _is_date(when)

_end(when) := time.parse_rfc3339_ns(when) if not _is_date(when)

_end(when) := _begin(when) + time.parse_duration_ns("24h") if _is_date(when)

_is_date(when) if regex.match(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`, when)
