"""The tasks, by RLBench's names. A new task is one file and one line here."""

from dynarend_core.sim.mujoco.task import Task
from dynarend_core.sim.mujoco.tasks.close_jar import CloseJar
from dynarend_core.sim.mujoco.tasks.insert_onto_square_peg import InsertOntoSquarePeg
from dynarend_core.sim.mujoco.tasks.light_bulb_in import LightBulbIn
from dynarend_core.sim.mujoco.tasks.meat_off_grill import MeatOffGrill
from dynarend_core.sim.mujoco.tasks.open_drawer import OpenDrawer
from dynarend_core.sim.mujoco.tasks.place_cups import PlaceCups
from dynarend_core.sim.mujoco.tasks.place_shape_in_shape_sorter import PlaceShapeInShapeSorter
from dynarend_core.sim.mujoco.tasks.place_wine_at_rack_location import PlaceWineAtRackLocation
from dynarend_core.sim.mujoco.tasks.push_buttons import PushButtons
from dynarend_core.sim.mujoco.tasks.put_groceries_in_cupboard import PutGroceriesInCupboard
from dynarend_core.sim.mujoco.tasks.put_item_in_drawer import PutItemInDrawer
from dynarend_core.sim.mujoco.tasks.put_money_in_safe import PutMoneyInSafe
from dynarend_core.sim.mujoco.tasks.reach_and_drag import ReachAndDrag
from dynarend_core.sim.mujoco.tasks.slide_block_to_color_target import SlideBlockToColorTarget
from dynarend_core.sim.mujoco.tasks.stack_blocks import StackBlocks
from dynarend_core.sim.mujoco.tasks.stack_cups import StackCups
from dynarend_core.sim.mujoco.tasks.sweep_to_dustpan_of_size import SweepToDustpanOfSize
from dynarend_core.sim.mujoco.tasks.turn_tap import TurnTap

TASKS: dict[str, type[Task]] = {
    task.name: task
    for task in (
        PushButtons,
        OpenDrawer,
        SlideBlockToColorTarget,
        MeatOffGrill,
        TurnTap,
        PlaceCups,
        PlaceShapeInShapeSorter,
        StackCups,
        LightBulbIn,
        InsertOntoSquarePeg,
        CloseJar,
        ReachAndDrag,
        StackBlocks,
        PutItemInDrawer,
        PutMoneyInSafe,
        PlaceWineAtRackLocation,
        PutGroceriesInCupboard,
        SweepToDustpanOfSize,
    )
}
