"""Which bodies play which part in a task: what perturbations of a scene need to know of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """Bodies that play one part.

    Attributes:
        bodies: Their names; all that hangs on them belongs to them.
        looks: Whether colour and texture may change: not where words name them or they tell things apart.
        keeps: RGB of what keeps its look all the same, because words name it.
        size: Range of how much larger than usual they may be; None if they may not.
    """

    bodies: tuple[str, ...] = ()
    looks: bool = True
    keeps: tuple[tuple[float, float, float], ...] = ()
    size: tuple[float, float] | None = None


@dataclass(frozen=True)
class Roles:
    """The parts in a task.

    Attributes:
        object: What is handled.
        receptacle: Where it goes, or what it is used on; without bodies if there is none.
        sliding: Bodies whose friction may change.
        weighed: Bodies whose mass may change.
        mass_kg: Range of the mass of each of them [kg].
    """

    object: Part = Part()
    receptacle: Part = Part()
    sliding: tuple[str, ...] = ()
    weighed: tuple[str, ...] = ()
    mass_kg: tuple[float, float] = (0.1, 0.5)
