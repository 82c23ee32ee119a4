"""Reads our attestations with other people's libraries, and makes some of theirs, for the tests.

    python attestations.py < requests

Each line is a request as JSON; each answer is a line, `ok` or what went wrong.
"""

import base64
import json
import sys

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.predicates.vsa.v1 import vsa_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner, SSlibKey

TYPE = "application/vnd.in-toto+json"
PREDICATES = {
    "https://slsa.dev/provenance/v1": provenance_pb2.Provenance,
    "https://in-toto.io/attestation/test-result/v0.1": test_result_pb2.TestResult,
    "https://slsa.dev/verification_summary/v1": vsa_pb2.VerificationSummary,
}


def read(bundle, key):
    """The envelope verifies, and nothing of the statement or its predicate is unknown to the models."""
    with open(bundle, "rb") as file:
        wire = json.load(file)["dsseEnvelope"]
    with open(key, "rb") as file:
        public = SSlibKey.from_crypto(serialization.load_pem_public_key(file.read()))
    # The library tries no key without its id, which DSSE leaves to be a hint.
    wire["signatures"][0]["keyid"] = public.keyid
    envelope = Envelope.from_dict(wire)
    envelope.verify([public], 1)
    assert envelope.payload_type == TYPE, envelope.payload_type
    statement = json_format.Parse(envelope.payload, statement_pb2.Statement())
    Statement.copy_from_pb(statement).validate()
    predicate = json.loads(envelope.payload)["predicate"]
    if statement.predicate_type.startswith("https://slsa.dev/verification_summary/"):
        # The model has no version of the verifier, and one text where the specification has a list.
        assert predicate["verifier"].pop("version")
        assert all(isinstance(level, str) for level in predicate.pop("verifiedLevels"))
    json_format.ParseDict(predicate, PREDICATES[statement.predicate_type]())


def write(bundle, key, digest, predicate_type, predicate):
    """A statement made and signed by the libraries, in the least of a bundle; and its public key."""
    subject = ResourceDescriptor(name="model", digest={"sha256": digest})
    statement = Statement([subject.pb], predicate_type, predicate)
    statement.validate()
    payload = json_format.MessageToJson(statement.pb).encode()
    signer = CryptoSigner(ec.generate_private_key(ec.SECP256R1()))
    envelope = Envelope(payload, TYPE, {})
    envelope.sign(signer)
    with open(key, "w") as file:
        file.write(signer.public_key.keyval["public"])
    with open(bundle, "w") as file:
        json.dump({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": ""}},
            "dsseEnvelope": envelope.to_dict(),
        }, file, indent=2)


def damage(bundle):
    """The same bundle with another payload."""
    with open(bundle) as file:
        value = json.load(file)
    payload = base64.b64decode(value["dsseEnvelope"]["payload"])
    payload = payload.replace(b"_type", b"_Type")
    value["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    with open(bundle, "w") as file:
        json.dump(value, file)


for line in sys.stdin:
    request = json.loads(line)
    try:
        {"read": read, "write": write, "damage": damage}[request.pop("do")](**request)
        print("ok", flush=True)
    except Exception as error:  # whatever it is, the test has to see it
        print(f"{type(error).__name__}: {error}".replace("\n", " "), flush=True)
