from sensor_msgs.msg import JointState

from dynarend_core.planning.panda import HOME_Q, JOINT_NAMES
from dynarend_ros import qos, topics
from dynarend_ros.self_filter import SelfFilter


def test_a_driver_that_sends_with_best_effort_is_heard(client):
    robot = SelfFilter(client.node, 0.02)
    assert robot.spheres() is None
    publisher = client.node.create_publisher(JointState, topics.JOINT_STATES, qos.images("best_effort"))

    def heard():
        publisher.publish(JointState(name=list(JOINT_NAMES), position=HOME_Q.tolist()))
        return robot.spheres() is not None

    assert client.wait_for(heard, 20.0)
