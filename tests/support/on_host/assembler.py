"""Code of LLVM as a shared library of this machine, with what it needs of libdevice."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import llvmlite.binding as llvm

from tests.support import libdevice
from tests.support.on_host.translate import translated

ENTRY = "host_entry"
_TYPE = re.compile(r"\s*(ptr|i\d+|double|float)")


def missing():
    """What is missing to run kernels on the host; empty where nothing is."""
    return "" if shutil.which("cc") else "no C compiler (cc)"


def assemble(codes):
    """The library of a kernel, as bytes, from the modules that Numba-CUDA gives NVVM."""
    whole = "\n".join(one if isinstance(one, str) else one.decode() for one in codes)
    text, shared = translated(whole)
    called = sorted(set(re.findall(r"@__nv_(\w+)\(", text)))
    text = re.sub(r"^declare .*@__nv_\w+\(.*$", "", text, flags=re.M)
    sizes = "".join(f"@size_of_{name} = constant i64 {size}\n" for name, size in shared.items())
    return _linked(_object("\n".join([text, _entry(text), sizes, libdevice.code(tuple(called))])))


def _entry(text):
    """A function that takes the addresses of a kernel's arguments, as a launch has them."""
    kernels = re.findall(r'define void @("[^"]*")\(([^)]*)\)', text)
    name, given = next(one for one in kernels if "kernel" in one[0])
    types = [_TYPE.match(one)[1] for one in given.split(",")]
    lines = [
        f"  %q{i} = getelementptr ptr, ptr %a, i64 {i}\n  %r{i} = load ptr, ptr %q{i}\n"
        f"  %v{i} = load {of}, ptr %r{i}"
        for i, of in enumerate(types)
    ]
    call = ", ".join(f"{of} %v{i}" for i, of in enumerate(types))
    return "\n".join(
        [
            f"define void @{ENTRY}(ptr %a) {{",
            *lines,
            f"  call void @{name}({call})",
            "  ret void\n}",
        ]
    )


@cache
def _machine():
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(opt=1, reloc="pic", codemodel="small")


def _object(text):
    module = llvm.parse_assembly(f'target triple = "{llvm.get_process_triple()}"\n{text}')
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    builder = llvm.create_pass_builder(_machine(), options)
    builder.getModulePassManager().run(module, builder)
    return _machine().emit_object(module)


def _linked(data):
    with tempfile.TemporaryDirectory() as folder:
        made, library = Path(folder, "kernel.o"), Path(folder, "kernel.so")
        made.write_bytes(data)
        subprocess.run(["cc", "-shared", "-s", "-o", library, made, "-lm"], check=True)
        return library.read_bytes()
