# A request to a model: whose agent may use which model with which tools, and what does not leave the house.
package casemate.gate

import data.casemate.requests

deny contains reason if {
	input.gate == "gateway"
	not agent
	reason := {"message": sprintf("%v is no agent that we know", [object.get(input, "principal", "nobody")]), "severity": "high"}
}

deny contains reason if {
	input.gate == "gateway"
	not requests.current.model in agent.models
	reason := {"message": sprintf("%s may not use the model %s", [input.principal, requests.current.model]), "severity": "high"}
}

deny contains reason if {
	input.gate == "gateway"
	some tool in requests.unlisted_tools(requests.current, agent.tools)
	reason := {"message": sprintf("%s may not use the tool %s", [input.principal, tool]), "severity": "high"}
}

# Texts are masked as a whole: what is left of one around a number may still say whose it is.
obligations contains duty if {
	input.gate == "gateway"
	fields := {field |
		some pattern in data.example.personal
		some field in requests.matching(requests.current, pattern)
	}
	count(fields) > 0
	duty := {"oblige": "mask", "fields": [field | some field in fields], "message": "personal data stays here"}
}

# What an agent can do to the world is in the log.
obligations contains duty if {
	input.gate == "gateway"
	tools := requests.tools(requests.current)
	count(tools) > 0
	duty := {"oblige": "log", "message": sprintf("the agent has tools: %s", [concat(", ", tools)])}
}

agent := data.example.agents[input.principal]
