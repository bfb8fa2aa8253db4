"""A Kafka that is spoken to by TLS and wants to know who comes, as a provider's does."""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.support.daemons import Kafka

USERNAME: Final = "parley"
PASSWORD: Final = "geheim-Pa_55"
_PLAIN: Final = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    'username="broker" password="between brokers" user_broker="between brokers" user_{name}="{password}";'
)
_SCRAM: Final = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
_LISTENER: Final = "listener.name.sasl_ssl"


class GuardedKafka(Kafka):
    """SASL_SSL with PLAIN and both kinds of SCRAM; ``ca_file`` signed its certificate."""

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    def settings(self) -> str:
        _make_certificate(self.folder / "broker.pem", self.ca_file)
        plain = _PLAIN.format(name=USERNAME, password=PASSWORD)
        more = [
            "inter.broker.listener.name=SASL_SSL",
            "sasl.mechanism.inter.broker.protocol=PLAIN",
            "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            f"{_LISTENER}.plain.sasl.jaas.config={plain}",
            f"{_LISTENER}.scram-sha-256.sasl.jaas.config={_SCRAM}",
            f"{_LISTENER}.scram-sha-512.sasl.jaas.config={_SCRAM}",
            "ssl.keystore.type=PEM",
            f"ssl.keystore.location={self.folder / 'broker.pem'}",
            "ssl.truststore.type=PEM",
            f"ssl.truststore.location={self.ca_file}",
        ]
        ordinary = super().settings().replace("PLAINTEXT:PLAINTEXT\n", "SASL_SSL:SASL_SSL\n")
        return ordinary.replace("=PLAINTEXT://", "=SASL_SSL://") + "\n".join(more) + "\n"

    def storage_flags(self) -> list[str]:
        return [
            flag
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            for flag in ("--add-scram", f'{mechanism}=[name={USERNAME},password="{PASSWORD}"]')
        ]


def _make_certificate(file: Path, ca_file: Path) -> None:
    """Of 127.0.0.1, signed by itself; key and certificate in one file, as Kafka takes them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test's broker")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(names, critical=False)
        .sign(key, SHA256())
    )
    pem = made.public_bytes(Encoding.PEM)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + pem)
    ca_file.write_bytes(pem)
