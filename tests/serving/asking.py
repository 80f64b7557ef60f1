"""REST requests as any program would send them."""

import json
from http.client import HTTPConnection


def ask(address: str, method: str, path: str, body=None) -> tuple[int, dict]:
    """One REST request as any program would send it; a body that is not bytes is sent as JSON."""
    connection = HTTPConnection(address.removeprefix("http://"), timeout=30)
    try:
        payload = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, payload)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()
