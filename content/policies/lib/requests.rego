# Requests to models, in the shapes of OpenAI's chat completions, completions and responses, and of Anthropic's
# messages. At an inference gate the request is `input.context.request`.
#
# The examples are asked with this input:
#
#	{"context": {"request": {
#	  "model": "support-8b",
#	  "messages": [
#	    {"role": "system", "content": "You help customers."},
#	    {"role": "user", "content": [{"type": "text", "text": "My address is jo@example.org."}]},
#	    {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "lookup_order", "arguments": "{\"id\": 7}"}}]}
#	  ],
#	  "tools": [{"type": "function", "function": {"name": "lookup_order"}}, {"type": "function", "function": {"name": "run_shell"}}]
#	}}}
package casemate.requests

# The request of an inference gate.
#
#	requests.current.model == "support-8b"
current := input.context.request

# Every text in a request that reaches the model: `text`, its JSON pointer `at`, and the `role` of its message,
# `null` outside of messages. The arguments of tool calls and the names of who speaks are among them; the descriptions
# of tools, and images and files, as data or by their addresses, are not.
#
#	requests.texts(requests.current)[1] == {"at": "/messages/1/content/0/text", "role": "user", "text": "My address is jo@example.org."}
texts(request) := [{"at": _pointer(path), "role": _role(request, path), "text": text} |
	walk(request, [path, text])
	is_string(text)
	_is_text(path)
]

# The texts of the messages of a role.
#
#	count(requests.texts_of(requests.current, "user")) == 1
texts_of(request, role) := [text | some text in texts(request); text.role == role]

# The JSON pointers of the texts that a regular expression is found in.
#
#	requests.matching(requests.current, `[a-z]+@[a-z.]+`) == {"/messages/1/content/0/text"}
matching(request, pattern) := {text.at | some text in texts(request); regex.match(pattern, text.text)}

# The names of the tools that a request offers to the model; of those that the provider runs itself, their types.
#
#	requests.tools(requests.current) == {"lookup_order", "run_shell"}
tools(request) := {_tool(tool) | some member in ["tools", "functions"]; some tool in request[member]}

# The names of the tools that the model has called, as the messages have it.
#
#	requests.called(requests.current) == {"lookup_order"}
called(request) := {name |
	walk(request, [path, call])
	is_object(call)
	name := _called(path, call)
}

# Those of the tools, offered or called, that fit none of the patterns, such as `lookup_*`.
#
#	requests.unlisted_tools(requests.current, ["lookup_*"]) == {"run_shell"}
unlisted_tools(request, patterns) := {tool |
	some tool in tools(request) | called(request)
	not _is_listed(tool, patterns)
}

_is_listed(tool, patterns) if {
	some pattern in patterns
	glob.match(pattern, null, tool)
}

_tool(tool) := tool["function"].name if {
	tool["function"].name
} else := tool.name if {
	tool.name
} else := tool.type if {
	tool.type
} else := "a tool without a name"

_called(path, call) := call["function"].name if path[count(path) - 2] == "tool_calls"

_called(path, call) := call.name if path[count(path) - 1] == "function_call"

_called(_, call) := call.name if call.type in {"tool_use", "function_call"}

# What is not known to be of the structure is text: a member that is new must not be one that nobody looks at.
_is_text(path) if {
	path[0] in _spoken
	names := [name | some name in path; is_string(name)]
	not names[count(names) - 1] in _structure
	array.slice(names, count(names) - 2, count(names)) != ["function", "name"]
}

# What a model put into a call is text, whatever its members are called.
_is_text(path) if {
	path[0] == "messages"
	"input" in array.slice(path, 0, count(path) - 1)
}

_spoken := {"messages", "system", "instructions", "input", "prompt"}

_structure := {
	"role", "type", "id", "call_id", "tool_call_id", "tool_use_id", "status",
	"url", "image_url", "file_id", "data", "media_type", "mime_type", "format", "detail", "signature", "encrypted_content",
}

_role(request, path) := object.get(request, [path[0], path[1], "role"], null) if {
	path[0] in {"messages", "input"}
	count(path) > 1
} else := null

_pointer(path) := concat("", [sprintf("/%v", [_escaped(part)]) | some part in path])

# As RFC 6901 has it.
_escaped(part) := replace(replace(part, "~", "~0"), "/", "~1") if is_string(part)

_escaped(part) := part if is_number(part)
