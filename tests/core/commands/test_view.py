"""``dynarend view`` end to end on a toy episode: figures, pictures, and the page in a browser where there is one."""

import argparse
import dataclasses
import json
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from dynarend_core.commands import view
from dynarend_core.commands.episode_option import load_steps
from dynarend_core.commands.view_server import server, site
from dynarend_core.errors import CheckpointError, ConfigurationError, DatasetError
from dynarend_core.evaluation.foresight_review import review
from dynarend_core.foresight import Foresight
from dynarend_core.networks.checkpoint import save_checkpoint
from dynarend_core.rendering.renderer_file import save_renderer

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture
def episode(tmp_path, toy_store):
    toy_store(tmp_path / "data", 1)
    return f"{tmp_path / 'data'}:toy:0"


@pytest.fixture
def policy(tmp_path, debug_network, debug_info):
    save_checkpoint(tmp_path / "policy", debug_network, debug_info)
    return tmp_path / "policy"


@pytest.fixture
def with_renderer(policy, small_renderer):
    save_renderer(policy, small_renderer)
    return policy


def arguments(*words):
    parser = argparse.ArgumentParser()
    view.register(parser.add_subparsers())
    return parser.parse_args(["view", *map(str, words)])


def test_a_picture_and_figures_of_a_step(episode, with_renderer, tmp_path, capsys):
    out, file = tmp_path / "deep" / "step.png", tmp_path / "view.json"
    args = arguments("--policy", with_renderer, "--episode", episode, "--out", out, "--json", file)
    args.cameras, args.camera = "front", "side"  # shown, but not given to the policy
    assert args.run(args) == 0
    report = json.loads(file.read_text())
    assert (report["camera"], report["given"], report["instruction"]) == ("side", ["front"], "press it")
    (step,) = report["keyframes"]
    assert step["unchanged"]["depth_cm"] == 0.0  # nothing moves on the toy table
    assert step["now"]["psnr_db"] > 0
    assert np.isfinite(step["score"])
    assert min(cv2.imread(step["picture"]).shape[:2]) > 600
    assert "press it" in capsys.readouterr().out


def test_wrong_use_is_named(episode, policy, small_renderer, tmp_path):
    given = ("--policy", policy, "--episode", episode, "--cameras", "front")
    with pytest.raises(CheckpointError, match=f"--fit-renderer {policy}"):
        view.run(arguments(*given))
    save_renderer(policy, small_renderer)
    with pytest.raises(ConfigurationError, match="keyframes 1 to 1"):
        view.run(arguments(*given, "--step", 2))
    with pytest.raises(DatasetError, match="no camera 'top'; it has front, side"):
        view.run(arguments(*given, "--camera", "top"))
    with pytest.raises(ConfigurationError, match=r"end in \.png"):
        view.run(arguments(*given, "--out", tmp_path / "x.gif"))
    with pytest.raises(DatasetError, match="no episode 7 of task 'toy'"):
        view.run(arguments(*given, "--episode", episode[:-1] + "7"))


def test_a_camera_that_moves_cannot_be_shown(episode, with_renderer):
    (step,) = load_steps(Path(episode), None, None)
    shift = np.eye(4)
    shift[0, 3] = 0.1
    moved = tuple(
        dataclasses.replace(v, T_base_camera=shift @ v.T_base_camera) if v.name == "front" else v for v in step.after
    )
    step = dataclasses.replace(step, after=moved)
    foresight = Foresight.from_policy(with_renderer)
    assert next(review(foresight, [step], ("front", "side"), None)).before.name == "side"
    with pytest.raises(DatasetError, match="'front' moved"):
        next(review(foresight, [step], ("front", "side"), "front"))
    with pytest.raises(DatasetError, match="each of the cameras front moves"):
        next(review(foresight, [step], ("front",), None))


@pytest.fixture
def page(episode, with_renderer):
    """Address of a page with two steps that runs until the test is over."""
    (step,) = load_steps(Path(episode), None, None)
    foresight = Foresight.from_policy(with_renderer)
    steps = list(review(foresight, [step, step], ("front", "side"), None))
    running = server(site(steps, foresight.policy.aabb), 0)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    thread.join()
    running.server_close()


def fetch(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
        return answer.read()


class References(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("src", "href")]


def test_the_page_is_whole_local_and_refuses_strangers(page):
    references = References()
    references.feed(fetch(page + "/").decode())
    assert references.found == []  # nothing from elsewhere: all is inline or named in steps.json
    steps = json.loads(fetch(page + "/steps.json"))
    assert [s["number"] for s in steps] == [1, 2]
    shown = [p for s in steps for row in s["rows"] for p in row["panels"]]
    assert {"rendered FUTURE", "what came", "now"} <= {p["caption"].split("\n")[0] for p in shown}
    for panel in shown:
        image = cv2.imdecode(np.frombuffer(fetch(page + panel["src"]), np.uint8), cv2.IMREAD_COLOR)
        if panel["depth"]:
            millimetres = np.frombuffer(fetch(page + panel["depth"]), "<u2")
            assert millimetres.size == image.shape[0] * image.shape[1]
    truth = next(p for p in shown if p["caption"] == "now" and p["depth"])
    assert (np.frombuffer(fetch(page + truth["depth"]), "<u2") == 750).all()
    for path, headers, code in (("/../etc/passwd", {}, 404), ("/", {"Host": "evil.example"}, 403)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            fetch(page + path, **headers)
        assert refused.value.code == code
    with pytest.raises(ConfigurationError, match="--port"):
        server({}, int(page.rsplit(":", 1)[1]))


@pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine; the page is checked without a browser above")
def test_a_browser_shows_the_step_of_the_address(page, tmp_path):
    words = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    for number in (1, 2):
        command = [*words, "--virtual-time-budget=5000", "--dump-dom", f"{page}/#{number}"]
        dom = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
        assert f">keyframe {number}<" in dom
        assert f'src="/{number}/values.png"' in dom
        assert dom.count("<figure>") >= 16
        assert "foreseen: score" in dom
