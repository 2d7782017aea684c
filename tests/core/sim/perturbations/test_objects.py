"""Each factor changes what it says, within its range, and nothing else."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from dynarend_core.errors import ConfigurationError
from dynarend_core.sim.mujoco.building import SceneRequest, build_scene
from dynarend_core.sim.mujoco.perturbations.catalogue import applicable
from dynarend_core.sim.mujoco.task import COLORS
from dynarend_core.sim.mujoco.tasks import TASKS

TASK = "meat_off_grill"
LOOKS = {"geom_rgba", "geom_matid", "mat_", "tex_", "name"}
CHANGES: dict[str, set[str]] = {
    "object_color": {"geom_rgba"},
    "receptacle_color": {"geom_rgba"},
    "object_texture": LOOKS,
    "receptacle_texture": LOOKS,
    "table_texture": LOOKS,
    "background_texture": LOOKS,
    "table_color": {"geom_rgba"},
    "light_color": {"light_diffuse", "light_specular"},
    "camera_pose": {"cam_pos", "cam_quat", "cam_mat0"},
    "friction": {"geom_friction"},
    "mass": {
        "body_mass",
        "body_inertia",
        "body_subtreemass",
        "body_invweight0",
        "dof_M0",
        "dof_invweight0",
        "cam_poscom0",
        "light_poscom0",
    },
}
"""Beginnings of the names of the model's arrays that a factor changes."""


def model(task: str, perturbation: str, seed: int = 2, variation: int = 1) -> mujoco.MjModel:
    return build_scene(SceneRequest(task, variation, seed, perturbation))[1]


def differing(a: mujoco.MjModel, b: mujoco.MjModel) -> set[str]:
    names = [name for name in dir(a) if name[0] != "_" and isinstance(getattr(a, name), np.ndarray)]
    return {name for name in names if not np.array_equal(getattr(a, name), getattr(b, name), equal_nan=True)}


def bodies_of(model: mujoco.MjModel, geoms: np.ndarray) -> set[str]:
    return {model.body(model.geom_bodyid[g]).name for g in np.flatnonzero(geoms)}


@pytest.mark.parametrize("factor", CHANGES)
def test_a_factor_changes_what_it_says_and_nothing_else(factor: str) -> None:
    changed = differing(model(TASK, "none"), model(TASK, factor))
    unexpected = {name for name in changed if not name.startswith(tuple(CHANGES[factor]))}
    assert changed
    assert not unexpected


@pytest.mark.parametrize("task", [TASK, "reach_and_drag"])
def test_all_draws_what_each_factor_draws_alone(task: str) -> None:
    shown = [f for f in ("object_color", "receptacle_color") if f in applicable(task)]
    assert shown
    together, usual = model(task, "all"), model(task, "none")
    for factor, name in {"light_color": "light_diffuse", "camera_pose": "cam_pos", "friction": "geom_friction",
                         "mass": "body_mass", "table_color": "geom_rgba",
                         **dict.fromkeys(shown, "geom_rgba")}.items():  # fmt: skip
        alone = model(task, factor)
        mine = getattr(alone, name) != getattr(usual, name)
        assert mine.any()
        np.testing.assert_array_equal(getattr(together, name)[: len(mine)][mine], getattr(alone, name)[mine])


def test_colours_are_named_ones_far_from_the_old_and_only_of_the_part() -> None:
    for seed in range(6):
        usual, other = (model("reach_and_drag", p, seed) for p in ("none", "object_color"))
        changed = (usual.geom_rgba != other.geom_rgba).any(axis=1)
        assert bodies_of(usual, changed) == {"stick"}
        assert changed.sum() == 1  # "its black end" stays black
        assert tuple(np.round(other.geom_rgba[changed][0, :3], 6)) in set(COLORS.values())
        assert np.linalg.norm(usual.geom_rgba[changed] - other.geom_rgba[changed]) > 0.4
        changed = (usual.geom_rgba != model("reach_and_drag", "receptacle_color", seed).geom_rgba).any(axis=1)
        assert bodies_of(usual, changed) == {"cube"}


def test_textures_cover_the_part_and_colours_tint_them() -> None:
    usual, other, both, tint = (model(TASK, p) for p in ("none", "object_texture", "all", "object_color"))
    textured = other.geom_matid >= 0
    assert bodies_of(other, textured & (usual.geom_matid < 0)) == {"chicken", "steak"}
    assert len(set(other.geom_matid[textured & (usual.geom_matid < 0)])) == 2
    np.testing.assert_array_equal(other.geom_rgba[textured & (usual.geom_matid < 0)], 1.0)
    steak, tinted = (m.geom(m.body("steak").geomadr[0]) for m in (both, tint))
    assert steak.matid[0] >= 0
    np.testing.assert_array_equal(steak.rgba, tinted.rgba)


def test_friction_and_mass_lie_in_the_colosseums_ranges() -> None:
    frictions, masses = [], []
    for seed in range(8):
        usual, slippery = (model("slide_block_to_color_target", p, seed) for p in ("none", "friction"))
        assert bodies_of(usual, (usual.geom_friction != slippery.geom_friction).any(axis=1)) == {"block"}
        block = slippery.body("block")
        frictions.append(slippery.geom_friction[block.geomadr[0], 0])
        heavy = model("slide_block_to_color_target", "mass", seed)
        masses.append(heavy.body("block").mass[0])
        ratio = heavy.body("block").inertia / usual.body("block").inertia
        np.testing.assert_allclose(ratio, masses[-1] / usual.body("block").mass[0])
    assert 0.75 <= min(frictions) < max(frictions) <= 1.0
    assert 1.0 <= min(masses) < max(masses) <= 15.0


@pytest.mark.parametrize(
    ("task", "factor"),
    [("stack_cups", "object_color"), ("close_jar", "object_texture"), ("turn_tap", "receptacle_color"),
     ("push_buttons", "mass"), ("open_drawer", "friction")],
)  # fmt: skip
def test_what_makes_no_sense_for_a_task_is_an_error_that_lists_the_choices(task: str, factor: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{factor} does not apply to {task}.*camera_pose.*all"):
        model(task, factor)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_names_its_object_and_its_parts_exist(task: str) -> None:
    roles, scene = TASKS[task].roles, model(task, "none")
    assert roles.object.bodies
    for name in (*roles.object.bodies, *roles.receptacle.bodies, *roles.sliding, *roles.weighed):
        assert scene.body(name).id > 0
    assert set(roles.weighed) <= {scene.body(j).name for j in scene.jnt_bodyid[scene.jnt_type == 0]}


@pytest.mark.parametrize("task", TASKS)
def test_no_colour_that_words_name_may_change(task: str) -> None:
    """Under every factor, what has the named colour has it still."""
    for variation in range(0, TASKS[task].variation_count, 7):
        scene, usual, _ = build_scene(SceneRequest(task, variation, 1))
        named = [np.array(rgb) for word, rgb in COLORS.items() if f" {word} " in " ".join(scene.instructions())]
        other = model(task, "all", seed=1, variation=variation)
        for rgb in named:
            before = np.isclose(usual.geom_rgba[:, :3], rgb, atol=0.02).all(axis=1)
            np.testing.assert_array_equal(other.geom_rgba[: len(before)][before], usual.geom_rgba[before])
