"""What stands beside the platform while rows run: a front that speaks TLS, one that is away at first, receivers of webhooks."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from rows import URL

_HOST = "127.0.0.1"


@dataclass
class Front:
    """Speaks TLS, for clients that speak nothing else."""

    port: int
    target_port: int
    """What new connections are for."""


def open_tls_front(target_port: int, folder: Path) -> tuple[Front, Path]:
    """The front, and the certificate to trust it by. Bytes pass as they come, and who hangs up does so on both sides."""
    certificate, key = _write_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    front = Front(0, target_port)
    opened = threading.Event()

    async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_asked: bool) -> None:
        while data := await source.read(65_536):
            if is_asked:
                # As every such front says it: links in answers begin with the address that was asked for. The head of a
                # request comes in one piece, and its body, JSON, holds no such line break.
                data = data.replace(b"\r\nHost: ", b"\r\nX-Forwarded-Proto: https\r\nHost: ", 1)
            sink.write(data)
            await sink.drain()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        away_reader, away_writer = await asyncio.open_connection(_HOST, front.target_port)
        ways = [
            asyncio.create_task(pass_on(reader, away_writer, is_asked=True)),
            asyncio.create_task(pass_on(away_reader, writer, is_asked=False)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for each in (writer, away_writer):
            each.close()

    async def listen() -> None:
        server = await asyncio.start_server(serve, _HOST, 0, ssl=context)
        front.port = server.sockets[0].getsockname()[1]
        opened.set()
        await server.serve_forever()

    threading.Thread(target=asyncio.run, args=(listen(),), daemon=True).start()
    opened.wait()
    return front, certificate


def _write_certificate(folder: Path) -> tuple[Path, Path]:
    """Of 127.0.0.1, for a day, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "front of a test")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(_HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / "front.pem", folder / "front.key"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate_path, key_path


class Faltering:
    """Answers 503 so many times, with `Retry-After: 1`, and as the platform after that."""

    def __init__(self, faults: int, unavailable: bytes) -> None:
        self.asked_at_s: list[float] = []
        asked_at_s = self.asked_at_s

        class Handler(_Quiet):
            def answer(self) -> None:
                asked_at_s.append(time.monotonic())
                body = self.body()
                if len(asked_at_s) <= faults:
                    self.say(503, unavailable, {"retry-after": "1"})
                    return
                headers = {name: value for name, value in self.headers.items() if name.lower() in _PASSED}
                asked = urllib.request.Request(URL + self.path, body or None, headers, method=self.command)
                try:
                    with urllib.request.urlopen(asked) as got:
                        self.say(got.status, got.read(), {})
                except urllib.error.HTTPError as error:
                    self.say(error.code, error.read(), {})

            do_GET = do_POST = do_PUT = answer

        self._server = _serve(Handler)
        self.port = self._server.server_port
        self.url = f"http://{_HOST}:{self.port}"

    def close(self) -> None:
        self._server.shutdown()


class Receiver:
    """Takes every webhook."""

    def __init__(self) -> None:
        self.seen: list[tuple[dict[str, str], str]] = []
        """Headers, by names in lower case, and body of each."""
        seen = self.seen

        class Handler(_Quiet):
            def do_POST(self) -> None:
                body = self.body().decode()
                self.say(200, b"", {})
                seen.append(({name.lower(): value for name, value in self.headers.items()}, body))

        self._server = _serve(Handler)
        self.url = f"http://{_HOST}:{self._server.server_port}/hook"

    def close(self) -> None:
        self._server.shutdown()


_PASSED = ("authorization", "content-type", "prefer")


class _Quiet(BaseHTTPRequestHandler):
    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def say(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        told = {"content-type": "application/json", "content-length": str(len(body)), **headers}
        for name, value in told.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def _serve(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer((_HOST, 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
