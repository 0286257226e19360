"""NVIDIA's libdevice on the host: its code, compiled for this machine, to be called from Python.

The functions that kernels call are code of LLVM, which needs a device only for some instructions.
These are defined here as CUDA's documentation has them; approximate ones stay approximate.
"""

from __future__ import annotations

import ctypes
import os
import re
from functools import cache
from pathlib import Path

import llvmlite.binding as llvm

try:
    import nvidia
except ImportError:  # a toolkit may have the file instead
    nvidia = None

#: Instructions of a device that LLVM has for any machine.
SAME = {
    **{f"fma.rn.{kind}": f"llvm.fma.{of}" for kind, of in (("d", "f64"), ("f", "f32"))},
    **{f"floor.{kind}": f"llvm.floor.{of}" for kind, of in (("d", "f64"), ("f", "f32"))},
    **{f"ceil.{kind}": f"llvm.ceil.{of}" for kind, of in (("d", "f64"), ("f", "f32"))},
    **{f"trunc.{kind}": f"llvm.trunc.{of}" for kind, of in (("d", "f64"), ("f", "f32"))},
    **{f"round.{kind}": f"llvm.rint.{of}" for kind, of in (("d", "f64"), ("f", "f32"))},
    **{f"sqrt.rn.{kind}": f"llvm.sqrt.{of}" for kind, of in (("d", "f64"), ("f", "f32"))},
    **{f"fabs.{of}": f"llvm.fabs.{of}" for of in ("f64", "f32")},
    **{
        f"f{which}.{kind}": f"llvm.{which}num.{of}"
        for which in ("min", "max")
        for kind, of in (("d", "f64"), ("f", "f32"))
    },
    "sqrt.approx.f": "llvm.sqrt.f32",
    "ex2.approx.f32": "llvm.exp2.f32",
    "lg2.approx.f": "llvm.log2.f32",
}

#: The others: result, arguments, and lines of LLVM's language that give %r.
OWN = {
    "add.rn.d": ("double", "double %a, double %b", "%r = fadd double %a, %b"),
    "mul.rn.d": ("double", "double %a, double %b", "%r = fmul double %a, %b"),
    "add.rn.f": ("float", "float %a, float %b", "%r = fadd float %a, %b"),
    "mul.rn.f": ("float", "float %a, float %b", "%r = fmul float %a, %b"),
    "div.rn.f": ("float", "float %a, float %b", "%r = fdiv float %a, %b"),
    "div.approx.f": ("float", "float %a, float %b", "%r = fdiv float %a, %b"),
    "rsqrt.approx.f": (
        "float",
        "float %a",
        "%s = call float @llvm.sqrt.f32(float %a)\n%r = fdiv float 1.0, %s",
    ),
    # Twenty bits, of which the caller makes more; subnormal numbers are zero.
    "rcp.approx.ftz.d": (
        "double",
        "double %a",
        (
            "%m = call double @llvm.fabs.f64(double %a)\n"
            "%t = fcmp olt double %m, 0x0010000000000000\n"
            "%z = call double @llvm.copysign.f64(double 0.0, double %a)\n"
            "%x = select i1 %t, double %z, double %a\n"
            "%q = fdiv double 1.0, %x\n"
            "%i = bitcast double %q to i64\n"
            "%c = and i64 %i, -4294967296\n"
            "%r = bitcast i64 %c to double"
        ),
    ),
    "lohi.i2d": (
        "double",
        "i32 %a, i32 %b",
        (
            "%l = zext i32 %a to i64\n%h = zext i32 %b to i64\n%s = shl i64 %h, 32\n"
            "%i = or i64 %s, %l\n%r = bitcast i64 %i to double"
        ),
    ),
    "d2i.lo": ("i32", "double %a", "%i = bitcast double %a to i64\n%r = trunc i64 %i to i32"),
    "d2i.hi": (
        "i32",
        "double %a",
        "%i = bitcast double %a to i64\n%s = lshr i64 %i, 32\n%r = trunc i64 %s to i32",
    ),
    "d2i.rn": (
        "i32",
        "double %a",
        (
            "%w = call double @llvm.rint.f64(double %a)\n"
            "%r = call i32 @llvm.fptosi.sat.i32.f64(double %w)"
        ),
    ),
    "f2i.rn": (
        "i32",
        "float %a",
        (
            "%w = call float @llvm.rint.f32(float %a)\n"
            "%r = call i32 @llvm.fptosi.sat.i32.f32(float %w)"
        ),
    ),
    "d2ll.rz": ("i64", "double %a", "%r = call i64 @llvm.fptosi.sat.i64.f64(double %a)"),
    "f2ll.rz": ("i64", "float %a", "%r = call i64 @llvm.fptosi.sat.i64.f32(float %a)"),
    "f2i.rz": ("i32", "float %a", "%r = call i32 @llvm.fptosi.sat.i32.f32(float %a)"),
    "f2ui.rz": ("i32", "float %a", "%r = call i32 @llvm.fptoui.sat.i32.f32(float %a)"),
    "saturate.f": (
        "float",
        "float %a",
        (
            "%n = fcmp ogt float %a, 0.0\n%p = select i1 %n, float %a, float 0.0\n"
            "%o = fcmp olt float %p, 1.0\n%r = select i1 %o, float %p, float 1.0"
        ),
    ),
    # Towards minus infinity, and towards zero: from the sum in double precision, one step back
    # where it was rounded to the other side.
    "fma.rm.f": (
        "float",
        "float %a, float %b, float %c",
        "%r = call float @down(float %a, float %b, float %c)",
    ),
    "fma.rz.f": (
        "float",
        "float %a, float %b, float %c",
        "%r = call float @chopped(float %a, float %b, float %c)",
    ),
    "mul.rz.f": (
        "float",
        "float %a, float %b",
        "%r = call float @chopped(float %a, float %b, float 0.0)",
    ),
    "add.rz.f": (
        "float",
        "float %a, float %b",
        "%r = call float @chopped(float %a, float 1.0, float %b)",
    ),
}

#: Lines of a device's own assembly language, by how they begin, and what stands for them here.
ASSEMBLY = {
    "rcp.approx.ftz.f32": "rcp",
    "rsqrt.approx.ftz.f64": "rsqrt.approx.d",
    "sub.rn.f32": "sub32",
    "sub.rn.ftz.f32": "sub32",
    "sub.rn.f64": "sub64",
    "mad.lo.cc.u32 $0": "mad32",
    "mul.lo.u32": "mul128",
    "mad.lo.cc.u32 r0": "mad128",
    "sub.cc.u32": "sub128",
    "add.cc.u32": "add128",
    "setp.equ.f64": "chosen",
}
_PAIR = (
    "%r0 = insertvalue {{ {of}, {of} }} undef, {of} %l, 0\n"
    "%r = insertvalue {{ {of}, {of} }} %r0, {of} %h, 1"
)
_PAIR64 = (
    "%l = trunc i128 %x to i64\n%y = lshr i128 %x, 64\n%h = trunc i128 %y to i64\n"
    + _PAIR.format(of="i64")
)


def _wide(*names):
    return "\n".join(f"%w{name} = zext i64 %{name} to i128" for name in names)


def _joined(name, low, high):
    return f"%s{name} = shl i128 %w{high}, 64\n%{name} = or i128 %s{name}, %w{low}"


_FOUR = "i64 %a, i64 %b, i64 %c, i64 %d"
_TWO_WIDE = "\n".join([_wide(*"abcd"), _joined("p", "a", "b"), _joined("q", "c", "d")])
OWN |= {
    "rcp": ("float", "float %a", "%r = fdiv float 1.0, %a"),
    "rsqrt.approx.d": (
        "double",
        "double %a",
        (
            "%s = call double @llvm.sqrt.f64(double %a)\n%q = fdiv double 1.0, %s\n"
            "%i = bitcast double %q to i64\n%c = and i64 %i, -4294967296\n"
            "%r = bitcast i64 %c to double"
        ),
    ),
    "sub32": ("float", "float %a, float %b", "%r = fsub float %a, %b"),
    "sub64": ("double", "double %a, double %b", "%r = fsub double %a, %b"),
    "mad32": (
        "{ i32, i32 }",
        "i32 %a, i32 %b, i32 %c",
        "%u = zext i32 %a to i64\n%v = zext i32 %b to i64\n%w = zext i32 %c to i64\n"
        "%m = mul i64 %u, %v\n%x = add i64 %m, %w\n%l = trunc i64 %x to i32\n"
        "%y = lshr i64 %x, 32\n%h = trunc i64 %y to i32\n" + _PAIR.format(of="i32"),
    ),
    "mul128": (
        "{ i64, i64 }",
        "i64 %a, i64 %b",
        f"{_wide(*'ab')}\n%x = mul i128 %wa, %wb\n{_PAIR64}",
    ),
    "mad128": (
        "{ i64, i64 }",
        "i64 %a, i64 %b, i64 %c",
        f"{_wide(*'abc')}\n%m = mul i128 %wa, %wb\n%x = add i128 %m, %wc\n{_PAIR64}",
    ),
    "sub128": ("{ i64, i64 }", _FOUR, f"{_TWO_WIDE}\n%x = sub i128 %p, %q\n{_PAIR64}"),
    "add128": ("{ i64, i64 }", _FOUR, f"{_TWO_WIDE}\n%x = add i128 %p, %q\n{_PAIR64}"),
    "chosen": (
        "double",
        "double %a, double %b, double %c, double %d",
        "%e = fcmp ueq double %a, %b\n%r = select i1 %e, double %c, double %d",
    ),
}

ROUNDING = """
define float @rounded(double %d, float %f, i1 %past) {
  %i = bitcast float %f to i32
  %neg = icmp slt i32 %i, 0
  %step = select i1 %neg, i32 1, i32 -1
  %j = add i32 %i, %step
  %g = bitcast i32 %j to float
  %r = select i1 %past, float %g, float %f
  ret float %r
}
define double @exactly(float %a, float %b, float %c) {
  %x = fpext float %a to double
  %y = fpext float %b to double
  %z = fpext float %c to double
  %d = call double @llvm.fma.f64(double %x, double %y, double %z)
  ret double %d
}
define float @down(float %a, float %b, float %c) {
  %d = call double @exactly(float %a, float %b, float %c)
  %f = fptrunc double %d to float
  %w = fpext float %f to double
  %past = fcmp ogt double %w, %d
  %r = call float @rounded(double %d, float %f, i1 %past)
  ret float %r
}
define float @chopped(float %a, float %b, float %c) {
  %d = call double @exactly(float %a, float %b, float %c)
  %f = fptrunc double %d to float
  %w = fpext float %f to double
  %one = call double @llvm.fabs.f64(double %w)
  %two = call double @llvm.fabs.f64(double %d)
  %past = fcmp ogt double %one, %two
  %r = call float @rounded(double %d, float %f, i1 %past)
  ret float %r
}
define i32 @__nvvm_reflect(ptr %name) {
  ret i32 0
}
"""


def path():
    """The file that Numba-CUDA links kernels with."""
    folders = [Path(one) for one in nvidia.__path__] if nvidia else []
    folders += [Path(os.environ[name]) for name in ("CUDA_HOME",) if name in os.environ]
    return next(found for one in folders for found in sorted(one.rglob("libdevice*.bc")))


def _name(instruction):
    """An instruction without what only concerns subnormal numbers, which are kept by default."""
    return instruction if instruction in OWN else instruction.replace(".ftz", "")


def _text():
    """All of libdevice in LLVM's language, for this machine."""
    text = str(llvm.parse_bitcode(path().read_bytes()))
    # What a device is told to do is nothing that other machines know.
    text = re.sub(r"^(target|attributes) .*$", "", text, flags=re.MULTILINE)
    text = re.sub(r" #\d+", "", text)
    text = re.sub(r"^declare [^\n]*(nvvm)[^\n]*$", "", text, flags=re.MULTILINE)

    def renamed(match):
        name = _name(match[1])
        return f"@{SAME[name]}" if name in SAME else f"@own.{name}"

    text = re.sub(r"@llvm\.nvvm\.([\w.]+)", renamed, text)
    return re.sub(r'asm (?:sideeffect )?"([^"]*)", "[^"]*"\(', _assembly, text)


def _assembly(match):
    """A call of what stands for lines of assembly, or the lines themselves."""
    words = re.sub(r"\s+", " ", re.sub(r"\\0A|\\09", " ", match[1]))
    found = {words.find(start): own for start, own in ASSEMBLY.items() if start in words}
    return f"@own.{found[min(found)]}(" if found else match[0]


def _definitions():
    lines = [ROUNDING]
    for name, (result, arguments, body) in OWN.items():
        lines.append(f"define {result} @own.{name}({arguments}) {{\n{body}\nret {result} %r\n}}")
    return "\n".join(lines)


def _functions(text):
    return {
        one[1]: one[0] for one in re.finditer(r"^define [^\n]*?@([\w.]+)\(.*?^}", text, re.M | re.S)
    }


@cache
def code(names):
    """The functions of libdevice with these names, and what they call, as text of LLVM."""
    rest, functions = _parts()
    wanted, needed = [f"__nv_{one}" for one in names], {}
    while wanted:
        name = wanted.pop()
        if name in functions and name not in needed:
            needed[name] = re.sub(r"^define (internal |hidden )*", "define ", functions[name])
            wanted += re.findall(r"@([\w.]+)", functions[name])
    return "\n".join([rest, _declared(rest), _definitions(), *needed.values()])


@cache
def _parts():
    """What stands outside of functions in libdevice, and its functions by name."""
    rest = _text()
    functions = _functions(rest)
    for function in functions.values():
        rest = rest.replace(function, "", 1)
    return rest, functions


@cache
def engine(names):
    """The functions of libdevice with these names, and what they call, compiled."""
    triple = llvm.get_process_triple()
    module = llvm.parse_assembly(f'target triple = "{triple}"\n{code(names)}')
    module.verify()
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=llvm.get_host_cpu_name())
    return llvm.create_mcjit_compiler(module, machine)


#: What definitions here and in libdevice use, and libdevice itself may not declare.
INTRINSICS = {
    **{
        f"llvm.{name}.{of}": f"{kind} @llvm.{name}.{of}({kind})"
        for name in ("floor", "ceil", "trunc", "rint", "sqrt", "fabs", "exp2", "log2")
        for of, kind in (("f64", "double"), ("f32", "float"))
    },
    **{
        f"llvm.{name}.{of}": f"{kind} @llvm.{name}.{of}({kind}, {kind})"
        for name in ("minnum", "maxnum", "copysign")
        for of, kind in (("f64", "double"), ("f32", "float"))
    },
    **{
        f"llvm.fma.{of}": f"{kind} @llvm.fma.{of}({kind}, {kind}, {kind})"
        for of, kind in (("f64", "double"), ("f32", "float"))
    },
    **{
        f"llvm.fpto{sign}i.sat.{to}.{of}": f"{to} @llvm.fpto{sign}i.sat.{to}.{of}({kind})"
        for sign in "su"
        for to in ("i32", "i64")
        for of, kind in (("f64", "double"), ("f32", "float"))
    },
}


def _declared(rest):
    return "\n".join(
        f"declare {head}" for name, head in INTRINSICS.items() if f"@{name}(" not in rest
    )


# -- from Python ----------------------------------------------------------------------------------

_TYPES = {"f8": ctypes.c_double, "f4": ctypes.c_float}


def function(engine, name, suffix, arity):
    """A function of numbers of Python; ``frexp`` gives a pair, ``sincos`` as well."""
    kind, whole = _TYPES[suffix], ctypes.c_int32
    address = engine.get_function_address(f"__nv_{name}")
    plain = name.removesuffix("f")
    if plain == "frexp":
        call = ctypes.CFUNCTYPE(kind, kind, ctypes.POINTER(whole))(address)

        def frexp(x):
            exponent = whole()
            return call(x, ctypes.byref(exponent)), exponent.value

        return frexp
    if plain == "sincos":
        pointer = ctypes.POINTER(kind)
        both = ctypes.CFUNCTYPE(None, kind, pointer, pointer)(address)

        def sincos(x):
            sine, cosine = kind(), kind()
            both(x, ctypes.byref(sine), ctypes.byref(cosine))
            return sine.value, cosine.value

        return sincos
    if plain.startswith("signbit"):
        return ctypes.CFUNCTYPE(whole, kind)(address)
    arguments = [kind, whole] if plain == "ldexp" else [kind] * arity
    return ctypes.CFUNCTYPE(kind, *arguments)(address)
