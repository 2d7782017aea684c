"""Cancel first, hold after the answer or soon without one, once."""

import time

from rclpy.task import Future

from dynarend_ros.gentle_stop import cancel_then_hold


class Service:
    def __init__(self, did, ready=True):
        self.did, self.ready, self.future = did, ready, Future()

    def service_is_ready(self):
        return self.ready

    def call_async(self, request):
        self.did.append("cancel")
        return self.future


def wait_for(condition, timeout_s=20.0):
    deadline_s = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(0.005)
    return condition()


def test_a_hold_comes_after_the_answer_to_the_cancel_and_once():
    did = []
    service = Service(did)
    service.call_async = lambda request: did.append("cancel") or did.append("answered") or service.future
    service.future.set_result(None)
    cancel_then_hold(service, lambda: did.append("hold"))
    assert wait_for(lambda: len(did) == 3)
    time.sleep(0.2)
    assert did == ["cancel", "answered", "hold"]


def test_without_an_answer_the_hold_does_not_wait_and_a_late_one_changes_nothing():
    did = []
    service = Service(did)
    cancel_then_hold(service, lambda: did.append("hold"))
    assert did == ["cancel"]
    assert wait_for(lambda: "hold" in did)
    service.future.set_result(None)
    time.sleep(0.1)
    assert did == ["cancel", "hold"]


def test_where_there_is_nothing_to_cancel_the_hold_comes_at_once():
    did = []
    cancel_then_hold(Service(did, ready=False), lambda: did.append("hold"))
    assert did == ["hold"]
