# The tests of requests: `casemate policy test`.
package casemate.requests_test

import data.casemate.requests

ats(request) := [text.at | some text in requests.texts(request)]

test_the_texts_of_a_chat if {
	request := {
		"model": "m",
		"messages": [
			{"role": "user", "content": "a", "name": "b"},
			{"role": "user", "content": [{"type": "text", "text": "c"}, {"type": "image_url", "image_url": {"url": "d"}}]},
			{"role": "assistant", "content": null, "tool_calls": [{"id": "e", "function": {"name": "f", "arguments": "g"}}]},
			{"role": "tool", "tool_call_id": "e", "content": "h"},
		],
	}
	ats(request) == [
		"/messages/0/content", "/messages/0/name", "/messages/1/content/0/text",
		"/messages/2/tool_calls/0/function/arguments", "/messages/3/content",
	]
	[text.text | some text in requests.texts_of(request, "user")] == ["a", "b", "c"]
	[text.text | some text in requests.texts_of(request, "tool")] == ["h"]
	requests.matching(request, "[ch]") == {"/messages/1/content/0/text", "/messages/3/content"}
}

test_the_texts_of_other_shapes if {
	ats({"prompt": "a"}) == ["/prompt"]
	ats({"prompt": ["a", "b"]}) == ["/prompt/0", "/prompt/1"]
	ats({"instructions": "a", "input": "b"}) == ["/input", "/instructions"]
	ats({"input": [{"role": "user", "content": [{"type": "input_text", "text": "a"}]}]}) == ["/input/0/content/0/text"]
	ats({"input": [{"type": "function_call_output", "call_id": "a", "output": "b"}]}) == ["/input/0/output"]
	ats({"system": [{"type": "text", "text": "a"}], "messages": []}) == ["/system/0/text"]
	requests.texts({"system": "a"}) == [{"at": "/system", "role": null, "text": "a"}]
	requests.texts({"input": "a"}) == [{"at": "/input", "role": null, "text": "a"}]
	requests.texts({"input": [{"role": "user", "content": "a"}]})[0].role == "user"
}

test_a_member_that_is_not_known_is_a_text if {
	ats({"messages": [{"role": "assistant", "reasoning": "a", "content": [{"type": "thinking", "thinking": "b", "signature": "c"}]}]}) == [
		"/messages/0/content/0/thinking", "/messages/0/reasoning",
	]
}

test_the_texts_in_what_a_tool_is_called_with if {
	request := {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "name": "mail", "input": {"to/whom": "a", "id": ["b"]}}]}]}
	ats(request) == ["/messages/0/content/0/input/id/0", "/messages/0/content/0/input/to~1whom", "/messages/0/content/0/name"]
}

test_tools_that_are_offered if {
	requests.tools({"tools": [{"type": "function", "function": {"name": "a"}}, {"name": "b", "input_schema": {}}, {"type": "web_search"}, {}]}) == {"a", "b", "web_search", "a tool without a name"}
	requests.tools({"functions": [{"name": "a"}]}) == {"a"}
	requests.tools({}) == set()
}

test_tools_that_were_called if {
	requests.called({"messages": [{"tool_calls": [{"function": {"name": "a"}}]}, {"function_call": {"name": "b"}}]}) == {"a", "b"}
	requests.called({"messages": [{"content": [{"type": "tool_use", "name": "c"}]}]}) == {"c"}
	requests.called({"input": [{"type": "function_call", "name": "d"}]}) == {"d"}
}

test_tools_that_no_pattern_fits if {
	request := {"tools": [{"name": "read_file"}], "messages": [{"tool_calls": [{"function": {"name": "run_shell"}}]}]}
	requests.unlisted_tools(request, ["read_*"]) == {"run_shell"}
	requests.unlisted_tools(request, ["*"]) == set()
	requests.unlisted_tools(request, []) == {"read_file", "run_shell"}
}

test_the_request_of_a_gate if {
	requests.current.model == "m" with input as {"context": {"request": {"model": "m"}}}
}
