"""``python -m bench.bundle FOLDER``: what a bare machine with a GPU needs to run ``bench/gpu.sh``.

Wheels for Python 3.12 on Linux, and NVVM of a toolkit as old as the driver's, since the assembler
of an older one refuses what a newer one writes.  A virtual environment there sees none of the
machine's packages, so these are installed into a folder.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import version
from pathlib import Path

#: NumPy as well: Numba-CUDA 0.30 cannot be imported with NumPy 2.5, which no longer has row_stack.
WHEELS = ("awkward", "awkward-cpp", "numpy", "vector")
NVVM = "nvidia-nvvm==13.0.*"
#: Where Numba-CUDA looks for the files of NVVM, below CUDA_HOME.
PLACES = {
    "libnvvm.so.4": "nvvm/lib64/libnvvm.so",
    "libdevice.10.bc": "nvvm/libdevice/libdevice.10.bc",
}
LIMIT = 60 * 2**20
PLATFORMS = [f"--platform=manylinux_2_{n}_x86_64" for n in (28, 27, 17)]
PLATFORMS.append("--platform=manylinux2014_x86_64")


def download(folder, packages):
    """Wheels of packages, without what these need."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
    command += ["--python-version=3.12", "--implementation=cp", *PLATFORMS, "-d", str(folder)]
    subprocess.run([*command, *packages], check=True)


def nvvm(wheel, target):
    """The library and its bitcode as a folder for CUDA_HOME, packed: unpacked it is too large."""
    with (
        zipfile.ZipFile(wheel) as source,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for name in source.namelist():
            place = PLACES.get(Path(name).name)
            if place:
                made.writestr(place, source.read(name))


def main(argv=None):
    """Makes the folder anew; the exit code is 1 where it is too large."""
    folder = Path((argv or sys.argv[1:])[0])
    shutil.rmtree(folder, ignore_errors=True)
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    download(wheels, [f"{name}=={version(name)}" for name in WHEELS])
    with tempfile.TemporaryDirectory() as packed:
        download(packed, [NVVM])
        nvvm(next(Path(packed).glob("*.whl")), folder / "nvvm.zip")
    size = sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
    print(f"{folder}: {size / 2**20:.1f} MiB")
    return int(size > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
