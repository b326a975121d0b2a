"""A model hub on loopback, with what `huggingface_hub` asks of one: the files of a commit, and each file."""

import hashlib
import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from tests.support.processes.loopback import serving


def reply(repositories, path):
    """Body and headers for a path; None where the hub has nothing."""
    for (name, commit), folder in repositories.items():
        files = sorted(each for each in folder.rglob("*") if each.is_file())
        names = [each.relative_to(folder).as_posix() for each in files]
        if path == f"/api/models/{name}/revision/{commit}":
            told = {"id": name, "sha": commit, "siblings": [{"rfilename": each} for each in names]}
            return json.dumps(told).encode(), {"Content-Type": "application/json"}
        if path == f"/api/models/{name}/tree/{commit}":
            sizes = [each.stat().st_size for each in files]
            tree = [{"type": "file", "path": n, "size": s, "oid": "0" * 40} for n, s in zip(names, sizes, strict=True)]
            return json.dumps(tree).encode(), {"Content-Type": "application/json"}
        file = path.removeprefix(f"/{name}/resolve/{commit}/")
        if file in names:
            data = (folder / file).read_bytes()
            return data, {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": commit}
    return None


@contextmanager
def hub(repositories):
    """Yields the address and the list of paths that were asked for; `repositories` maps (id, commit) to a folder."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_HEAD(self):
            asked.append(self.path)
            found = reply(repositories, self.path.partition("?")[0])
            data, headers = found or (b"{}", {})
            self.send_response(200 if found else 404)
            for key, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(key, value)
            self.end_headers()
            return data

        def do_GET(self):
            self.wfile.write(self.do_HEAD())

    with serving(Handler) as address:
        yield address, asked
