"""Read RLBench's pickles without RLBench and without trusting them."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from dynarend_core.errors import DatasetError, UnsafePickleError

# numpy's own helper, wherever this numpy keeps it: the first item of any array's reduction.
_reconstruct = np.empty(0).__reduce__()[0]

# Everything a recorded episode needs. RLBench's two classes become plain namespaces: a built-in type that a
# pickle can fill but not alter.
_ALLOWED: dict[tuple[str, str], Any] = {
    ("rlbench.demo", "Demo"): SimpleNamespace,
    ("rlbench.backend.observation", "Observation"): SimpleNamespace,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
}


class RLBenchUnpickler(pickle.Unpickler):
    """Unpickler that resolves RLBench's ``Demo`` and ``Observation`` and numpy arrays, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Look a global up in the short list.

        Raises:
            UnsafePickleError: the global is not on it.
        """
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise UnsafePickleError(
                f"the pickle asks for {module}.{name}; an RLBench episode needs only RLBench's Demo and Observation "
                "and numpy arrays. The file is not one, or it was tampered with: do not load it"
            ) from None


def load_pickle(path: Path) -> Any:
    """Load one pickle of an RLBench episode.

    Raises:
        UnsafePickleError: it asks for a class an episode does not need. Nothing of it was executed.
        DatasetError: missing or damaged file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}); is this an RLBench episode folder?") from error
    try:
        return RLBenchUnpickler(io.BytesIO(data)).load()
    except UnsafePickleError as error:
        raise UnsafePickleError(f"{path}: {error}") from None
    except Exception as error:  # a damaged stream can raise almost anything
        raise DatasetError(f"{path} is damaged ({type(error).__name__}: {error}); copy the episode again") from error
