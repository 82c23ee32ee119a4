"""Asks OPA itself, for the tests and for whoever looks for differences.

    python opa.py answer < questions          one answer for each line
    python opa.py generate SEED COUNT         questions that are made up, each with OPA's answer

A question is what `crates/trust/policy/examples/answer.rs` reads. The unpacked wheel of
`opa-requirements.txt` has to be on PYTHONPATH.
"""

import json
import random
import sys

from opa_bindings import OpaEngine, OpaError


def answer(question):
    engine = OpaEngine()
    engine.print_handler = lambda message, location: None
    try:
        for number, module in enumerate(question["modules"]):
            engine.add_policy(f"{number:02}.rego", module)
        if question.get("data") is not None:
            engine.add_data(question["data"])
        return {"result": engine.eval_query(question["query"], question.get("input"))}
    except OpaError as error:
        return {"error": str(error)}
    finally:
        engine.close()


class Policy:
    """A policy at random: rules of five kinds over several files and packages, none of which needs
    itself."""

    PACKAGES = ["p", "q", "p.sub", "r.if"]

    def __init__(self, rng):
        self.rng = rng
        self.files = []
        for number in range(rng.randint(1, 4)):
            package = rng.choice(self.PACKAGES[: rng.randint(1, 4)])
            self.files.append({"package": package, "imports": set(), "rules": []})
        self.rules = []
        self.fresh = 0
        for number in range(rng.randint(2, 9)):
            self.rule(number)

    def pick(self, *choices):
        return self.rng.choice(choices)

    def name(self):
        self.fresh += 1
        return f"v{self.fresh}"

    def modules(self):
        texts = []
        for file in self.files:
            lines = [f"package {file['package']}", ""]
            lines += [f"import data.{path}" for path in sorted(file["imports"])]
            rules = list(file["rules"])
            self.rng.shuffle(rules)
            texts.append("\n".join(lines) + "\n\n" + "\n\n".join(rules) + "\n")
        return texts

    # Rules.

    def rule(self, number):
        file = self.rng.choice(self.files)
        kind = self.pick("num", "str", "bool", "list", "set", "obj", "fn")
        name = f"r{number}"
        self.file, self.scope = file, {}
        define = {"bool": self.check, "set": self.members, "obj": self.entries,
                  "fn": self.function}.get(kind, lambda name: self.value(name, kind))
        file["rules"] += define(name)
        self.rules.append((file["package"], name, kind))

    def value(self, name, kind):
        form = self.rng.randint(0, 3)
        if form == 0:
            return [f"{name} := {self.expression(kind, 3)}"]
        if form == 1:
            self.scope = {}
            body = self.body(2)
            rule = f"{name} := {self.expression(kind, 2)} if {{\n{body}\n}}"
            return [rule, f"default {name} := {self.literal(kind)}"]
        chain = []
        for _ in range(self.rng.randint(1, 3)):
            self.scope = {}
            body = self.body(2)
            chain.append(f":= {self.expression(kind, 2)} if {{\n{body}\n}}")
        return [f"{name} " + " else ".join(chain)]

    def check(self, name):
        rules = []
        for _ in range(self.rng.randint(1, 2)):
            self.scope = {}
            rules.append(f"{name} if {{\n{self.body(3)}\n}}")
        if self.rng.random() < 0.3:
            rules.append(f"default {name} := false")
        return rules

    def members(self, name):
        rules = []
        for _ in range(self.rng.randint(1, 3)):
            self.scope = {}
            body = self.body(2)
            rules.append(f"{name} contains {self.expression('num', 1)} if {{\n{body}\n}}")
        return rules

    def entries(self, name):
        self.scope = {}
        variable, source = self.name(), self.expression("list", 1)
        self.scope[variable] = "num"
        body = f"\tsome {variable} in {source}\n{self.body(1)}"
        return [f"{name}[sprintf(\"k%v\", [{variable}])] := {variable} if {{\n{body}\n}}"]

    def function(self, name):
        self.scope = {"x": "num"}
        first = f"{name}(x) := {self.expression('num', 2)} if {{\n{self.body(1)}\n}}"
        self.scope = {"x": "num"}
        return [first] + ([f"{name}(x) := {self.expression('num', 1)} if x > 100\n"]
                          if self.rng.random() < 0.3 else [])

    # Bodies.

    def body(self, count):
        return "\n".join("\t" + self.statement() for _ in range(self.rng.randint(1, count)))

    def statement(self, depth=2):
        form = self.rng.randint(0, 12)
        if form <= 2:
            return self.test(depth)
        if form == 3:
            value, name = self.expression("list", 1), self.name()
            self.scope[name] = "num"
            return f"some {name} in {value}; {name} < 1000"
        if form == 4:
            kind = self.pick("num", "str", "list", "set")
            value, name = self.expression(kind, 2), self.name()
            self.scope[name] = kind
            return f"{name} := {value}"
        if form == 5:
            # OPA takes a body of nothing but `not true` for one that is empty.
            return f"not {self.test(depth)}; true == true"
        if form == 6:
            outer = dict(self.scope)
            value, name = self.expression("list", 1), self.name()
            self.scope[name] = "num"
            test = self.test(1)
            self.scope = outer
            return f"every {name} in {value} {{ {name} < 1000; {test} }}"
        if form == 7:
            value, key, name = self.expression("obj", 1), self.name(), self.name()
            self.scope[key], self.scope[name] = "str", "num"
            return f"some {key}, {name} in {value}; {key} != {name}"
        if form == 8:
            return f"{self.test(1)} with {self.target()}"
        if form == 9:
            return f"{self.test(1)} with {self.target()} with {self.target()}"
        if form == 10:
            return self.pick("input.b", "not input.b", "input.missing", "not input.missing.deep")
        if form == 11:
            value, name = self.expression("num", 1), self.name()
            self.scope[name] = "num"
            return f"{name} = {value}"
        value, name = self.expression("num", 1), self.name()
        self.scope[name] = "num"
        return f"abs({value}, {name})"

    def target(self):
        numbers = [rule for rule in self.rules if rule[2] in ("num", "list", "set", "str")]
        if numbers and self.rng.random() < 0.4:
            package, name, kind = self.rng.choice(numbers)
            is_near = package == self.file["package"] and self.rng.random() < 0.5
            path = name if is_near else f"data.{package}.{name}"
            return f"{path} as {self.literal(kind)}"
        if self.rng.random() < 0.2:
            return f"input as {json.dumps(self.input())}"
        if self.rng.random() < 0.2:
            return self.pick("count as 3", "abs as 1", "sum as 2", "upper as \"U\"")
        field, kind = self.pick(("n", "num"), ("s", "str"), ("l", "list"), ("b", "bool"))
        return f"input.{field} as {self.literal(kind)}"

    def test(self, depth):
        form = self.rng.randint(0, 7)
        operator = self.pick("==", "!=", "<", "<=", ">", ">=")
        if form <= 2:
            return f"{self.expression('num', depth)} {operator} {self.expression('num', depth)}"
        if form == 3:
            return f"{self.expression('str', depth)} {operator} {self.expression('str', depth)}"
        if form == 4:
            return f"{self.expression('num', 1)} in {self.expression(self.pick('list', 'set'), 1)}"
        if form == 5:
            return f"startswith({self.expression('str', 1)}, {self.expression('str', 0)})"
        if form == 6:
            kind = self.pick("list", "set", "obj")
            return f"{self.expression(kind, 1)} {self.pick('==', '!=')} {self.expression(kind, 1)}"
        return self.expression("bool", depth)

    # Expressions.

    def literal(self, kind):
        rng = self.rng
        number = lambda: self.pick("0", "1", "2", "3", "-1", "7", "1.5", "100")
        some = lambda: [number() for _ in range(rng.randint(0, 3))]
        if kind == "num":
            return number()
        if kind == "str":
            return self.pick('"a"', '"ab"', '"B c"', '""', '"é"', "`raw`", '"a,b"', '"{x}"')
        if kind == "bool":
            return self.pick("true", "false")
        if kind == "list":
            return "[" + ", ".join(some()) + "]"
        if kind == "set":
            items = some()
            return "{" + ", ".join(items) + "}" if items else "set()"
        return "{" + ", ".join(f'"k{at}": {value}' for at, value in enumerate(some())) + "}"

    def reference(self, kind):
        """A rule of that kind, by one of the ways to name it."""
        rules = [rule for rule in self.rules if rule[2] == kind]
        if not rules:
            return self.literal(kind)
        package, name, _ = self.rng.choice(rules)
        if package == self.file["package"] and self.rng.random() < 0.6:
            return name
        if package in ("p", "q") and self.rng.random() < 0.5:
            self.file["imports"].add(package)
            return f"{package}.{name}"
        return f"data.{package}.{name}"

    def expression(self, kind, depth):
        rng = self.rng
        local = [name for name, of in self.scope.items() if of == kind]
        if local and rng.random() < 0.4:
            return rng.choice(local)
        if rng.random() < 0.3:
            return self.reference(kind)
        if depth == 0 or rng.random() < 0.15:
            field = {"num": "n", "str": "s", "bool": "b", "list": "l", "obj": "o"}.get(kind)
            if field and rng.random() < 0.4:
                return f"input.{field}"
            return self.literal(kind)
        of = lambda kind: self.expression(kind, depth - 1)
        return getattr(self, f"{kind}_of")(of)

    def num_of(self, of):
        functions = [rule for rule in self.rules if rule[2] == "fn"]
        if functions and self.rng.random() < 0.25:
            return f"{self.reference('fn')}({of('num')})"
        numbers = [name for name, of_kind in self.scope.items() if of_kind == "num"]
        if numbers and self.rng.random() < 0.2:
            return f"{self.pick(self.literal('list'), self.reference('list'))}[{self.rng.choice(numbers)}]"
        texts = [name for name, of_kind in self.scope.items() if of_kind == "str"]
        if texts and self.rng.random() < 0.2:
            return f"{self.pick(self.literal('obj'), self.reference('obj'))}[{self.rng.choice(texts)}]"
        operator = self.pick("+", "-", "*", "/")
        return self.pick(
            lambda: f"({of('num')} {operator} {of('num')})",
            lambda: f"count({of(self.pick('list', 'set', 'str', 'obj'))})",
            lambda: f"sum({of(self.pick('list', 'set'))})",
            lambda: f"max({of(self.pick('list', 'set'))})",
            lambda: f"min({of('list')})",
            lambda: f"{self.pick('abs', 'ceil', 'floor', 'round')}({of('num')})",
            lambda: f"object.get({of('obj')}, {of('str')}, {of('num')})",
            lambda: f"to_number({self.pick('`12`', '`1.5`')})",
            lambda: f"indexof({of('str')}, {of('str')})",
            lambda: f"{of('list')}[{self.pick('0', '1')}]",
            lambda: f"strings.count({of('str')}, {of('str')})",
            lambda: f"product({of('list')})",
        )()

    def str_of(self, of):
        return self.pick(
            lambda: f"{self.pick('upper', 'lower', 'strings.reverse', 'trim_space')}({of('str')})",
            lambda: f"concat({of('str')}, [{of('str')}, {of('str')}])",
            lambda: f"sprintf(\"%v-%s\", [{of(self.pick('num', 'list', 'obj'))}, {of('str')}])",
            lambda: f"replace({of('str')}, {of('str')}, {of('str')})",
            lambda: f"format_int({of('num')}, 10)",
            lambda: f"$\"<{{{of('num')}}}{{{of('str')}}}>\"",
            lambda: f"substring({of('str')}, 0, {self.pick('0', '1', '-1')})",
            lambda: f"base64.encode({of('str')})",
            lambda: f"crypto.sha256({of('str')})",
            lambda: f"trim({of('str')}, \"ab\")",
            lambda: f"type_name({of(self.pick('num', 'set', 'obj'))})",
            lambda: f"urlquery.encode({of('str')})",
        )()

    def bool_of(self, of):
        return self.pick(
            lambda: f"contains({of('str')}, {of('str')})",
            lambda: f"is_number({of(self.pick('num', 'str'))})",
            lambda: f"object.subset({of('obj')}, {of('obj')})",
            lambda: f"endswith({of('str')}, {of('str')})",
            lambda: f"glob.match(\"a*\", [], {of('str')})",
            lambda: f"regex.match(\"^[a-z]+$\", {of('str')})",
        )()

    def list_of(self, of):
        name = self.name()
        return self.pick(
            lambda: f"[{of('num')}, {of('num')}]",
            lambda: f"array.concat({of('list')}, {of('list')})",
            lambda: f"sort({of(self.pick('list', 'set'))})",
            lambda: f"array.reverse({of('list')})",
            lambda: f"array.slice({of('list')}, 0, {self.pick('1', '2', '9')})",
            lambda: f"numbers.range({self.pick('0', '1', '3')}, {self.pick('2', '5', '-1')})",
            lambda: f"[{name} | some {name} in {of('list')}; {name} > {of('num')}]",
            lambda: f"array.flatten([{of('list')}, {of('list')}])",
            lambda: f"sort([{name} | some {name} in {of('set')}])",
        )()

    def set_of(self, of):
        name = self.name()
        return self.pick(
            lambda: f"{{{of('num')}, {of('num')}}}",
            lambda: f"({of('set')} {self.pick('|', '&', '-')} {of('set')})",
            lambda: f"{{{name} | some {name} in {of('list')}}}",
            lambda: f"union({{{of('set')}, {of('set')}}})",
            lambda: f"intersection({{{of('set')}, {of('set')}}})",
        )()

    def obj_of(self, of):
        key, name = self.name(), self.name()
        return self.pick(
            lambda: f"{{{of('str')}: {of('num')}}}",
            lambda: f"object.union({of('obj')}, {of('obj')})",
            lambda: f"object.remove({of('obj')}, [{of('str')}])",
            lambda: f"{{{key}: {name} | some {key}, {name} in {of('obj')}}}",
            lambda: f"object.filter({of('obj')}, [{of('str')}, \"k0\"])",
        )()

    def input(self):
        rng = self.rng
        fields = {"n": rng.choice([0, 1, 2.5, -3, 100]), "s": rng.choice(["a", "ab", "", "12"]),
                  "b": rng.choice([True, False]), "l": [rng.randint(-2, 4) for _ in range(rng.randint(0, 4))],
                  "o": {f"k{at}": rng.randint(0, 3) for at in range(rng.randint(0, 3))}}
        return {name: value for name, value in fields.items() if rng.random() < 0.85}


def generate(seed, count):
    for number in range(count):
        rng = random.Random(f"{seed}/{number}")
        policy = Policy(rng)
        modules, questions = policy.modules(), policy.input()
        targets = [f"data.{package}.{name}" for package, name, kind in policy.rules if kind != "fn"]
        targets += [f"data.{rng.choice(policy.files)['package']}"]
        # One of them, and sometimes under another input.
        query = f"x := {rng.choice(targets)}"
        if rng.random() < 0.3:
            query += f" with input as {json.dumps(policy.input())}"
        question = {"modules": modules, "query": query, "input": questions, "strict": True}
        yield {**question, "answer": answer(question)}


def main():
    if sys.argv[1] == "generate":
        lines = generate(sys.argv[2], int(sys.argv[3]))
    else:
        lines = (answer(json.loads(line)) for line in sys.stdin)
    for line in lines:
        print(json.dumps(line), flush=True)


main()
