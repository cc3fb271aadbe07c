"""A token endpoint as identity providers have one: it gives signed tokens for a client's credentials."""

import json
import threading
import time
from base64 import b64encode, urlsafe_b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ISSUER = "https://tests.example"
LIFE = 3600  # of a token, in seconds


class TokenServer:
    """On a free port of loopback; it ends with its `with` block. `given` counts the tokens."""

    def __init__(self, client: str, secret: str, audience: str) -> None:
        self._wanted = "Basic " + b64encode(f"{client}:{secret}".encode()).decode()
        self._claims = {"sub": client, "aud": audience, "iss": ISSUER}
        self._key = rsa.generate_private_key(65537, 2048)
        self.given = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        address = f"http://127.0.0.1:{self._server.server_port}"
        self.tokens, self.keys = f"{address}/token", f"{address}/keys"

    def __enter__(self) -> "TokenServer":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def token(self, authorization: str | None) -> dict | None:
        """What a client gets, if its credentials are right."""
        if authorization != self._wanted:
            return None
        self.given += 1
        now = int(time.time())
        head = _part({"alg": "RS256", "typ": "JWT", "kid": "1"})
        signed = f"{head}.{_part({**self._claims, 'iat': now, 'exp': now + LIFE})}"
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return {"access_token": f"{signed}.{_text(signature)}", "token_type": "Bearer", "expires_in": LIFE}

    def key_set(self) -> dict:
        """What brokers check tokens with (RFC 7517)."""
        numbers = self._key.public_key().public_numbers()
        key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1"}
        return {"keys": [{**key, "n": _number(numbers.n), "e": _number(numbers.e)}]}

    def _handler(server) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(200, server.key_set())

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                token = server.token(self.headers.get("Authorization"))
                if token is None:
                    self._answer(401, {"error": "invalid_client"})
                else:
                    self._answer(200, token)

            def _answer(self, status: int, value: dict) -> None:
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _part(value: dict) -> str:
    return _text(json.dumps(value).encode())


def _number(number: int) -> str:
    return _text(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
