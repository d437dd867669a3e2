"""PyTorch, without what only its compiler needs: that is a quarter of the time which it takes to import."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

# What every operator makes of shapes alone, in Python. Whatever compiles, exports or counts operations needs it.
PUT_OFF = "torch._meta_registrations"
# Parts of PyTorch that are imported when they are first used, and do not need it.
_LIGHT = ("torch.utils._device", "torch.utils.serialization")


def import_torch() -> None:
    """Import PyTorch, if it is not there yet, but for one module, which comes before any other part that is imported.

    So there is no difference, but that nothing can be computed on the device "meta" before.
    """
    if "torch" in sys.modules:
        return
    sys.modules[PUT_OFF] = held = _Held(PUT_OFF)
    try:
        torch = import_module("torch")
    finally:
        held.leave()
    if vars(torch).get("_meta_registrations") is held:
        del torch._meta_registrations
        sys.meta_path.insert(0, _Before())


class _Held(ModuleType):
    """Holds the place of a module. Who looks into it gets what is there."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):    # the import system asks for some that a module need not have
            raise AttributeError(name)
        self.leave()
        return getattr(import_module(self.__name__), name)

    def leave(self) -> None:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]


class _Before(MetaPathFinder):
    """Finds nothing, but brings what was put off before any other part of PyTorch."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        if name.startswith("torch.") and not name.startswith(_LIGHT):
            sys.meta_path.remove(self)
            import_module(PUT_OFF)
