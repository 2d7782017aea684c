"""Policies of the user's own: found by name, checked before the run, and nothing else is imported."""

import sys
import textwrap

import pytest

from dynarend_core.errors import CheckpointError, ConfigurationError
from dynarend_core.evaluation.policy_source import PolicySource

MINE = """
    import dataclasses
    @dataclasses.dataclass
    class Mine:
        answer: int = 42
        def act(self, observation):
            return self.answer
    def make():
        return Mine()
    def lame():
        return object()
    def broken():
        raise RuntimeError("no camera")
    number = 3
"""


@pytest.fixture
def mine(tmp_path):
    file = tmp_path / "my_policy.py"
    file.write_text(textwrap.dedent(MINE))
    return file


def test_a_file_and_a_module_give_the_same_policy(mine, monkeypatch):
    source = PolicySource(f"{mine}:make")
    source.check()
    assert source.folder is None
    assert source.load().act(None) == 42
    monkeypatch.syspath_prepend(mine.parent)
    assert PolicySource("my_policy:make").load().act(None) == 42


def test_processes_that_work_elsewhere_get_absolute_paths(mine, monkeypatch):
    monkeypatch.chdir(mine.parent)
    assert PolicySource("my_policy.py:make").resolved() == PolicySource(f"{mine}:make")
    assert PolicySource("policies/a").resolved().folder == mine.parent / "policies" / "a"
    assert PolicySource("package.module:make").resolved() == PolicySource("package.module:make")


def test_the_working_directory_is_not_searched(mine, monkeypatch):
    monkeypatch.chdir(mine.parent)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p not in ("", str(mine.parent))])
    sys.modules.pop("my_policy", None)
    with pytest.raises(ConfigurationError, match="my_policy cannot be imported"):
        PolicySource("my_policy:make").load()


def test_nothing_is_imported_before_it_is_loaded(tmp_path):
    file = tmp_path / "loud.py"
    file.write_text("raise SystemError('imported')")
    source = PolicySource(f"{file}:make")
    source.check()
    assert len(source.fingerprint()) == 64
    with pytest.raises(ConfigurationError, match="SystemError: imported"):
        source.load()


@pytest.mark.parametrize(
    ("factory", "words"),
    [("absent", "no function 'absent'"), ("number", "no function"), ("lame", "act"), ("broken", "no camera")],
)
def test_what_is_wrong_with_a_factory_is_said(mine, factory, words):
    with pytest.raises(ConfigurationError, match=words):
        PolicySource(f"{mine}:{factory}").load()


@pytest.mark.parametrize(
    ("name", "error"),
    [("no/such/folder", CheckpointError), ("nowhere.py:make", ConfigurationError), ("module:", ConfigurationError),
     (":make", ConfigurationError), ("a.py:not a name", ConfigurationError)],
)  # fmt: skip
def test_mistakes_are_found_before_the_run(name, error):
    with pytest.raises(error):
        PolicySource(name).check()


def test_the_fingerprint_follows_weights_and_not_their_card(tmp_path):
    (tmp_path / "policy.safetensors").write_bytes(b"weights")
    (tmp_path / "config.json").write_text("{}")
    source = PolicySource(str(tmp_path))
    before = source.fingerprint()
    (tmp_path / "CARD.md").write_text("words")
    assert source.fingerprint() == before
    (tmp_path / "policy.safetensors").write_bytes(b"other weights")
    assert source.fingerprint() != before
