"""What `chainopt` itself has, those names too that are imported only when they are asked for."""

from types import ModuleType

import chainopt


def test_a_star_import_brings_all_of_them():
    found = {}
    exec("from chainopt import *", found)  # noqa: S102 -- as people do in a notebook
    public = {
        name for name in dir(chainopt) if not name.startswith("_") and name not in {"TYPE_CHECKING", "Any", "import_module"}
    }
    public = {name for name in public if not isinstance(getattr(chainopt, name), ModuleType)}
    assert {"linearize", "calibrate", "optimal_order"} <= public
    assert public == set(chainopt.__all__) == {name for name in found if name != "__builtins__"}
