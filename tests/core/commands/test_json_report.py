import json

from dynarend_core.commands.json_report import writable_file, write_json


def test_folders_are_made_when_the_report_is_written_not_before(tmp_path):
    path = writable_file(str(tmp_path / "a" / "b" / "report.json"))
    assert list(tmp_path.iterdir()) == []
    write_json(path, {"x": [1, 2.5]})
    assert json.loads(path.read_text()) == {"x": [1, 2.5]}
    assert writable_file(str(path)) == path


def test_without_a_path_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_json(None, {"x": 1})
    assert list(tmp_path.iterdir()) == []
