"""A broker of Apache Kafka that is reached in every way that the policy's `security` knows."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AdminClient,
    NewTopic,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from broker import PARTITIONS
from certificates import Authority
from kafka_server import KafkaServer
from token_server import ISSUER, TokenServer

USER, PASSWORD = "framegate", "correct-horse-battery"
CLIENT, CLIENT_SECRET = "framegate-gateway", "staple-of-secrets"
KEY_PASSWORD = "key-of-keys"
AUDIENCE = "kafka"
ITERATIONS = 4096
JAAS = "org.apache.kafka.common.security"
VALIDATOR = f"{JAAS}.oauthbearer.OAuthBearerValidatorCallbackHandler"
ALLOWED_URLS = "-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls"


@dataclass
class SecuredKafka:
    """Where its listeners are, and what its clients need."""

    plain: str
    tls: str
    mutual: str
    sasl: str
    clear: str
    authority: Path
    stranger: Path
    client: Path
    tokens: TokenServer
    folder: Path

    def secret(self, value: str) -> dict:
        """A secret in a file, as `security` takes it."""
        file = self.folder / f"{value}.secret"
        file.write_text(f"{value}\n")
        return {"file": str(file)}

    def login(self, mechanism: str, password: str = PASSWORD, user: str = USER) -> dict:
        """Of a user."""
        return {"mechanism": mechanism, "username": user, "password": self.secret(password)}

    def bearer(self, secret: str = CLIENT_SECRET) -> dict:
        """Of a client with tokens."""
        endpoint = {"mechanism": "OAUTHBEARER", "token_endpoint": self.tokens.tokens}
        return {**endpoint, "client_id": CLIENT, "client_secret": self.secret(secret), "scope": "kafka"}

    def create(self, topics: list[str]) -> None:
        """Makes topics."""
        admin = self._admin()  # kept, since what it does ends with it
        made = admin.create_topics([NewTopic(topic, len(PARTITIONS)) for topic in topics])
        for done in made.values():
            done.result(20)

    def set_password(self, user: str, password: str) -> None:
        """Makes the user, or changes the password."""
        infos = [ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512]
        credentials = [
            UserScramCredentialUpsertion(user, ScramCredentialInfo(each, ITERATIONS), password.encode())
            for each in infos
        ]
        admin = self._admin()
        for credential in credentials:
            admin.alter_user_scram_credentials([credential])[user].result(20)

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.plain, "log_level": 3})


@contextmanager
def secured_kafka(folder: Path) -> Iterator[SecuredKafka]:
    """The broker; it ends with the block."""
    folder.mkdir(exist_ok=True)
    authority, stranger = Authority(folder), Authority(folder, "stranger")
    with ExitStack() as stack:
        tokens = stack.enter_context(TokenServer(CLIENT, CLIENT_SECRET, AUDIENCE))
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        environment.setenv("KAFKA_OPTS", f"{ALLOWED_URLS}={tokens.keys}")
        names = ["PLAINTEXT", "TLS", "MUTUAL", "SASL", "CLEAR", "CONTROLLER"]
        listeners = dict(zip(names, addresses(len(names)), strict=True))
        settings = {**reached(listeners), **encrypted(folder, authority), **authenticated(tokens)}
        stack.enter_context(KafkaServer(folder / "kafka", **settings))
        kafka = SecuredKafka(
            *list(listeners.values())[:5],
            authority=authority.trusted,
            stranger=stranger.trusted,
            client=authority.issue("client", KEY_PASSWORD.encode()),
            tokens=tokens,
            folder=folder,
        )
        kafka.set_password(USER, PASSWORD)
        yield kafka


def addresses(count: int) -> list[str]:
    """Of loopback, where nobody listens now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return found


def reached(listeners: dict[str, str]) -> dict[str, str]:
    """The broker's settings of its listeners."""
    protocols = {"TLS": "SSL", "MUTUAL": "SSL", "SASL": "SASL_SSL", "CLEAR": "SASL_PLAINTEXT"}
    shown = [f"{name}://{address}" for name, address in listeners.items()]
    kinds = [f"{name}:{protocols.get(name, 'PLAINTEXT')}" for name in listeners]
    return {
        "listeners": ",".join(shown),
        "advertised.listeners": ",".join(shown[:-1]),
        "listener.security.protocol.map": ",".join(kinds),
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.quorum.voters": f"1@{listeners['CONTROLLER']}",
        "num.partitions": str(len(PARTITIONS)),
    }


def encrypted(folder: Path, authority: Authority) -> dict[str, str]:
    """The broker's settings of TLS."""
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(authority.issue("server")),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.trusted),
        "listener.name.mutual.ssl.client.auth": "required",
    }


def authenticated(tokens: TokenServer) -> dict[str, str]:
    """The broker's settings of SASL."""
    scram = f"{JAAS}.scram.ScramLoginModule required;"
    plain = f'{JAAS}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
    settings = {
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
        "plain.sasl.jaas.config": plain,
        "scram-sha-256.sasl.jaas.config": scram,
        "scram-sha-512.sasl.jaas.config": scram,
        "oauthbearer.sasl.jaas.config": f"{JAAS}.oauthbearer.OAuthBearerLoginModule required;",
        "oauthbearer.sasl.server.callback.handler.class": VALIDATOR,
        "oauthbearer.sasl.oauthbearer.jwks.endpoint.url": tokens.keys,
        "oauthbearer.sasl.oauthbearer.expected.audience": AUDIENCE,
        "oauthbearer.sasl.oauthbearer.expected.issuer": ISSUER,
    }
    prefixed = [f"listener.name.{name}" for name in ("sasl", "clear")]
    return {f"{prefix}.{key}": value for prefix in prefixed for key, value in settings.items()}
