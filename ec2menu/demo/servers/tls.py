"""A certificate for the toy servers: self-signed, made in memory at the first need, worth nothing to anybody.

Uses `cryptography`, which moto brings; without it the servers do without TLS.
"""

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

ISSUER = "ec2menu demo (signed by nobody)"
LIFETIME = timedelta(days=30)
LONGEST_NAME = 253


@cache
def server_context(name: str) -> ssl.SSLContext | None:
    """Return what serves TLS as the host `name`, or None where no certificate can be made."""
    try:
        pem = _certificate(name if name.isascii() and 0 < len(name) <= LONGEST_NAME else "localhost")
    except ImportError:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # OpenSSL takes a chain from a file only.
    with tempfile.TemporaryDirectory(prefix="ec2menu-demo-tls-") as folder:
        path = Path(folder) / "demo.pem"
        path.write_bytes(pem)
        context.load_cert_chain(path)
    return context


def _certificate(name: str) -> bytes:
    """Return a new key and a certificate for `name`, in PEM."""
    from cryptography import x509  # noqa: PLC0415 - not there without moto
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - the same
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - the same

    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, ISSUER)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
