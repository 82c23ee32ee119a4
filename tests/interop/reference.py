"""Drives the reference implementation of OpenSSF Model Signing for the tests.

    python reference.py < requests

Each line is a request as JSON; each answer is a line, `ok` or what went wrong.
"""

import datetime
import json
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from model_signing import hashing, signing, verifying

CURVES = {"p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1}


def pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def issue(folder, curve):
    """A root, an issuer below it and a leaf, on one curve."""
    above = None
    for name, authority in (("root", True), ("issuer", True), ("leaf", False)):
        key = ec.generate_private_key(CURVES[curve]())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"{name} {curve}")])
        signer, issuer = above or (key, subject)
        usage = dict.fromkeys(
            ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
             "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"], False)
        usage["key_cert_sign" if authority else "digital_signature"] = True
        certificate = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(datetime.datetime(2024, 1, 1))
            .not_valid_after(datetime.datetime(2090, 1, 1))
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .sign(signer, hashes.SHA256()))
        with open(f"{folder}/{name}.pem", "wb") as file:
            file.write(certificate.public_bytes(serialization.Encoding.PEM))
        with open(f"{folder}/{name}.key", "wb") as file:
            file.write(pem(key))
        above = (key, subject)


def sign(model, bundle, key, chain, algorithm, shard_size):
    config = hashing.Config()
    if shard_size:
        config.use_shard_serialization(hashing_algorithm=algorithm, shard_size=shard_size)
    else:
        config.use_file_serialization(hashing_algorithm=algorithm)
    signer = signing.Config().set_hashing_config(config)
    if chain:
        signer.use_certificate_signer(
            private_key=key, signing_certificate=chain[0], certificate_chain=chain[1:])
    else:
        signer.use_elliptic_key_signer(private_key=key)
    signer.sign(model, bundle)


def verify(model, bundle, key, roots):
    verifier = verifying.Config()
    if roots:
        verifier.use_certificate_verifier(certificate_chain=roots)
    else:
        verifier.use_elliptic_key_verifier(public_key=key)
    verifier.verify(model, bundle)


for line in sys.stdin:
    request = json.loads(line)
    try:
        {"issue": issue, "sign": sign, "verify": verify}[request.pop("do")](**request)
        print("ok", flush=True)
    except Exception as error:  # whatever it is, the test has to see it
        print(f"{type(error).__name__}: {error}".replace("\n", " "), flush=True)
