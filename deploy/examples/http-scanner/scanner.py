#!/usr/bin/env python3
"""An example scanner behind Palisade's HTTP contract (docs/http-scanner.md).

It looks for byte patterns that a file lists, one on each line: NAME SEVERITY HEX. The file is read again
when it changes, so new patterns need no restart. Only the standard library is used.
"""

import argparse
import hashlib
import hmac
import json
import os
import sys
import threading
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = "example-scanner"
VERSION = "1.0"
MAX_PATTERNS = 10_000
CHUNK = 1 << 20
SEVERITIES = {"info": 0, "suspicious": 1, "malicious": 2}
VERDICTS = ["no-threat", "suspicious", "malicious"]


class Patterns:
    """The patterns in force. A scan keeps the ones that it began with."""

    def __init__(self, path):
        self.path = path
        self.lock = threading.Lock()
        self.stamp = None
        self.current = None

    def get(self):
        about = os.stat(self.path)
        stamp = (about.st_mtime_ns, about.st_size, about.st_ino)
        with self.lock:
            if stamp != self.stamp:
                self.current = self.load(about.st_mtime)
                self.stamp = stamp
            return self.current

    def load(self, changed):
        with open(self.path, "rb") as file:
            content = file.read()
        patterns = []
        for number, line in enumerate(content.decode("utf-8").splitlines(), 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if len(words) != 3 or words[1] not in SEVERITIES:
                raise ValueError(f"{self.path}, line {number}: not NAME SEVERITY HEX")
            pattern = bytes.fromhex(words[2])
            if not pattern:
                raise ValueError(f"{self.path}, line {number}: an empty pattern")
            patterns.append((words[0], words[1], pattern))
            if len(patterns) > MAX_PATTERNS:
                raise ValueError(f"{self.path}: more than {MAX_PATTERNS} patterns")
        when = datetime.fromtimestamp(int(changed), timezone.utc)
        definitions = {
            "version": hashlib.sha256(content).hexdigest()[:16],
            "time": when.isoformat().replace("+00:00", "Z"),
        }
        return patterns, definitions


def look(data, patterns, definitions, deadline):
    """The answer for these bytes."""
    findings = []
    for name, severity, pattern in patterns:
        if time.monotonic() > deadline:
            return {"verdict": "timed-out", "reason": "not every pattern was tried", "definitions": definitions}
        at = data.find(pattern)
        if at >= 0:
            findings.append({"id": name, "severity": severity, "explanation": f"its pattern is at byte {at}"})
    gravest = max((SEVERITIES[finding["severity"]] for finding in findings), default=0)
    answer = {"verdict": VERDICTS[gravest], "findings": findings, "definitions": definitions}
    if gravest:
        answer["threat"] = next(f["id"] for f in findings if SEVERITIES[f["severity"]] == gravest)
    return answer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # Connections are kept.
    timeout = 60  # Seconds without a byte.
    disable_nagle_algorithm = True
    wbufsize = -1  # Head and body leave in one segment.

    def do_GET(self):
        if not self.allowed():
            return
        if self.path != "/info":
            self.say(404, {"reason": "there is /scan and /info"})
            return
        _, definitions = self.server.patterns.get()
        self.say(
            200,
            {
                "name": NAME,
                "version": VERSION,
                "definitions": definitions,
                "limits": {"max_bytes": self.server.max_bytes},
            },
        )

    def do_POST(self):
        started = time.monotonic()
        if not self.allowed():
            return
        if self.path != "/scan":
            self.refuse(404, {"reason": "there is /scan and /info"})
            return
        length = self.length()
        if length is None:
            self.refuse(411, {"reason": "a body needs a Content-Length"})
            return
        if length > self.server.max_bytes:
            self.refuse(413, {"reason": f"more than {self.server.max_bytes} bytes"})
            return
        if not self.server.slots.acquire(blocking=False):
            self.refuse(503, {"reason": "all scans are taken"}, {"Retry-After": "1"})
            return
        try:
            data = self.body(length)
            if data is None:
                return
            told = self.headers.get("Palisade-Sha256", "")
            if told and told.lower() != hashlib.sha256(data).hexdigest():
                self.say(400, {"reason": "the body is not what Palisade-Sha256 says"})
                return
            patterns, definitions = self.server.patterns.get()
            self.say(200, look(data, patterns, definitions, started + self.allotted()))
        finally:
            self.server.slots.release()

    def allowed(self):
        if not self.server.token:
            return True
        wanted = f"Bearer {self.server.token}"
        given = self.headers.get("Authorization", "")
        if hmac.compare_digest(wanted.encode(), given.encode("latin-1", "replace")):
            return True
        self.refuse(401, {"reason": "the token is not right"}, {"WWW-Authenticate": "Bearer"})
        return False

    def allotted(self):
        """Seconds that somebody waits."""
        text = self.headers.get("Palisade-Deadline-Ms", "")
        return int(text) / 1000 if text.isascii() and text.isdigit() and len(text) < 12 else 60.0

    def length(self):
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None

    def body(self, length):
        data = bytearray()
        while len(data) < length:
            piece = self.rfile.read(min(CHUNK, length - len(data)))
            if not piece:
                self.close_connection = True
                return None
            data += piece
        return bytes(data)

    def refuse(self, status, answer, headers=None):
        """An answer that needs no body. The body is read all the same: who still sends, and meets a closed
        connection, may never see the answer."""
        left = self.length() or 0
        if left > self.server.max_bytes or self.headers.get("Transfer-Encoding"):
            self.close_connection = True
        else:
            while left > 0:
                piece = self.rfile.read(min(CHUNK, left))
                if not piece:
                    self.close_connection = True
                    return
                left -= len(piece)
        self.say(status, answer, headers)

    def say(self, status, answer, headers=None):
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format, *arguments):
        print(f"{self.address_string()} {format % arguments}", file=sys.stderr, flush=True)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", default="0.0.0.0")
    parser.add_argument("--port", type=int, default=8080, help="0 for any")
    parser.add_argument("--patterns", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "patterns.txt"))
    parser.add_argument("--max-bytes", type=int, default=64 << 20)
    parser.add_argument("--scans", type=int, default=4, help="at once")
    options = parser.parse_args()
    server = Server((options.listen, options.port), Handler)
    server.patterns = Patterns(options.patterns)
    server.patterns.get()  # Wrong patterns are told now.
    server.max_bytes = options.max_bytes
    server.slots = threading.Semaphore(options.scans)
    server.token = os.environ.get("SCANNER_TOKEN", "")
    print(f"listening on port {server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
