"""Our HPKE against an independent one: pyhpke (PyPI), Auth mode, P-256, AES-128-GCM.

    hpke_independent.py PATH-OF-HPKE_PEER

Both directions, both backends, with fresh keys, texts and labels every time. Exits with 77, which
ctest counts as skipped, when pyhpke is not importable: `pip install pyhpke==0.6.0`.
"""

import os
import subprocess
import sys

try:
    from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey
except ImportError:
    print("skipped: this Python has no pyhpke (pip install pyhpke==0.6.0, TRIB_TEST_PYTHON)")
    sys.exit(77)

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SUITE = CipherSuite.new(KEMId.DHKEM_P256_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.AES128_GCM)
EXPORT_BYTES = 48
ROUNDS = 8


class Pair:
    def __init__(self):
        key = ec.generate_private_key(ec.SECP256R1())
        self.secret = key.private_numbers().private_value.to_bytes(32, "big").hex()
        self.open = key.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint).hex()
        self.own = KEMKey.from_pyca_cryptography_key(key)
        self.public = KEMKey.from_pyca_cryptography_key(key.public_key())


def peer(*words):
    run = subprocess.run([sys.argv[1], *words], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.split("\n")[:-1]


def refuses(*words):
    run = subprocess.run([sys.argv[1], *words], capture_output=True, text=True, check=False)
    return run.returncode == 1 and "tag" in run.stderr


def theirs_opens_ours(backend, gateway, cloud, info, aad, text, label):
    enc, first, second, exported = peer(
        backend, "seal", info.hex(), gateway.secret, cloud.open, aad.hex(), text.hex(), label.hex())
    context = SUITE.create_recipient_context(
        bytes.fromhex(enc), cloud.own, info=info, pks=gateway.public)
    assert context.open(bytes.fromhex(first), aad) == text
    assert context.open(bytes.fromhex(second), aad) == text
    assert context.export(label, EXPORT_BYTES).hex() == exported


def ours_opens_theirs(backend, gateway, cloud, info, aad, text, label):
    enc, context = SUITE.create_sender_context(cloud.public, info=info, sks=gateway.own)
    first, second = context.seal(text, aad), context.seal(text[::-1], aad)
    words = [backend, "open", info.hex(), cloud.secret, gateway.open, aad.hex(), enc.hex()]
    got = peer(*words, first.hex(), second.hex(), label.hex())
    assert got == [text.hex(), text[::-1].hex(), context.export(label, EXPORT_BYTES).hex()]
    assert refuses(*words, second.hex(), first.hex(), label.hex()), "the sequence does not matter"
    words[4] = Pair().open
    assert refuses(*words, first.hex(), second.hex(), label.hex()), "the sender does not matter"


def main():
    for count in range(ROUNDS):
        for backend in ("mbedtls", "openssl"):
            gateway, cloud = Pair(), Pair()
            assert peer(backend, "public", gateway.secret) == [gateway.open]
            values = [os.urandom(size) for size in (count * 7, count * 3, 1 + count * 29, count)]
            theirs_opens_ours(backend, gateway, cloud, *values)
            ours_opens_theirs(backend, gateway, cloud, *values)
    print(f"{ROUNDS} rounds, two backends, both directions: as pyhpke has it")


main()
