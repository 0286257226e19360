"""The call frame of XLA's FFI, and the handler that takes it to a plan's entry point.

XLA calls ``XLA_FFI_Error* handler(XLA_FFI_CallFrame*)`` on threads of its own; the structures are
those of ``xla/ffi/api/c_api.h``, which comes with jaxlib.  Offsets in the compiled handlers come
from ``STRUCTURES``, which ``header`` compares with the file that is installed.  The handlers are
compiled by Numba and hold no Python; its cache on disk knows them by this file, so all that they
are made of stands here.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic

from dualak.extend import compiled

#: The version of the API that the structures are of: the handler tells it when it is registered.
MAJOR, MINOR = 0, 1

#: From the header's enumerations.
INSTANTIATE, EXECUTE = 0, 3
METADATA = 1
INT64 = 5
INVALID_ARGUMENT, RESOURCE_EXHAUSTED = 3, 8

_WORD = ctypes.c_int64


def _structure(name: str, **fields: Any) -> type[ctypes.Structure]:
    return type(name, (ctypes.Structure,), {"_fields_": list(fields.items())})


def _list(name: str, **fields: Any) -> type[ctypes.Structure]:
    return _structure(name, struct_size=_WORD, extension_start=_WORD, size=_WORD, **fields)


Extension = _structure("Extension", struct_size=_WORD, type=ctypes.c_int, next=_WORD)
Version = _structure(
    "Version",
    struct_size=_WORD,
    extension_start=_WORD,
    major_version=ctypes.c_int,
    minor_version=ctypes.c_int,
)
Metadata = _structure("Metadata", struct_size=_WORD, api_version=Version, traits=ctypes.c_uint32)
MetadataExtension = _structure("MetadataExtension", extension_base=Extension, metadata=_WORD)
Api = _structure(
    "Api",
    struct_size=_WORD,
    extension_start=_WORD,
    api_version=Version,
    internal_api=_WORD,
    XLA_FFI_Error_Create=_WORD,
    _1=_WORD,
    XLA_FFI_Error_Destroy=_WORD,
    **{f"_{i}": _WORD for i in range(3, 7)},
    XLA_FFI_State_Set=_WORD,
    **{f"_{i}": _WORD for i in range(8, 11)},
    XLA_FFI_ThreadPool_Schedule=_WORD,
)
Schedule = _structure(
    "Schedule", struct_size=_WORD, extension_start=_WORD, ctx=_WORD, task=_WORD, data=_WORD
)
Failure = _structure(
    "Failure", struct_size=_WORD, extension_start=_WORD, message=_WORD, errc=ctypes.c_int
)
State = _structure(
    "State",
    struct_size=_WORD,
    extension_start=_WORD,
    ctx=_WORD,
    stage=ctypes.c_int,
    type_id=_WORD,
    state=_WORD,
)
TypeInfo = _structure("TypeInfo", struct_size=_WORD, extension_start=_WORD, deleter=_WORD)
Destroy = _structure("Destroy", struct_size=_WORD, extension_start=_WORD, error=_WORD)
Buffer = _structure(
    "Buffer",
    struct_size=_WORD,
    extension_start=_WORD,
    dtype=ctypes.c_int,
    data=_WORD,
    rank=_WORD,
    dims=_WORD,
)
Span = _structure("Span", ptr=_WORD, len=_WORD)
Scalar = _structure("Scalar", dtype=ctypes.c_int, value=_WORD)
Arguments = _list("Arguments", types=_WORD, args=_WORD)
Results = _list("Results", types=_WORD, rets=_WORD)
Attributes = _list("Attributes", types=_WORD, names=_WORD, attrs=_WORD)
Frame = _structure(
    "Frame",
    struct_size=_WORD,
    extension_start=_WORD,
    api=_WORD,
    ctx=_WORD,
    stage=ctypes.c_int,
    args=Arguments,
    rets=Results,
    attrs=Attributes,
)

#: The header's name of each structure.  It may have grown at its end, and a field whose name here
#: begins with an underscore is not used.
STRUCTURES = {
    "XLA_FFI_Api_Version": Version,
    "XLA_FFI_Metadata": Metadata,
    "XLA_FFI_Metadata_Extension": MetadataExtension,
    "XLA_FFI_Api": Api,
    "XLA_FFI_Error_Create_Args": Failure,
    "XLA_FFI_State_Set_Args": State,
    "XLA_FFI_TypeInfo": TypeInfo,
    "XLA_FFI_Error_Destroy_Args": Destroy,
    "XLA_FFI_ThreadPool_Schedule_Args": Schedule,
    "XLA_FFI_Buffer": Buffer,
    "XLA_FFI_ByteSpan": Span,
    "XLA_FFI_Scalar": Scalar,
    "XLA_FFI_Args": Arguments,
    "XLA_FFI_Rets": Results,
    "XLA_FFI_Attrs": Attributes,
    "XLA_FFI_CallFrame": Frame,
}


# -- the handler ----------------------------------------------------------------------------------


@intrinsic
def _word(typingctx: Any, address: Any) -> Any:
    """The 64 bits at an address."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(builder.inttoptr(args[0], ir.IntType(64).as_pointer()))

    return types.int64(types.int64), codegen


@intrinsic
def _half(typingctx: Any, address: Any) -> Any:
    """The 32 bits at an address."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        half = builder.load(builder.inttoptr(args[0], ir.IntType(32).as_pointer()))
        return builder.sext(half, ir.IntType(64))

    return types.int64(types.int64), codegen


@intrinsic
def _set_half(typingctx: Any, address: Any, value: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target = builder.inttoptr(args[0], ir.IntType(32).as_pointer())
        builder.store(builder.trunc(args[1], ir.IntType(32)), target)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def _set_word(typingctx: Any, address: Any, value: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[1], builder.inttoptr(args[0], ir.IntType(64).as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def _stack(typingctx: Any, words: Any) -> Any:
    """The address of memory that is there until the caller returns."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        memory = builder.alloca(ir.IntType(64), size=args[0])
        return builder.ptrtoint(memory, ir.IntType(64))

    return types.int64(types.int64), codegen


def _called(builder: Any, args: Any) -> Any:
    """Calls the function at the first of some words with the others, and gives what it gives."""
    word = ir.IntType(64)
    kind = ir.FunctionType(word, [word] * (len(args) - 1))
    return builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])


@intrinsic
def _call_one(typingctx: Any, function: Any, argument: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _called(builder, args)

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def _call(typingctx: Any, function: Any, first: Any, second: Any, third: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _called(builder, args)

    return types.int64(*[types.int64] * 4), codegen


@intrinsic(prefer_literal=True)
def _text(typingctx: Any, text: Any) -> Any:
    """The address of a literal."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        made = context.insert_const_string(builder.module, text.literal_value)
        return builder.ptrtoint(made, ir.IntType(64))

    return types.int64(text), codegen


# Offsets by names that compiled code may use.
_EXTENSION = Frame.extension_start.offset
_API, _STAGE = Frame.api.offset, Frame.stage.offset
_CREATE = Api.XLA_FFI_Error_Create.offset
_TYPE = Extension.type.offset
_METADATA = MetadataExtension.metadata.offset
_MAJOR = Metadata.api_version.offset + Version.major_version.offset
_MINOR = Metadata.api_version.offset + Version.minor_version.offset
_TRAITS = Metadata.traits.offset
_INPUTS = Frame.args.offset + Arguments.size.offset
_INPUT_ROWS = Frame.args.offset + Arguments.args.offset
_OUTPUTS = Frame.rets.offset + Results.size.offset
_OUTPUT_ROWS = Frame.rets.offset + Results.rets.offset
_ATTRIBUTES = Frame.attrs.offset + Attributes.size.offset
_NAMES = Frame.attrs.offset + Attributes.names.offset
_VALUES = Frame.attrs.offset + Attributes.attrs.offset
_DATA = Buffer.data.offset
_VALUE, _SPAN = Scalar.value.offset, Span.ptr.offset
_SCHEDULE = Api.XLA_FFI_ThreadPool_Schedule.offset
_DESTROY = Api.XLA_FFI_Error_Destroy.offset
_CONTEXT = Frame.ctx.offset
_TASK, _ARGUMENT = Schedule.task.offset // 8, Schedule.data.offset // 8
_SET_STATE = Api.XLA_FFI_State_Set.offset
_STATE_WORDS, _STATE_SIZE = ctypes.sizeof(State) // 8, ctypes.sizeof(State)
_STATE_CONTEXT, _STATE_STAGE = State.ctx.offset, State.stage.offset
_STATE_KIND, _STATE_VALUE = State.type_id.offset, State.state.offset
_MESSAGE, _CODE = Failure.message.offset, Failure.errc.offset
_FAILURE_SIZE = Failure.errc.offset + 4
#: Attributes are told apart by their initials: context, function, state.
_INITIAL_C, _INITIAL_F, _INITIAL_S = b"cfs"


@numba.njit
def _fail(frame, code, message):
    """The error that XLA hands to the caller of the program."""
    failure = _stack(4)
    _set_word(failure, _FAILURE_SIZE)
    _set_word(failure + 8, 0)
    _set_word(failure + _MESSAGE, message)
    _set_half(failure + _CODE, code)
    return _call_one(_word(_word(frame + _API) + _CREATE), failure)


@numba.njit
def _forget(frame, error):
    """Frees an error that is not handed on."""
    if error != 0:
        structure = _stack(3)
        _set_word(structure, 24)
        _set_word(structure + 8, 0)
        _set_word(structure + 16, error)
        _call_one(_word(_word(frame + _API) + _DESTROY), structure)


@numba.njit
def _describe(extension):
    """Tells XLA the version that the handler was written for."""
    metadata = _word(extension + _METADATA)
    _set_half(metadata + _MAJOR, MAJOR)
    _set_half(metadata + _MINOR, MINOR)
    _set_half(metadata + _TRAITS, 0)


@numba.njit
def _attribute(frame, initial):
    """The integer attribute whose name begins so, or 0."""
    names, values = _word(frame + _NAMES), _word(frame + _VALUES)
    for i in range(_word(frame + _ATTRIBUTES)):
        name, scalar = _word(names + 8 * i), _word(values + 8 * i)
        if _word(_word(name + _SPAN)) & 255 == initial and _half(scalar) == INT64:
            return _word(_word(scalar + _VALUE))
    return 0


@numba.njit
def _fill_pool(frame, pool, structure):
    """Words that say how a plan makes XLA's threads help it."""
    _set_word(pool, _word(_word(frame + _API) + _SCHEDULE))
    _set_word(pool + 8, structure)
    _set_word(pool + 16, _TASK)
    _set_word(pool + 24, _ARGUMENT)
    _set_word(pool + 32, 0)
    _set_word(structure, 40)
    _set_word(structure + 8, 0)
    _set_word(structure + 16, _word(frame + _CONTEXT))


@numba.njit
def _fill_buffers(frame, buffers):
    """The addresses of the arguments and results."""
    inputs, outputs = _word(frame + _INPUTS), _word(frame + _OUTPUTS)
    arguments, results = _word(frame + _INPUT_ROWS), _word(frame + _OUTPUT_ROWS)
    for i in range(inputs):
        _set_word(buffers + 8 * i, _word(_word(arguments + 8 * i) + _DATA))
    for i in range(outputs):
        _set_word(buffers + 8 * (inputs + i), _word(_word(results + 8 * i) + _DATA))


@intrinsic
def _add(typingctx: Any, address: Any, value: Any) -> Any:
    """Adds to the word at an address, whatever other threads do."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], ir.IntType(64).as_pointer())
        builder.atomic_rmw("add", pointer, args[1], "seq_cst")
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


def _instantiate(frame):
    """A program is compiled: it holds the table, until XLA deletes its state."""
    extension = _word(frame + _EXTENSION)
    if extension != 0 and _half(extension + _TYPE) == METADATA:
        _describe(extension)
        return 0
    context, kind = _attribute(frame, _INITIAL_C), _attribute(frame, _INITIAL_S)
    if context == 0 or kind == 0:
        return _fail(frame, INVALID_ARGUMENT, _text("dualak: expected a plan's table"))
    state = _stack(_STATE_WORDS)
    _set_word(state, _STATE_SIZE)
    _set_word(state + 8, 0)
    _set_word(state + _STATE_CONTEXT, _word(frame + _CONTEXT))
    _set_word(state + _STATE_STAGE, INSTANTIATE)
    _set_word(state + _STATE_KIND, kind)
    _set_word(state + _STATE_VALUE, context)
    error = _call_one(_word(_word(frame + _API) + _SET_STATE), state)
    if error == 0:
        _add(context + 8, 1)
    return error


def _delete(context):
    """The program that held the table is gone."""
    _add(context + 8, -1)


def _handle(frame):
    extension = _word(frame + _EXTENSION)
    if extension != 0 and _half(extension + _TYPE) == METADATA:
        _describe(extension)
        return 0
    function, context = _attribute(frame, _INITIAL_F), _attribute(frame, _INITIAL_C)
    given = _word(frame + _INPUTS) + _word(frame + _OUTPUTS)
    if function == 0 or context == 0 or _word(context) != given:
        return _fail(frame, INVALID_ARGUMENT, _text("dualak: expected the buffers of its plan"))
    buffers, pool, structure = _stack(given), _stack(5), _stack(5)
    _fill_buffers(frame, buffers)
    _fill_pool(frame, pool, structure)
    status = _call(function, context, buffers, pool)
    _forget(frame, _word(pool + 32))
    if status != 0:
        return _fail(frame, RESOURCE_EXHAUSTED, _text("dualak: no memory for a plan's buffers"))
    return 0


def _probe(context, buffers, pool):
    """Stands for a plan where the handlers are tried: the number after the one it gets."""
    _set_half(_word(buffers + 8), _half(_word(buffers)) + 1)
    return 0


@cache
def handlers() -> tuple[Any, Any, Any, Any]:
    """Compiled: the handlers of compiling and of running, the state's deleter, and a probe."""
    handler = types.int64(types.int64)
    return (
        compiled(handler, _instantiate),
        compiled(handler, _handle),
        compiled(types.void(types.int64), _delete),
        compiled(types.int64(*[types.int64] * 3), _probe),
    )
