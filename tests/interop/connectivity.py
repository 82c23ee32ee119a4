"""NetworkPolicies at random beside network-config-analyzer, an implementation of others.

    connectivity.py CASEMATE COUNT [SEED]

Writes COUNT clusters of a few pods and policies each, asks both what passes, and compares pair by pair and address by address, for
TCP, UDP and SCTP. Prints each difference with its manifests, and ends with 1 if there is one.
"""
import collections
import contextlib
import io
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile

from nca import nca_cli as peer

NAMESPACES = ["lab", "models", "edge"]
PROTOCOLS = ["TCP", "UDP", "SCTP"]
LAST = 65535
# What the other takes for granted.
TAKEN = ["--pod-network", "none", "--host-network", "held", "--declared-only", "--format", "json"]


def selector(chance, key, values, most=1.0):
    kind = chance.uniform(0, most)
    if kind < 0.2:
        return "{}"
    if kind < 0.6:
        return f"{{matchLabels: {{{key}: {chance.choice(values)}}}}}"
    if kind < 0.8:
        word = chance.choice(["In", "NotIn"])
        some = chance.sample(values, chance.randrange(1, len(values)))
        return f"{{matchExpressions: [{{key: {key}, operator: {word}, values: [{', '.join(some)}]}}]}}"
    return f"{{matchExpressions: [{{key: {key}, operator: {chance.choice(['Exists', 'DoesNotExist'])}}}]}}"


def pods(chance):
    return selector(chance, "app", ["x", "y", "z"])


def namespaces(chance):
    return selector(chance, *chance.choice([("team", ["a", "b"]), ("kubernetes.io/metadata.name", NAMESPACES)]))


def block(chance):
    whole, inner = chance.choice([("0.0.0.0/0", "10.0.0.0/8"), ("10.0.0.0/8", "10.1.0.0/16"), ("192.0.2.0/24", "192.0.2.7/32")])
    excepted = f", except: [{inner}]" if chance.random() < 0.4 else ""
    return f"{{ipBlock: {{cidr: {whole}{excepted}}}}}"


def one_peer(chance):
    return chance.choice(
        [
            lambda: block(chance),
            lambda: f"{{podSelector: {pods(chance)}}}",
            lambda: f"{{namespaceSelector: {namespaces(chance)}}}",
            # The peer looks for `Exists` and `DoesNotExist` in the policy's own namespace alone (`get_peers_with_key` of
            # its K8sPolicyYamlParser), whatever the namespaceSelector says; Kubernetes does not.
            lambda: f"{{namespaceSelector: {namespaces(chance)}, podSelector: {selector(chance, 'app', ['x', 'y', 'z'], 0.8)}}}",
        ]
    )()


PORTS = [
    "{port: 80}",
    "{port: 443, protocol: UDP}",
    "{port: web}",
    "{port: dns, protocol: UDP}",
    "{port: 79, endPort: 8080}",
    "{port: 1, endPort: 65535, protocol: SCTP}",
    "{protocol: UDP}",
]


def rules(chance, word):
    def rule():
        parts = []
        if chance.random() < 0.8:
            parts.append(f"{word}: [{', '.join(one_peer(chance) for _ in range(chance.randrange(1, 3)))}]")
        if chance.random() < 0.6:
            parts.append(f"ports: [{', '.join(chance.sample(PORTS, chance.randrange(1, 3)))}]")
        return f"{{{', '.join(parts)}}}"

    return ", ".join(rule() for _ in range(chance.randrange(0, 3)))


def cluster(chance):
    documents = [
        f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{kubernetes.io/metadata.name: {name}{team}}}}}"
        for name in NAMESPACES
        for team in [chance.choice(["", ", team: a", ", team: b"])]
    ]
    for at in range(chance.randrange(3, 7)):
        labels = chance.choice(["{}", "{app: x}", "{app: y}", "{app: z}"])
        ports = f"{{name: web, containerPort: {chance.choice([80, 8080])}}}, {{name: dns, containerPort: 53, protocol: UDP}}"
        documents.append(
            f"apiVersion: v1\nkind: Pod\nmetadata: {{name: p{at}, namespace: {chance.choice(NAMESPACES)}, labels: {labels}}}\n"
            f"spec: {{containers: [{{name: c, image: i, ports: [{ports}]}}]}}"
        )
    for at in range(chance.randrange(1, 5)):
        types = chance.choice(["Ingress", "Egress", "Ingress, Egress"])
        spec = [f"podSelector: {pods(chance)}", f"policyTypes: [{types}]"]
        if "Ingress" in types:
            spec.append(f"ingress: [{rules(chance, 'from')}]")
        if "Egress" in types:
            spec.append(f"egress: [{rules(chance, 'to')}]")
        documents.append(
            f"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: n{at}, namespace: {chance.choice(NAMESPACES)}}}\n"
            f"spec: {{{', '.join(spec)}}}"
        )
    return "\n---\n".join(documents) + "\n"


def ranges(text):
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield int(first), int(last or first)


def merged(ports):
    """Ranges that touch, as one; in order."""
    joined = []
    for first, last in sorted(ports):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return tuple(joined)


def of_ours(text):
    """Ports by protocol, of `TCP 80,443,UDP 53`."""
    if text == "No Connections":
        return {}
    if text == "All Connections":
        return {it: [(1, LAST)] for it in PROTOCOLS}
    ports, protocol = collections.defaultdict(list), None
    for word in text.split(","):
        if " " in word:
            protocol, word = word.split(" ")
        ports[protocol] += list(ranges(word))
    return ports


def of_theirs(text):
    """Ports by protocol, of `{protocols:TCP,dst_ports:80}`; protocols that policies do not have are left out."""
    if text == "All connections":
        return {it: [(1, LAST)] for it in PROTOCOLS}
    match = re.fullmatch(r"\{(?:protocols:([^{}]*?))?(?:,?dst_ports:([0-9,-]+))?\}", text)
    if not match:
        sys.exit(f"cannot read {text!r}")
    named, numbered = match.groups()
    words = named.split(", ") if named else PROTOCOLS
    return {it: list(ranges(numbered)) if numbered else [(1, LAST)] for it in words if it in PROTOCOLS}


def address(text):
    """The ends of ranges of addresses, if it is such."""
    name = text.removesuffix("[External]")
    if not re.fullmatch(r"[0-9.,-]+", name):
        return None

    def number(dotted):
        return int.from_bytes(bytes(int(it) for it in dotted.split(".")), "big")

    parts = (part.partition("-") for part in name.split(","))
    return [(number(first), number(last or first)) for first, _, last in parts]


def relation(lines, read):
    """What passes: by pair and protocol, ports; with outside, by one end and the ranges of addresses."""
    inside, outside = collections.defaultdict(list), collections.defaultdict(list)
    for line in lines:
        match = re.fullmatch(r"(\S+) => (\S+) : (.*)", line)
        if not match:
            continue
        source, target, text = match.groups()
        if source == target:
            continue
        for protocol, ports in read(text).items():
            for end, way, other in [(source, "from", target), (target, "to", source)]:
                for first, last in address(end) or []:
                    outside[other, way, protocol].append((first, last, ports))
            if address(source) is None and address(target) is None:
                inside[source, target, protocol] += ports
    return inside, outside


def compare(ours, theirs):
    differences = []
    for key in sorted(ours[0].keys() | theirs[0].keys()):
        a, b = merged(ours[0].get(key, [])), merged(theirs[0].get(key, []))
        if a != b:
            differences.append((key, a, b))
    for key in sorted(ours[1].keys() | theirs[1].keys()):
        sides = ours[1].get(key, []), theirs[1].get(key, [])
        cuts = sorted({0} | {cut for side in sides for first, last, _ in side for cut in (first, last + 1)})
        for cut in cuts:
            a, b = (merged(p for first, last, ports in side if first <= cut <= last for p in ports) for side in sides)
            if a != b:
                differences.append((key, cut, a, b))
    return differences


def main():
    program, count = sys.argv[1], int(sys.argv[2])
    chance = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 2026)
    pairs = different = 0
    for at in range(count):
        with tempfile.TemporaryDirectory() as place:
            text = cluster(chance)
            pathlib.Path(place, "all.yaml").write_text(text)
            said = subprocess.run([program, "segment", "list", place, *TAKEN], capture_output=True, text=True, check=True)
            ours = json.loads(said.stdout)
            edges = [f"{it['from']} => {it['to']} : {it['connections']}" for it in ours["edges"]]
            ours = relation(edges, of_ours)
            out = io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
                peer.nca_main(["--connectivity", "-r", place, "-o", "txt_no_fw_rules"])
            theirs = relation(out.getvalue().splitlines(), of_theirs)
        pairs += len(theirs[0]) + len(theirs[1])
        found = compare(ours, theirs)
        if found or said.stderr:
            different += 1
            print(f"# set {at}\n{text}", *found, said.stderr, sep="\n", flush=True)
    print(f"{count} sets, {pairs} pairs with a protocol, {different} sets differ")
    sys.exit(different > 0)


if __name__ == "__main__":
    main()
