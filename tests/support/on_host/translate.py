"""From the LLVM code that Numba-CUDA gives NVVM to code of this machine, still as text."""

from __future__ import annotations

import itertools
import re

#: What a device has in registers, by LLVM's names; the host has one dimension.
REGISTERS = {"tid": "host_tid", "ctaid": "host_ctaid", "ntid": "host_ntid", "nctaid": "host_nctaid"}
OTHER_AXES = {"tid": 0, "ctaid": 0, "ntid": 1, "nctaid": 1}
LANE = "llvm.nvvm.read.ptx.sreg.laneid"
BARRIERS = ("llvm.nvvm.barrier0", "llvm.nvvm.barrier.cta.sync.aligned.all")

_BITS = {"i1": 8, "i8": 8, "i16": 16, "i32": 32, "float": 32, "i64": 64, "double": 64, "ptr": 64}

HOOKS = """
declare i32 @host_tid()
declare i32 @host_ctaid()
declare i32 @host_ntid()
declare i32 @host_nctaid()
declare i32 @host_lane()
declare void @host_read(ptr, i32)
declare void @host_write(ptr, i32, i64)
declare void @host_barrier(i32)
declare i32 @host_shuffle(i32, i32, i32, i32, i32, i32)
"""


class UntranslatedError(NotImplementedError):
    """Code of a device that nothing of the host stands for."""


def translated(text):
    """The code for the host, and the sizes of its shared arrays in bytes, by name."""
    text = re.sub(r"^target (triple|datalayout).*$", "", text, flags=re.M)
    text = re.sub(r"^![\w.]+ = .*$|^@\"?llvm\.used\"?.*$", "", text, flags=re.M)
    text = re.sub(r", *![\w.]+ *![0-9]+", "", text)
    text = opaque(text)
    text, shared = _shared(text)
    text = _called(_shuffles(_barriers(_registers(text))))
    text = "\n".join(map(_function, re.split(r"(?m)^(?=define )", text)))
    left = sorted(set(re.findall(r"@\"?(llvm\.nvvm[\w.]*)", text)))
    if left:
        raise UntranslatedError(f"nothing on the host stands for {', '.join(left)}")
    return HOOKS + text, shared


def opaque(text):
    """Pointers without the type that they point to, in one address space."""
    text = re.sub(r"\baddrspace\(\d\)\s*", "", text).replace("addrspacecast", "bitcast")
    simple = r"(?:i\d+|double|float|void|ptr)"
    compound = r"(?:\{[^{}*]*\}|\[\d+ x [^\[\]*]*\]|%\"[^\"]*\")"
    function = rf"{simple}\s*\([^()*]*\)"
    before = None
    while before != text:
        before = text
        text = re.sub(rf"(?:{function}|{compound}|{simple})\s?\*+", "ptr", text)
    return text


def _shared(text):
    sizes = {}

    def named(match):
        name, count, of = match[1], int(match[2]), match[3]
        sizes[f"shared_{len(sizes)}"] = (name, count * _BITS[of] // 8)
        return f'@"{name}" = global [{count} x {of}] zeroinitializer, align 16'

    pattern = r"^@\"?(_cudapy_[sl]mem[\w.$]*)\"? = [^\[\n]*\[(\d+) x (\w+)\].*$"
    text = re.sub(pattern, named, text, flags=re.M)
    for new, (name, _) in sizes.items():
        text = re.sub(rf'@"?{re.escape(name)}"?(?![\w.$])', f"@{new}", text)
    return text, {new: size for new, (_, size) in sizes.items()}


def _registers(text):
    for register, hook in REGISTERS.items():
        name = f"llvm.nvvm.read.ptx.sreg.{register}"
        text = re.sub(rf'^declare .*@"?{re.escape(name)}\..*$', "", text, flags=re.M)
        text = re.sub(rf'@"?{re.escape(name)}\.x"?(?=\()', f"@{hook}", text)
        constant = f"add i32 0, {OTHER_AXES[register]}"
        text = re.sub(rf'call i32 @"?{re.escape(name)}\.[yz]"?\(\)', constant, text)
    text = re.sub(rf'^declare .*@"?{re.escape(LANE)}"?.*$', "", text, flags=re.M)
    return re.sub(rf'@"?{re.escape(LANE)}"?(?=\()', "@host_lane", text)


def _barriers(text):
    """Barriers by their place: threads may not wait at different ones."""
    sites = itertools.count()
    for name in BARRIERS:
        text = re.sub(rf'^declare .*@"?{re.escape(name)}"?\(.*$', "", text, flags=re.M)
        call = rf'call void @"?{re.escape(name)}"?\((?:i32 0)?\)'
        text = re.sub(call, lambda _: f"call void @host_barrier(i32 {next(sites)})", text)
    return text


_SHUFFLE = re.compile(
    r'(%\S+) = call \{ ?i32, i1 ?\} @"?llvm\.nvvm\.shfl\.sync\.i32"?\('
    r"(i32 [^,]+), (i32 [^,]+), (i32 [^,]+), (i32 [^,]+), (i32 [^)]+)\)"
)


def _shuffles(text):
    """Shuffles by their place; the flag that comes with the number is of no use to Numba."""
    sites = itertools.count(1000)

    def call(match):
        result, *arguments = match.groups()
        site = next(sites)
        return (
            f"%shuffled.{site} = call i32 @host_shuffle({', '.join(arguments)}, i32 {site})\n"
            f"  {result} = insertvalue {{i32, i1}} {{i32 0, i1 1}}, i32 %shuffled.{site}, 0"
        )

    text = re.sub(r'^declare .*@"?llvm\.nvvm\.shfl.*$', "", text, flags=re.M)
    return _SHUFFLE.sub(call, text)


def _called(text):
    """Functions of libdevice under the names that its own code has."""
    return re.sub(r'@"(__nv_\w+)"', r"@\1", text)


_DEFINED = re.compile(r'^\s*(%"[^"]*"|%[\w.$]+) = (alloca|getelementptr|bitcast)\b(.*)$', re.M)
_NAME = r'(?:%"[^"]*"|%[\w.$]+|@[\w.$]+|@"[^"]*")'
_LOAD = re.compile(rf"^\s*{_NAME} = load (?:volatile )?(\w+), ptr ({_NAME})(, align \d+)?$", re.M)
_STORE = re.compile(rf"^\s*store (?:volatile )?(\w+) (\S+), ptr ({_NAME})(, align \d+)?$", re.M)


def _function(text):
    """A function with a call before each access to memory that is not a variable of its own."""
    own = _variables(text)
    fresh = itertools.count()

    def read(match):
        of, where = match[1], match[2]
        if where in own:
            return match[0]
        return f"  call void @host_read(ptr {where}, i32 {_BITS[of] // 8})\n{match[0]}"

    def write(match):
        of, value, where = match[1], match[2], match[3]
        if where in own:
            return match[0]
        lines, bits = _bits(of, value, next(fresh))
        hook = f"  call void @host_write(ptr {where}, i32 {_BITS[of] // 8}, i64 {bits})"
        return "\n".join([*lines, hook, match[0]])

    return _STORE.sub(write, _LOAD.sub(read, text))


def _variables(text):
    """The names of variables on the stack, and of their parts."""
    own = set()
    for name, how, rest in _DEFINED.findall(text):
        if how == "alloca" or any(one in own for one in re.findall(rf"ptr ({_NAME})", rest)[:1]):
            own.add(name)
    return own


def _bits(of, value, number):
    """Lines that make 64 bits of a value, and their name."""
    whole, bits = f"%whole.{number}", f"%bits.{number}"
    if of == "i64":
        return [], value
    if of == "double":
        return [f"  {bits} = bitcast double {value} to i64"], bits
    if of == "ptr":
        return [f"  {bits} = ptrtoint ptr {value} to i64"], bits
    lines = [f"  {whole} = bitcast float {value} to i32"] if of == "float" else []
    source = f"i32 {whole}" if of == "float" else f"{of} {value}"
    return [*lines, f"  {bits} = zext {source} to i64"], bits
