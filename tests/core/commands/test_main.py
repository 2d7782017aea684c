"""Mistakes of the caller end with one line on stderr and exit code 2, before any work is done."""

import pytest

from dynarend_core.commands.__main__ import main


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("evaluate", "--policy", "{tmp}/nowhere"), "nowhere"),
        (("evaluate", "--policy", "{tmp}", "--max-keyframes", "0"), "--max-keyframes"),
        (("evaluate", "--policy", "{tmp}", "--tasks", "fold_laundry"), "open_drawer"),
        (("predict", "--episode", "{tmp}/nowhere"), "nowhere"),
        (("finetune", "--data", "{tmp}", "--out", "{tmp}/run", "--preset", "debug"), "holds no demonstrations"),
        (("finetune", "--data", "{tmp}", "--out", "{tmp}/run", "--preset", "huge"), "debug, small, tasks, base, paper"),
        (("finetune", "--data", "{tmp}", "--out", "{tmp}/run", "--batch-size", "0"), "batch_size"),
        (("finetune", "--data", "{tmp}", "--out", "{tmp}/run", "--time-limit-minutes", "0"), "time limit"),
        (("finetune", "--data", "{tmp}", "--out", "{tmp}/run", "--threads", "0"), "--threads"),
        (("bench", "--repeats", "0"), "--repeats"),
        (("bench", "--presets", "small,huge"), "huge"),
        (("collect", "--tasks", "fold_laundry", "--verify"), "open_drawer"),
        (("tasks", "--tasks", "fold_laundry"), "open_drawer"),
        (("tasks", "--tasks", "turn_tap", "--variation", "2"), "0 to 1"),
    ],
)
def test_mistakes_are_named(arguments, named, tmp_path, capsys):
    assert main([a.format(tmp=tmp_path) for a in arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"dynarend {arguments[0]}: ")
    assert named in said
    assert "Traceback" not in said


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path, capsys):
    (tmp_path / "out").write_text("not a folder")
    arguments = [
        "collect",
        "--tasks",
        "push_buttons",
        "--episodes",
        "1",
        "--out",
        str(tmp_path / "out"),
        "--workers",
        "1",
    ]
    assert main(arguments) == 2
    assert str(tmp_path / "out") in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["collect", "evaluate", "bench"])
def test_a_report_that_cannot_be_written_is_refused_before_the_work(verb, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "report.json"):
        with pytest.raises(SystemExit) as exit_info:
            main([verb, "--json", str(path)])
        assert exit_info.value.code == 2
        assert f"argument --json: {path}" in capsys.readouterr().err
