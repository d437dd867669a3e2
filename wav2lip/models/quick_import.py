"""PyTorch, without what only its compiler needs: that is a quarter of the time which it takes to import."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# What every operator makes of shapes alone, in Python. Whatever compiles, exports or counts operations needs it.
PUT_OFF = "torch._meta_registrations"
# What it brings along, and PyTorch uses by its name without importing it.
_BROUGHT = ("_decomp", "_meta_registrations", "_prims", "_refs")
# Parts of PyTorch that are imported when they are first used, and do not need it.
_LIGHT = ("torch.utils._device", "torch.utils.serialization")


def import_torch() -> None:
    """Import PyTorch, if it is not there yet, but for one module, which comes before any other part that is imported.

    All that can be named is as it would have been. But on the device "meta" nothing can be computed before.
    """
    if "torch" in sys.modules:
        return
    sys.modules[PUT_OFF] = held = _Held(PUT_OFF)
    try:
        torch: Any = import_module("torch")
    finally:
        held.leave()
    if vars(torch).get("_meta_registrations") is held:
        del torch._meta_registrations
        lazy = getattr(torch, "_lazy_modules", None)    # names of parts that PyTorch imports when they are asked for
        if isinstance(lazy, set):
            lazy.update(name for name in _BROUGHT if name not in vars(torch))
            sys.meta_path.insert(0, _Before())
        else:
            import_module(PUT_OFF)


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
    """Brings what was put off before any other part of PyTorch, once."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith("torch.") or name.startswith(_LIGHT):
            return None
        with suppress(ValueError):    # another thread was faster
            sys.meta_path.remove(self)
        return ModuleSpec(name, _After())    # here nothing can be imported: all threads would wait


class _After(Loader):
    """Loads a module after what was put off, which may bring it."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        import_module(PUT_OFF)
        module = import_module(spec.name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec    # in the place of the one that led here
