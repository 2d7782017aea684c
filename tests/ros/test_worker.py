import threading

from dynarend_ros.latest_queue import LatestQueue
from dynarend_ros.worker import Worker


def test_newest_item_wins_and_the_replaced_ones_are_counted():
    queue = LatestQueue()
    for item in (1, 2, 3):
        queue.put(item)
    assert queue.get(0.0) == 3
    assert queue.get(0.0) is None
    assert queue.replaced == 2


def test_close_wakes_a_waiting_consumer():
    queue, got = LatestQueue(), []
    consumer = threading.Thread(target=lambda: got.append(queue.get()))
    consumer.start()
    queue.close()
    consumer.join(2.0)
    assert got == [None]


def test_worker_survives_an_exception_and_skips_to_the_newest():
    started, release, done, errors = threading.Event(), threading.Event(), [], []

    def work(item):
        started.set()
        release.wait(2.0)
        if item == "bad":
            raise ValueError(item)
        done.append(item)

    worker = Worker("test", work, lambda error: errors.append(str(error)))
    worker.submit("bad")
    started.wait(2.0)
    worker.submit("old")
    worker.submit("new")
    release.set()
    for _ in range(100):
        if done:
            break
        threading.Event().wait(0.01)
    worker.close()
    assert errors == ["bad"]
    assert done == ["new"]
    assert worker.skipped == 1


def test_a_report_that_fails_does_not_end_the_thread(capsys):
    done = threading.Event()

    def work(item):
        if item == "bad":
            raise ValueError("the work failed")
        done.set()

    def on_error(error):
        raise RuntimeError("the log is gone")

    worker = Worker("test", work, on_error)
    worker.submit("bad")
    for _ in range(200):
        if "the log is gone" in capsys.readouterr().err:
            break
        threading.Event().wait(0.01)
    worker.submit("good")
    assert done.wait(2.0)
    worker.close()
