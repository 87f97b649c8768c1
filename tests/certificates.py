"""A certificate authority of the moment, and a certificate for the loopback address."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificates:
    """Paths of PEM files: the authority, the server's certificate and its key."""

    authority: Path
    certificate: Path
    key: Path


def make_certificates(folder: Path, days: int = 30) -> Certificates:
    """Write an authority and a certificate for 127.0.0.1 that it has signed, good for so many days."""
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    server_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay.test")])
    begun = datetime.now(UTC) - timedelta(days=1)

    def builder(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begun)
            .not_valid_after(begun + timedelta(days=days + 1))
        )

    loopback = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    authority = (
        builder(authority_name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, SHA256())
    )
    server = (
        builder(server_name, server_key.public_key())
        .add_extension(loopback, critical=False)
        .sign(authority_key, SHA256())
    )
    made.authority.write_bytes(authority.public_bytes(Encoding.PEM))
    made.certificate.write_bytes(server.public_bytes(Encoding.PEM))
    made.key.write_bytes(server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made
