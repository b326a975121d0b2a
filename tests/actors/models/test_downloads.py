"""Files from an https address on loopback: whole, cut off, of other bytes, and sent on to a place that is not https."""

import ssl
import subprocess
import threading
from dataclasses import replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import accumulate

import pytest

from actors.models import nets
from actors.models.downloads import HttpsFile, fetch_from_https
from actors.models.mirror import VARIABLE
from actors.models.nets import find_net
from engine.errors import EnvironmentProblem

DATA = bytes(range(256)) * 20_000


class Files(BaseHTTPRequestHandler):
    """`/whole`, `/cut` (ends after half), `/plain` (knows no ranges), `/away` (to http), `/on` (to /whole)."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Range")))
        if self.path in ("/away", "/on"):
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:9/x" if self.path == "/away" else "/whole")
            self.end_headers()
            return
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        start = 0 if self.path == "/plain" else start
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(DATA) - start))
        self.end_headers()
        self.wfile.write(DATA[start : len(DATA) // 2 if self.path == "/cut" else None])

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", "key.pem", "-out", "cert.pem"], cwd=folder, check=True)
    return folder


@pytest.fixture
def server(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    running = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    running.asked = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    running.socket = context.wrap_socket(running.socket, server_side=True)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


def wanted(server, path="/whole"):
    url = f"https://127.0.0.1:{server.server_address[1]}{path}"
    return HttpsFile(url=url, size=len(DATA), sha256=sha256(DATA).hexdigest())


@pytest.mark.parametrize("path", ["/whole", "/plain", "/on"])
def test_a_file_comes_whole_and_once(server, tmp_path, path):
    came = []
    to = fetch_from_https(wanted(server, path), tmp_path / "nets" / "net.onnx", came.append)
    assert to.read_bytes() == DATA
    assert list(accumulate(came))[-1] == len(DATA)
    asked = len(server.asked)
    assert fetch_from_https(wanted(server, path), to) == to
    assert len(server.asked) == asked, "what is there is not fetched again"
    assert [entry.name for entry in to.parent.iterdir()] == ["net.onnx"]


@pytest.mark.parametrize("then", ["/whole", "/plain"])
def test_a_download_that_was_cut_off_goes_on(server, tmp_path, then):
    to = tmp_path / "net.onnx"
    with pytest.raises(EnvironmentProblem, match=r"DOWNLOAD_FAILED(.|\n)*2,560,000 of 5,120,000(.|\n)*goes on"):
        fetch_from_https(wanted(server, "/cut"), to)
    assert not to.exists()
    came = []
    fetch_from_https(wanted(server, then), to, came.append)
    assert server.asked[-1] == (then, "bytes=2560000-")
    assert to.read_bytes() == DATA
    assert sum(came) == len(DATA)


def test_other_bytes_are_refused_and_leave_nothing_behind(server, tmp_path):
    for other in (replace(wanted(server), sha256="0" * 64), replace(wanted(server), size=len(DATA) - 5)):
        with pytest.raises(EnvironmentProblem, match="MODEL_DAMAGED"):
            fetch_from_https(other, tmp_path / "net.onnx")
        assert not [*tmp_path.iterdir()]


def test_what_is_not_https_is_not_asked(server, tmp_path):
    for url in (wanted(server, "/away").url, "http://127.0.0.1:9/x", "file:///etc/passwd"):
        with pytest.raises(EnvironmentProblem, match=r"DOWNLOAD_FAILED(.|\n)*https"):
            fetch_from_https(replace(wanted(server), url=url), tmp_path / "net.onnx")


def test_a_certificate_that_nobody_vouches_for_is_refused(server, tmp_path, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(EnvironmentProblem, match=r"DOWNLOAD_FAILED(.|\n)*CERTIFICATE_VERIFY_FAILED"):
        fetch_from_https(wanted(server), tmp_path / "net.onnx")


def test_a_net_lies_where_models_were_pulled_to(server, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "u2net"))
    monkeypatch.setitem(nets.SOURCES, "u2net", wanted(server))
    pulled = nets.pull_net("u2net")
    assert pulled == tmp_path / "cache" / "mycanvas" / "nets" / "u2net.onnx"
    (tmp_path / "models" / "nets").mkdir(parents=True)
    pulled.rename(tmp_path / "models" / "nets" / "u2net.onnx")
    monkeypatch.setenv(VARIABLE, f"file://{tmp_path}/models")
    assert find_net("u2net").read_bytes() == DATA
    pulled.unlink()
    (tmp_path / "models" / "nets" / "u2net.onnx").write_bytes(b"other")
    with pytest.raises(EnvironmentProblem, match="MODEL_DAMAGED"):
        find_net("u2net")
