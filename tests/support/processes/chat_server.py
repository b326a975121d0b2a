"""An OpenAI-compatible server on loopback whose answers a test decides, to see what a client makes of them."""

import json
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.support.processes.loopback import serving

MODEL = "tiny-chat"


@dataclass
class Reply:
    """What goes back: a status, headers, and a body as JSON, or as it is where it is bytes."""

    body: object = None
    status: int = 200
    headers: dict = field(default_factory=dict)


def says(text):
    """A chat completion."""
    message = {"role": "assistant", "content": text}
    return Reply(
        {"id": "1", "object": "chat.completion", "model": MODEL, "choices": [{"index": 0, "message": message}]}
    )


@contextmanager
def chat_server(answer, *, models=(MODEL,)):
    """Yields the address and the list of questions so far; `answer` gives the `Reply` to (question, its number)."""
    asked, connections, lock = [], [], threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self):
            super().setup()
            connections.append(self.connection)

        def log_message(self, *_):
            pass

        def do_GET(self):
            known = models() if callable(models) else models
            listed = known if isinstance(known, Reply) else {"object": "list", "data": [{"id": m} for m in known]}
            self.reply(listed if isinstance(listed, Reply) else Reply(listed))

        def do_POST(self):
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                asked.append({**question, "headers": {name.lower(): value for name, value in self.headers.items()}})
                number = len(asked) - 1
            self.reply(answer(question, number))

        def reply(self, reply):
            body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    try:
        with serving(Handler) as address:
            yield f"{address}/v1", asked
    finally:
        for connection in connections:
            with suppress(OSError):  # it may be closed by now
                connection.shutdown(socket.SHUT_RDWR)
