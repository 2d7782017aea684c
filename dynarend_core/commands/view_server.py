"""A local page that shows reviewed steps: everything is made once, held in memory, and served to this machine only."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

import cv2
import numpy as np

from dynarend_core.errors import ConfigurationError
from dynarend_core.evaluation.foresight_panels import Panel, panels, value_map_picture
from dynarend_core.evaluation.foresight_review import ReviewedStep
from dynarend_core.foresight import NO_BETTER

Array = np.ndarray
Files = dict[str, tuple[str, bytes]]
"""Path to media type and content."""

HOST = "127.0.0.1"
_POLICY = (
    "default-src 'none'; img-src 'self'; connect-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"
)


def site(steps: list[ReviewedStep], aabb_base: Array) -> Files:
    """The page, its data and its pictures."""
    served: Files = {"/": ("text/html; charset=utf-8", files(__package__).joinpath("view_page.html").read_bytes())}
    listed = [_add_step(served, step, aabb_base) for step in steps]
    served["/steps.json"] = ("application/json", json.dumps(listed).encode())
    return served


def server(served: Files, port: int) -> ThreadingHTTPServer:
    """A server of these files on the loopback address; the caller runs and closes it.

    Raises:
        ConfigurationError: the port is taken or not allowed.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # A page elsewhere that resolves its own name to this address must not read what is served here.
            local = self.headers.get("Host", "").rsplit(":", 1)[0] in (HOST, "localhost")
            found = served.get(self.path) if local else None
            if found is None:
                self.send_error(HTTPStatus.NOT_FOUND if local else HTTPStatus.FORBIDDEN)
                return
            kind, content = found
            self.send_response(HTTPStatus.OK)
            for name, value in (("Content-Type", kind), ("Content-Length", str(len(content)))):
                self.send_header(name, value)
            self.send_header("Content-Security-Policy", _POLICY)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the terminal shows the table."""

    try:
        return ThreadingHTTPServer((HOST, port), Handler)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(f"--port {port} cannot be used ({error}); --port 0 takes a free one") from error


def serve(served: Files, port: int, announce: Callable[[str], None]) -> None:
    """Serve until Ctrl-C; ``announce`` is told the address."""
    with server(served, port) as running:
        announce(f"http://{HOST}:{running.server_address[1]}/")
        running.serve_forever()


def _add_step(served: Files, step: ReviewedStep, aabb_base: Array) -> dict[str, Any]:
    base = f"/{step.number}"
    served[f"{base}/values.png"] = _png(value_map_picture(step))
    rows = [
        {"title": title, "panels": [_add_panel(served, f"{base}/{i}_{k}", panel) for k, panel in enumerate(row)]}
        for i, (title, row) in enumerate(panels(step, aabb_base).items())
    ]
    return {
        "number": step.number,
        "instruction": step.step.observation.instruction,
        "score": step.prediction_error.score,
        "good": step.prediction_error.score < NO_BETTER,
        "rows": rows,
        "values": f"{base}/values.png",
    }


def _add_panel(served: Files, path: str, panel: Panel) -> dict[str, Any]:
    served[f"{path}.png"] = _png(panel.rgb)
    shown = {"caption": panel.caption, "src": f"{path}.png", "depth": ""}
    if panel.depth_m is not None:
        millimetres = np.nan_to_num(panel.depth_m * 1000.0, nan=0.0, posinf=0.0).clip(0, 65535).astype("<u2")
        served[f"{path}.mm"] = ("application/octet-stream", millimetres.tobytes())
        shown["depth"] = f"{path}.mm"
    return shown


def _png(rgb: Array) -> tuple[str, bytes]:
    return "image/png", cv2.imencode(".png", rgb[..., ::-1])[1].tobytes()
