"""A connector: what you type, Ada writes; what agents answer is shown. API_SECRET=… python api-client.py URL PORT"""

import base64, hmac, json, os, sys, threading, time, urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
KEY, SEEN = base64.b64decode(os.environ["API_SECRET"].removeprefix("whsec_")), set()

def sign(name, at, body):
    return "v1," + base64.b64encode(hmac.digest(KEY, f"{name}.{at}.".encode() + body, "sha256")).decode()

class Deliveries(BaseHTTPRequestHandler):
    def do_POST(self):
        name, at, given = (self.headers.get(f"webhook-{one}", "") for one in ("id", "timestamp", "signature"))
        right = sign(name, at, body := self.rfile.read(int(self.headers["Content-Length"])))
        fits = any(hmac.compare_digest(right, one) for one in given.split()) and abs(time.time() - int(at)) < 300
        if fits and name not in SEEN and (delivery := json.loads(body))["type"] == "message":
            print(f"{delivery['agent_name']}: {delivery['text']}", flush=True)
        SEEN.update([name] if fits else [])
        self.send_response(204 if fits else 401)
        self.end_headers()

def write(text):
    name, at, now = f"ada-{time.time_ns()}", str(int(time.time())), time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    event = {"type": "message", "event_id": name, "at": now, "external_id": name, "text": text}
    body = json.dumps(event | {"sender": {"external_id": "ada", "name": "Ada"}}).encode()
    headers = {"webhook-id": name, "webhook-timestamp": at, "webhook-signature": sign(name, at, body)}
    urllib.request.urlopen(urllib.request.Request(sys.argv[1], body, headers)).close()
threading.Thread(target=HTTPServer(("127.0.0.1", int(sys.argv[2])), Deliveries).serve_forever, daemon=True).start()
for line in sys.stdin:
    write(line.strip())
