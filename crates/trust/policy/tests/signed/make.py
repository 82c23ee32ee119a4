"""Makes the archives beside it, signed as OPA signs: `python make.py`, with PyJWT and cryptography.

The keys are made anew and thrown away; what verifies is kept. The digests follow OPA's documentation: of `data.json`
and `.manifest` those of what they say, fields in order and nothing between them; of others those of their bytes.
"""
import gzip
import hashlib
import io
import json
import tarfile

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

FILES = {
    ".manifest": b'{ "revision": "seven",\n  "roots": [ "admission", "limits" ] }\n',
    "admission/gate.rego": b"package admission\n\ndeny contains \"no\" if input.count > data.limits.most\n",
    "limits/data.json": '{ "most": 2.50, "names": ["\u00e9", "<a>"], "all": {"b": null, "a": true} }\n'.encode(),
}
HASHES = {"SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512", "SHA-512-256": "sha512_256"}


def said(name, content):
    if name.rsplit("/")[-1] not in ("data.json", ".manifest"):
        return content
    literals = {}
    def number(text):
        key = f"\0{len(literals)}\0"
        literals[json.dumps(key)] = text
        return key
    value = json.loads(content, parse_float=number, parse_int=number)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for key, literal in literals.items():
        text = text.replace(key, literal)
    return text.encode()


def entry(name, content, algorithm="SHA-256"):
    digest = hashlib.new(HASHES[algorithm], said(name, content)).hexdigest()
    return {"name": name, "hash": digest, "algorithm": algorithm}


def pack(out, files):
    with open(out, "wb") as file, gzip.GzipFile("", "wb", mtime=0, fileobj=file) as packed:
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


def sign(out, key, algorithm, claims={}, files=FILES, entries=None, headers={}):
    entries = entries or [entry(name, content) for name, content in files.items()]
    token = jwt.encode({"files": entries, **claims}, key, algorithm=algorithm, headers=headers)
    pack(out, {**files, ".signatures.json": json.dumps({"signatures": [token]}).encode()})


def main():
    secret = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    with open("secret.jwk", "w") as file:
        json.dump({"kty": "oct", "k": jwt.utils.base64url_encode(secret).decode()}, file)
    private = {"rsa": rsa.generate_private_key(65537, 2048), "p256": ec.generate_private_key(ec.SECP256R1()),
               "p384": ec.generate_private_key(ec.SECP384R1()), "p521": ec.generate_private_key(ec.SECP521R1())}
    public = {}
    for name, key in private.items():
        public[name] = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        with open(f"{name}.pem", "wb") as file:
            file.write(public[name])
    for algorithm in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"):
        sign(f"{algorithm}.tar.gz", private["rsa"], algorithm)
    for algorithm, name in (("ES256", "p256"), ("ES384", "p384"), ("ES512", "p521")):
        sign(f"{algorithm}.tar.gz", private[name], algorithm)
    for algorithm in ("HS256", "HS384", "HS512"):
        sign(f"{algorithm}.tar.gz", secret, algorithm)
    hashes = [entry(name, content, algorithm) for (name, content), algorithm in zip(FILES.items(), list(HASHES)[1:])]
    sign("hashes.tar.gz", private["p256"], "ES256", entries=hashes,
         claims={"scope": "write", "iss": "builder", "keyid": "old"}, headers={"kid": "seven"})
    slashes = [{**one, "name": "/" + one["name"]} for one in hashes]
    sign("slashes.tar.gz", private["p256"], "ES256", entries=slashes)

    # What counts as unsigned.
    pack("unsigned.tar.gz", FILES)
    good = [entry(name, content) for name, content in FILES.items()]
    sign("less.tar.gz", private["p256"], "ES256", entries=good[:-1])
    sign("more.tar.gz", private["p256"], "ES256", entries=good + [entry("gone.rego", b"package gone\n")])
    sign("twice.tar.gz", private["p256"], "ES256", entries=good + [{**good[0], "name": "/.manifest"}])
    sign("sha1.tar.gz", private["p256"], "ES256", entries=[{**one, "algorithm": "SHA-1"} for one in good])
    tampered = {**FILES, "admission/gate.rego": b"package admission\n\ndeny := set()\n"}
    sign("tampered.tar.gz", private["p256"], "ES256", files=tampered, entries=good)
    sign("critical.tar.gz", private["p256"], "ES256", headers={"crit": ["b64"], "b64": False})
    sign("none.tar.gz", None, "none")
    # The public key, taken for a secret: PyJWT refuses to, so by hand.
    head, body = ({"alg": "HS256", "typ": "JWT"}, {"files": good})
    text = b".".join(jwt.utils.base64url_encode(json.dumps(part).encode()) for part in (head, body))
    import hmac
    mac = hmac.new(public["p256"], text, "sha256").digest()
    token = (text + b"." + jwt.utils.base64url_encode(mac)).decode()
    pack("confused.tar.gz", {**FILES, ".signatures.json": json.dumps({"signatures": [token]}).encode()})
    one = jwt.encode({"files": good}, private["p256"], algorithm="ES256")
    for name, signatures in (("none-at-all", {"signatures": []}), ("two", {"signatures": [one, one]}),
                             ("plugin", {"signatures": [one], "plugin": "of-mine"}), ("shape", {"signatures": one})):
        pack(f"{name}.tar.gz", {**FILES, ".signatures.json": json.dumps(signatures).encode()})


main()
