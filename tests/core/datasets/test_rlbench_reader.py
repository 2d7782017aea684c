"""Recorded RLBench episodes: geometry, labels, hostile and damaged files.

Uses the local fixture ``../shared`` where it exists; a made-up episode covers the rest everywhere.
"""

from __future__ import annotations

import pickle
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.spatial import cKDTree

from dynarend_core.datasets.rlbench_pickle import load_pickle
from dynarend_core.datasets.rlbench_reader import CAMERAS, read_episode
from dynarend_core.errors import DatasetError, UnsafePickleError
from dynarend_core.geometry import se3
from dynarend_core.geometry.cameras import intrinsics_from_fov, unproject
from dynarend_core.geometry.frames import T_WORLD_BASE

REAL = Path(__file__).parents[3] / ".." / "shared/data/rlbench_real/open_drawer/all_variations/episodes"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the recorded RLBench episodes (../shared) are not here")


class Malicious:
    def __init__(self, marker: str) -> None:
        self.marker = marker

    def __reduce__(self):
        return (Path.touch, (Path(self.marker),))


@pytest.fixture
def episode_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A two-frame episode written by stand-ins for RLBench's classes."""
    demo_class, observation_class = type("Demo", (), {}), type("Observation", (), {})
    for name in ("rlbench", "rlbench.backend", "rlbench.demo", "rlbench.backend.observation"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    for name, cls in (("rlbench.demo", demo_class), ("rlbench.backend.observation", observation_class)):
        cls.__module__ = name
        setattr(sys.modules[name], cls.__name__, cls)
    folder = tmp_path / "episode0"
    demo = demo_class()
    demo._observations = [made_up_observation(observation_class(), i) for i in range(2)]
    for kind, pixel in (("rgb", (10, 20, 30)), ("depth", (0x40, 0x00, 0x00))):
        (folder / f"front_{kind}").mkdir(parents=True)
        for i in range(2):
            Image.new("RGB", (8, 8), pixel).save(folder / f"front_{kind}" / f"{i}.png")
    (folder / "low_dim_obs.pkl").write_bytes(pickle.dumps(demo))
    (folder / "variation_number.pkl").write_bytes(pickle.dumps(3))
    (folder / "variation_descriptions.pkl").write_bytes(pickle.dumps(["open it", "pull it"]))
    return folder


def made_up_observation(obs: object, i: int) -> object:
    extrinsics = se3.make(np.diag([-1.0, 1.0, -1.0]), np.array([0.25, 0.0, 2.75]))  # looks straight down
    obs.__dict__.update(
        joint_positions=np.zeros(7),
        joint_velocities=np.zeros(7),
        gripper_open=1.0 - i,
        gripper_pose=np.array([0.25, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0]),
        gripper_joint_positions=np.array([0.04, 0.04]),
        ignore_collisions=np.array(1.0),
        misc={
            "front_camera_extrinsics": extrinsics,
            "front_camera_intrinsics": np.array([[-10.0, 0, 4], [0, -10.0, 4], [0, 0, 1]]),
            "front_camera_near": 0.0,
            "front_camera_far": 4.0,
        },
    )
    return obs


def test_a_made_up_episode_is_read_in_base_frame_and_metres(episode_dir):
    episode = read_episode(episode_dir)
    assert (len(episode), episode.variation, episode.cameras) == (2, 3, ("front",))
    assert episode.instructions == ("open it", "pull it")
    assert episode.label(1).gripper_open is False
    assert episode.label(1).ignore_collisions is True
    (view,) = episode.views(0)
    assert tuple(view.rgb[0, 0]) == (10, 20, 30)
    np.testing.assert_allclose(view.depth_m, 4.0 * 0x400000 / (2**24 - 1), atol=1e-6)
    np.testing.assert_allclose(episode.grippers[0].T_base_gripper[:3, 3], [0.5186, 0.0059, 0.25], atol=1e-9)
    # The camera's left is world -x and its up is world +y: the top left pixel looks at smaller x and larger y.
    world = se3.apply(T_WORLD_BASE, unproject(view.depth_m, view.K, view.T_base_camera)[0, 0])
    np.testing.assert_allclose(world, [0.25 - 0.35, 0.35, 1.75], atol=1e-5)


def test_missing_and_truncated_files_are_named(episode_dir):
    png = episode_dir / "front_depth" / "1.png"
    png.write_bytes(png.read_bytes()[:50])
    with pytest.raises(DatasetError, match=r"front_depth.*1\.png is damaged"):
        read_episode(episode_dir).views(1)
    png.unlink()
    with pytest.raises(DatasetError, match=r"1\.png is missing"):
        read_episode(episode_dir).views(1)
    with pytest.raises(DatasetError, match="it has front"):
        read_episode(episode_dir).views(0, ("wrist",))
    (episode_dir / "variation_descriptions.pkl").unlink()
    assert read_episode(episode_dir).observation(0, "pull").instruction == "pull"
    with pytest.raises(DatasetError, match="give the instruction yourself"):
        read_episode(episode_dir).observation(0)
    shutil.rmtree(episode_dir / "front_rgb")
    with pytest.raises(DatasetError, match="no camera folders"):
        read_episode(episode_dir)
    (episode_dir / "low_dim_obs.pkl").unlink()
    with pytest.raises(DatasetError, match="cannot be read"):
        read_episode(episode_dir)
    with pytest.raises(DatasetError, match="not a folder"):
        read_episode(episode_dir / "nothing")


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_a_damaged_pickle_is_a_dataset_error(episode_dir, keep):
    file = episode_dir / "low_dim_obs.pkl"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(DatasetError, match="damaged"):
        read_episode(episode_dir)


def test_a_pickle_of_something_else_is_a_dataset_error(episode_dir):
    (episode_dir / "low_dim_obs.pkl").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(DatasetError, match="no observations"):
        read_episode(episode_dir)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_malicious_pickle_is_refused_before_it_acts(tmp_path, protocol):
    marker = tmp_path / "pwned"
    file = tmp_path / "low_dim_obs.pkl"
    file.write_bytes(pickle.dumps(Malicious(str(marker)), protocol=protocol))
    with pytest.raises(UnsafePickleError, match="do not load it"):
        load_pickle(file)
    assert not marker.exists()


def test_a_dotted_path_through_an_allowed_module_is_refused(tmp_path):
    file = tmp_path / "x.pkl"
    file.write_bytes(b"\x80\x04\x8c\x05numpy\x8c\x10ndarray.__init__\x93.")
    with pytest.raises(UnsafePickleError, match=r"ndarray\.__init__"):
        load_pickle(file)


@needs_real
@pytest.mark.parametrize(
    ("number", "word", "keyframes"),
    [(0, "top", [70, 85, 124]), (1, "middle", [64, 77, 107]), (2, "bottom", [62, 75, 104])],
)
def test_real_episodes_have_three_keyframes_with_the_labels_of_the_demonstration(number, word, keyframes):
    episode = read_episode(REAL / f"episode{number}")
    assert episode.keyframes() == keyframes
    labels = [episode.label(k) for k in keyframes]
    assert [k.gripper_open for k in labels] == [True, False, False]
    assert [k.ignore_collisions for k in labels] == [False, False, True]
    assert word in episode.instructions[0]


@needs_real
@pytest.mark.parametrize("frame", [0, 18])
def test_the_table_of_real_episodes_is_the_plane_z_zero(frame):
    episode = read_episode(REAL / "episode0")
    for view in episode.views(frame, CAMERAS):
        z = unproject(view.depth_m, view.K, view.T_base_camera)[..., 2]
        brown = np.abs(view.rgb.astype(int) - (204, 165, 88)).max(axis=-1) < 40
        table = z[brown & (np.abs(z) < 0.012)]
        assert len(table) > 300, view.name
        assert np.abs(np.median(table)) < 2e-4, view.name
        assert np.percentile(np.abs(table), 95) < 3e-3, view.name


@needs_real
def test_the_cameras_of_real_episodes_see_the_same_surfaces():
    views = {v.name: v for v in read_episode(REAL / "episode0").views(0, CAMERAS)}
    clouds = {n: unproject(v.depth_m, v.K, v.T_base_camera).reshape(-1, 3) for n, v in views.items()}

    def cabinet(cloud: np.ndarray) -> np.ndarray:
        return cloud[(np.abs(cloud - [0.5, 0.25, 0.3]) < [0.4, 0.4, 0.22]).all(axis=1)]

    tree = cKDTree(cabinet(clouds["left_shoulder"]))
    for name in ("wrist", "overhead", "right_shoulder"):
        distance, _ = tree.query(cabinet(clouds[name]))
        assert np.percentile(distance, 25) < 4e-3, name  # its own pixel spacing there is 7 mm


@needs_real
def test_real_front_camera_is_the_documented_one():
    (front,) = read_episode(REAL / "episode0").views(0, ("front",))
    np.testing.assert_allclose(front.K, intrinsics_from_fov(128, 128, np.deg2rad(40)), atol=1e-3)
    T_world_camera = T_WORLD_BASE @ front.T_base_camera
    np.testing.assert_allclose(T_world_camera[:3, 3], [1.35, 0.0, 1.58], atol=1e-3)
    np.testing.assert_allclose(T_world_camera[:3, 2], [-0.9063, 0.0, -0.4226], atol=1e-3)
    assert np.linalg.det(T_world_camera[:3, :3]) == pytest.approx(1.0)
