"""``import cupy`` in a rehearsal, whose path names this folder: the stand-in, kernels of the host.

Nothing but the device is then another thing than on a machine that has one.
"""

import importlib
import sys

from tests.support import cupy_stand_in

sys.modules["cupy"] = cupy_stand_in.module()
# What it imports asks for CuPy, and finds the stand-in.
importlib.import_module("tests.support.host_device").install()
