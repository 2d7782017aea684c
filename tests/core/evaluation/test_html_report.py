"""The page stands alone, says what the report says, and takes nothing a policy or instruction says for markup."""

import dataclasses
import html.parser

import cv2
import numpy as np
import pytest

from dynarend_core.evaluation.html_report import CAUSES, write_page
from dynarend_core.evaluation.pictures import FailurePictures, picture_path, save_filmstrip, telling_failures
from dynarend_core.evaluation.report import summarise
from dynarend_core.evaluation.rollout import EpisodeResult, EpisodeSpec
from dynarend_core.types import FailureReason

VOID = {"meta", "img", "br", "link", "hr", "input"}
FRAMES = tuple(np.full((32, 32, 3), 40 * i, np.uint8) for i in range(3))
SETTINGS = {
    "policy": "mine <b>bold</b>", "suite": "rlbench18", "tasks": ["a", "b"], "episodes": 3, "repeats": 1,
    "executor": "planner", "max_keyframes": 25, "fingerprint": "", "seed_start": 100_000,
}  # fmt: skip


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.text = [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def episode(seed, reason=FailureReason.NONE, perturbation="none", task="open_drawer"):
    spec = EpisodeSpec(task, 0, seed, 0, False, perturbation)
    solved = reason is FailureReason.NONE
    return EpisodeResult(spec, solved, reason, "" if solved else "x < 3", "open <it> & see", 2, 1.0, (5.0,), FRAMES)


RESULTS = [
    episode(1),
    *(episode(s, FailureReason.TIMEOUT) for s in range(2, 8)),
    episode(8, FailureReason.IK),
    episode(1, FailureReason.DROPPED, "mass"),
    *(episode(s, perturbation="mass") for s in range(2, 5)),
]


def keep(results, folder):
    pictures = FailurePictures(folder, [])
    for result in results:
        pictures.add(result)


def test_the_page_is_whole_and_loads_nothing(tmp_path):
    keep(RESULTS, tmp_path / "pictures")
    report = summarise(RESULTS, "dynarend evaluate --tasks 'a<b'", SETTINGS, 12.0)
    write_page(report, RESULTS, tmp_path / "pictures", tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    page = Page(text)
    assert page.open == []
    assert page.links
    assert all(link.startswith("data:image/") for link in page.links)
    for words in ("2 tasks", "timeout 6, ik 1", "mine <b>bold</b>", "open <it> & see", "x < 3", "--tasks 'a<b'"):
        assert words in page.text
    assert "+62.5" in page.text
    assert sum("jpeg" in link for link in page.links) == 4


def test_a_page_of_successes_and_nothing_else(tmp_path):
    results = [dataclasses.replace(episode(s), frames=()) for s in range(3)]
    write_page(summarise(results, "c", SETTINGS), results, tmp_path / "none", tmp_path / "report.html")
    assert "100.0 %" in Page((tmp_path / "report.html").read_text()).text


def test_a_run_keeps_a_few_failures_of_each_kind_and_counts_earlier_ones(tmp_path):
    timeouts = [r for r in RESULTS if r.failure_reason is FailureReason.TIMEOUT]
    keep(timeouts, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    again = FailurePictures(tmp_path, timeouts[:3])
    again.add(episode(50, FailureReason.TIMEOUT))
    again.add(episode(50, FailureReason.IK, "mass"))
    again.add(episode(51))
    assert len(list(tmp_path.iterdir())) == 3
    assert picture_path(tmp_path, episode(50, FailureReason.IK, "mass")).name == "open_drawer_50_mass_ik.jpg"


def test_long_episodes_are_thinned_but_keep_start_and_end(tmp_path):
    frames = tuple(np.full((8, 8, 3), 10 * i, np.uint8) for i in range(26))
    long = save_filmstrip(tmp_path / "all", dataclasses.replace(episode(1, FailureReason.IK), frames=frames))
    short = save_filmstrip(tmp_path, dataclasses.replace(episode(1, FailureReason.IK), frames=frames), most_frames=12)
    assert cv2.imread(str(short)).shape[0] < cv2.imread(str(long)).shape[0]
    assert cv2.imread(str(short))[-40, -40].max() > 200


def test_the_page_shows_every_cause_before_it_repeats_one(tmp_path):
    for result in RESULTS:
        save_filmstrip(tmp_path, result)
    chosen = telling_failures(RESULTS, tmp_path)
    assert {r.failure_reason.value for r in chosen} == {"timeout", "ik", "dropped"}
    assert len(chosen) == 4
    assert [r.spec.perturbation for r in chosen[:2]] == ["none", "none"]


@pytest.mark.parametrize("reason", ["planning", "timeout", "wrong_object", "dropped", "out_of_bounds", "simulator"])
def test_every_cause_is_explained(reason):
    assert CAUSES[FailureReason(reason).value]
