"""What a step can be: texts with places for operands, for every function of the registry.

A place is a letter in braces, and what may stand there is the generator's affair:

    x  an array of numbers                  y  whatever may stand beside it
    n  a rectangular array, without None    q  a square matrix
    v  a rectangular array of one dimension s  a differentiated number
    r  an array of records                  u  an array with a union
    p  an array of four-vectors             e  a record
    k  a number of Python                   i  a small integer, perhaps negative
    c  a small count                        d  an axis of the first operand
    m  a mask of the first operand          f  a field of the first operand
    j  an array of plain lists of numbers   l  an array of lists of numbers, of any kind
    z  what fits to join it with
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from dualak.functions import functions
from dualak.rules import OUTPUTS, RULES


@dataclass(frozen=True)
class Operation:
    """A template, the name that the registry knows the function by, and how often to draw it."""

    text: str
    function: str
    weight: float = 1.0

    @property
    def binds(self) -> bool:
        """Whether it makes a value; else it changes its first operand in place."""
        return "] = " not in self.text and not self.text.startswith("del ")


_ARITHMETIC = """
{x} + {y}; {y} + {x}; {x} - {y}; {y} - {x}; {x} * {y}; {y} * {x}; {x} / ({y} + 7.5)
{y} / (np.abs({x}) + 0.5); (np.abs({x}) + 0.5) ** {y}; {x} ** 2; {x} ** 3; -{x}; abs({x})
{k} * {x}; {x} * {k}; {s} * {y}; {y} * {s}; {s} + {y}; {y} + {s}; {y} - {s}; {y} / ({s} + 7.5)
{s} * {x}; {x} * (1 + {s}); np.maximum({y}, {s}); np.arctan2({y}, {s}); np.hypot({y}, {s})
np.minimum({s}, {y}); {x} % 1.7; {x} // 1.3; {s} ** 2; np.sin({s}); ({s} > {k}) * {s}
{x} if {s} > {k} else -{x}; {s} if {s} > {k} else {s} ** 2
"""

_SLICES = """
{x}[::-1]; {x}[1:]; {x}[:-1]; {x}[:2]; {x}[..., ::-1]; {x}[..., :1]; {x}[:, ::-1]; {x}[:, :1]
{x}[:, 1:]; {x}[0]; {x}[-1]; {x}[0, 0]; {x}[-1, -1]; {x}[..., 0]; {x}[[0, 0]]; {x}[[-1, 0, 0]]
{x}[:, np.newaxis]; {x}[..., np.newaxis]; {x}[np.newaxis]; {x}[{m}]; {x}[~{m}]; {x}[{x} > {k}]
{x}[abs({x}) < 1.5]; {x}[ak.argsort({x}, axis=-1)]; {x}[ak.argmax({x}, axis=-1, keepdims=True)]
{x}[ak.argmin({x}, axis=-1, keepdims=True)]; {x}[ak.num({x}) > 0]
{x}[ak.any({x} > {k}, axis=-1)]; {x}[ak.local_index({x}) % 2 == 0]
{x}[np.array([True, False, True])]; {n}[0, {m}]; {n}[1, [0, 0]]; {n}[[0, 1], [1, 0]]
{n}[:, [0, -1]]; {n}[0, ::-1]; {n}.T; {n}.sum(); {n}.mean(axis=0)
{n}[1, np.array([True, False, True])]; {n}[np.array([True, False]), 1:]; {n}.reshape(-1)
{n}.max(axis=0); {n}.copy(); {r}[::-1]; {r}[1:]; {r}[[0, 0]]; {r}[[-1, 0]]; {r}[:2]; {r}["a"]
{r}["b"]; {r}[["a"]]; {r}.a; {r}[{r}.a > {k}]; {r}[0]; {r}["0"]; {r}["1"]; {r}[{r}.a > {k}].b
{r}[{r}.a > {k}].a; {e}["a"]; {e}.b; {e}["0"]; {u}[::-1]; {u}[1:]; {u}[[0, 0, 1]]; {u}[0]
{u}[[1, 0]]; {u}[np.arange(len({u})) % 2 == 0]
"""

_CHANGES = """
{r}["a"] = {r}.a * 2; {r}["b"] = {r}["a"]; {r}["c"] = {r}.a ** 2; {r}["c"] = {y}; {r}["a"] = {y}
del {r}["a"]; del {r}["b"]; {r}["a"] = {s}; {r}["d"] = np.sin({r}["a"])
"""

_RECORDS = """
ak.zip({'a': {x}, 'b': {y}}); ak.zip({'a': {x}, 'b': {x}}); ak.zip([{x}, {y}])
ak.zip({'a': {s}, 'b': {x}}); ak.zip({'a': {s}, 'b': {s}})
ak.zip({'a': {x}, 'b': {x}}, depth_limit=1); ak.zip({'a': {y}, 'b': {x}}, depth_limit=1)
ak.unzip({r})[0]; ak.unzip({r})[1]; ak.with_field({r}, {r}.a * 2, 'a')
ak.with_field({r}, {y}, 'c'); ak.with_field({r}, {s}, 'c'); ak.without_field({r}, 'a')
ak.with_name({r}, 'Thing'); ak.without_parameters({x}); ak.zip_no_broadcast({'a': {x}, 'b': {x}})
ak.broadcast_fields({r}, {r})[0]; ak.concatenate([{r}, {r}]); ak.concatenate([{r}, {r}], axis=1)
ak.drop_none({r}); ak.is_none({r}); ak.flatten({r}); ak.num({r}); ak.firsts({r})
ak.firsts({r}).a; ak.combinations({r}, 2); ak.pad_none({r}, 2); ak.to_packed({r})
ak.singletons({r}); ak.local_index({r}); ak.merge_option_of_records({r})
ak.merge_union_of_records({u}); ak.mask({r}, {r}.a > {k}); ak.where({r}.a > {k}, {r}.a, {y})
ak.cartesian([{r}, {r}]); {r}.a * {y}; {y} * {r}.a; {r}.b * {r}.a; ak.sum({r}.a, axis=-1)
ak.sum({r}.b, axis=-1)
"""

_VECTORS = """
{p}.pt; {p}.px; {p}.pz; {p}.E; {p}.mass; {p}.eta; {p}.rapidity; {p}.phi; {p}.mt; {p}.et
{p} + {p}; ({p} + {p}).mass; {p} - {p}; {p} * {k}; {k} * {p}; {p} * (1 + {s}); {p} / 2.0
{p}.boostX(0.2); {p}.rotateZ(0.3); {p}.rotateZ({s}); {p}.unit(); {p}.deltaR({p}[::-1])
{p}.deltaphi({p}); ak.sum({p}.pt, axis=-1); {p}[{p}.pt > 6.0]; {p}[:, :2]; {p}.dot({p})
{p}.to_xyz(); {p}.to_Vector3D().mag; ak.sum({p}, axis=1); ak.combinations({p}, 2); {p}.costheta
{p}.p; {p}.beta; {p}.gamma; -{p}; abs({p}); {p}.scale({s}); {p}.boost_p4({p})
"""

_UNIONS = """
ak.concatenate([{x}, {y}]); ak.where({m}, {x}, {y}); ak.flatten({u}, axis=None)
ak.sum({u}, axis=None); {u} * {k}; {u} * {s}; {s} * {u}; {u} + {u}; np.sin({u}); ak.is_none({u})
ak.zip({'a': {u}, 'b': {u}}, depth_limit=1); ak.concatenate([{u}, {u}]); ak.to_packed({u})
ak.num({u}, axis=0); ak.concatenate([{x}, np.array([1.5, 2.0])])
ak.concatenate([np.array([True, False]), {x}]); ak.concatenate([{r}, {x}])
ak.fill_none({u}, {k}, axis=None); ak.fill_none({x}, 'none'); ak.concatenate([{r}, {p}], axis=1)
ak.drop_none({u}); ak.ones_like({u}); {u}[{u} > {k}]; ak.where({u} > {k}, {u}, {k} * {u})
"""

_STRUCTURE = """
ak.flatten({x}); ak.flatten({x}, axis=None); ak.flatten({l}, axis={d}); ak.ravel({x})
np.ravel({x}); ak.num({x}); ak.num({x}, axis={d}); ak.local_index({x})
ak.local_index({x}, axis={d}); ak.combinations({x}, 2); ak.combinations({l}, 2, axis=-1)
ak.argcombinations({l}, 2, axis=-1); ak.cartesian([{x}, {x}]); ak.cartesian([{x}, {y}], axis=0)
ak.cartesian({'a': {x}, 'b': {y}}); ak.cartesian([{x}, {s}], axis=0)
ak.argcartesian([{l}, {l}]); ak.pad_none({x}, 3, axis={d})
ak.pad_none({x}, 3, axis={d}, clip=True); ak.fill_none({x}, {k}); ak.fill_none({x}, {s})
ak.fill_none({x}, {k}, axis=None); ak.drop_none({x}); ak.drop_none({x}, axis={d})
ak.firsts({x}); ak.firsts({x}, axis={d}); ak.singletons({x}); ak.is_none({x})
ak.is_none({x}, axis={d}); ak.mask({x}, {m}); ak.mask({x}, {x} > {k})
ak.mask({x}, {m}, valid_when=False); ak.concatenate([{x}, {z}]); ak.concatenate([{z}, {x}])
ak.concatenate([{x}, {z}], axis={d}); ak.concatenate([{x}, {x}], axis=-1)
ak.concatenate([{s}, {x}], axis=0); np.concatenate([{x}, {z}]); ak.broadcast_arrays({x}, {y})[0]
ak.broadcast_arrays({y}, {x})[1]; ak.broadcast_arrays({s}, {y})[0]
np.broadcast_arrays({n}, {y})[0]; ak.to_regular({x}); ak.to_regular({x}, axis={d})
ak.from_regular({x}); ak.from_regular({x}, axis={d}); ak.to_packed({x}); ak.copy({x})
np.copy({x}); ak.unflatten(ak.flatten({x}), ak.num({x})); ak.unflatten({v}, {c})
ak.unflatten({x}, 1); ak.with_parameter({x}, 'unit', 'mm'); ak.with_named_axis({x}, ('a',))
ak.without_named_axis({x}); ak.to_backend({x}, 'cpu'); ak.backend({x}); ak.materialize({x})
ak.zip({'a': {x}}).a; ak.where({m}, {x}, {y}); ak.where({x} > {k}, {x}, {y})
ak.where({x} > {k}, {y}, {x}); np.where({m}, {x}, {y}); np.where({x} > {k}, {x}, 0.0)
np.where({m}, {s}, {y}); ak.where({m}, {y}, {s}); ak.values_astype({x}, np.float32)
ak.values_astype({x}, np.float64); ak.enforce_type({x}, ak.type({x})); ak.nan_to_num({x})
ak.nan_to_num({x}, nan={s}); ak.nan_to_none({x}); ak.real({x}); np.real({x}); ak.ones_like({x})
ak.zeros_like({x}); ak.full_like({x}, {k}); ak.full_like({x}, {s}); np.ones_like({x})
np.zeros_like({x}); np.full_like({x}, {k}); ak.round({x}); np.round({x}); np.around({x})
ak.isclose({x}, {y}); np.isclose({x}, {y}); ak.run_lengths({v})
ak.transform(lambda layout, **kw: None, {x})
ak.transform(lambda a, **kw: ak.contents.NumpyArray(np.tanh(a.data)) if a.is_numpy else None, {x})
ak.almost_equal({x}, {x})
ak.array_equal({x}, {x}); np.array_equal({x}, {x}); np.array_equiv({n}, {n}); ak.type({x})
ak.fields({r}); ak.is_tuple({r}); ak.is_valid({x}); ak.is_categorical({x}); ak.parameters({x})
ak.validity_error({x}); ak.to_layout({x}); np.ndim({x}); np.shape({n}); np.size({n})
"""

_REDUCERS = """
sum prod min max mean var std ptp any all count count_nonzero argmin argmax softmax sort argsort
"""
#: What Awkward makes of many steps takes ten times as long as others.
_SLOW = ("var", "std")
_NAN = "nansum nanprod nanmin nanmax nanmean nanvar nanstd nanargmin nanargmax"
_BY_NUMPY = (
    "sum prod min max amin amax mean var std ptp any all count_nonzero argmin argmax sort argsort"
)

_STATISTICS = """
ak.moment({x}, 2); ak.moment({x}, 3, axis=-1); ak.covar({x}, {x}); ak.covar({x}, {y}, axis=-1)
ak.corr({x}, {y}); ak.corr({x}, {x} ** 2, axis=-1); ak.linear_fit({x}, {x} ** 2)['slope']
ak.linear_fit({x}, {y}, axis=-1)['intercept']; ak.mean({x}, weight=abs({x}) + 0.5, axis=-1)
ak.var({x}, ddof=1); ak.std({x}, ddof=1, axis=-1); ak.var({x}, weight=abs({y}) + 1.0, axis=-1)
ak.sort({x}, ascending=False); ak.sort({x}, axis={d}); ak.max({x}, axis=-1, initial={k})
ak.min({x}, axis=-1, initial=0.3); ak.sum({x}, axis=-1, mask_identity=True)
ak.prod({x}, axis=-1, mask_identity=True); ak.max({x}, axis=-1, mask_identity=False)
np.clip({x}, -0.5, 1.1); np.clip({x}, {y}, {k}); np.clip({x}, {s}, 2.5); np.nan_to_num({x})
np.average({n}); np.average({n}, axis=0); np.average({v}, weights=abs({v}) + 0.5)
np.median({n}); np.median({n}, axis=0); np.quantile({n}, 0.3)
np.quantile({n}, [0.2, 0.7], axis=0); np.percentile({n}, 40.0); np.nanmedian({n})
np.nanquantile({n}, 0.6); np.nanpercentile({n}, 35.0); np.partition({v}, 1)
np.argpartition({v}, 1); np.cov({n}); np.corrcoef({n}); np.sum({n}, axis=(0, 1))
np.max({n}, axis=(0, 1)); np.mean({n}, axis=(0, -1)); np.sum([{s}, {s} ** 2])
np.mean([{s}, {s} * 2])
"""

_NUMPY = """
np.argwhere({n} > {k}); np.diag_indices_from({q}); np.digitize({n}, np.array([-1.0, 0.0, 1.5]))
np.flatnonzero({n} > {k}); np.lexsort(({v}, {v})); np.linalg.matrix_rank({q})
np.nonzero({n} > {k}); np.searchsorted(np.array([-1.0, 0.5, 2.0]), {n})
np.tril_indices_from({q}); np.triu_indices_from({q}); np.allclose({n}, {n}); np.iscomplex({n})
np.iscomplexobj({n}); np.isin({n}, [0.5, 1.0]); np.isneginf({n}); np.isposinf({n})
np.isreal({n}); np.isrealobj({n}); np.can_cast({n}.dtype, np.float64); np.common_type({n}, {n})
np.einsum_path('ij,jk->ik', {q}, {q}); np.shape(np.empty_like({n})); np.min_scalar_type({n})
np.result_type({n}, np.float32); np.array2string({n}); np.array_repr({n}); np.array_str({n})
np.array_split({n}, 2)[0]; np.broadcast_to({n}, (2, *np.shape({n})))
np.compress([True, False], {n}, axis=0); np.delete({n}, 0, axis=0); np.diagonal({q})
np.dsplit(np.stack([{q}, {q}], axis=-1), 2)[0]; np.expand_dims({n}, 0); np.expand_dims({n}, -1)
np.extract({n} > {k}, {n}); np.fft.fftshift({n}); np.fft.ifftshift({n}); np.flip({n})
np.flip({n}, axis=0); np.fliplr({q}); np.flipud({n}); np.hsplit({q}, 1)[0]
np.linalg.diagonal({q}); np.linalg.matrix_transpose({q}); np.matrix_transpose({q})
np.moveaxis({q}, 0, 1); np.repeat({n}, 2); np.repeat({n}, 2, axis=0); np.reshape({n}, -1)
np.reshape({n}, (1, -1)); np.roll({n}, 1); np.roll({n}, 1, axis=0); np.rollaxis({q}, 1)
np.rot90({q}); np.split({n}, 1)[0]; np.squeeze({n}); np.swapaxes({q}, 0, 1)
np.take({n}, [0, 0]); np.take({n}, [0, -1], axis=0)
np.take_along_axis({n}, np.argsort({n}, axis=-1), axis=-1); np.tile({n}, 2); np.transpose({n})
np.unstack({n})[0]; np.vsplit({q}, 1)[0]; np.diag({n}); np.diagflat({v}); np.resize({n}, (2, 3))
np.tril({q}); np.triu({q}); np.block([{v}, {v}]); np.column_stack([{v}, {v}])
np.dstack([{n}, {n}]); np.hstack([{n}, {n}]); np.stack([{n}, {n}])
np.stack([{n}, {y}], axis=-1); np.vstack([{n}, {n}]); np.atleast_1d({n}); np.atleast_2d({n})
np.atleast_3d({n}); np.meshgrid({v}, {v})[0]; np.append({n}, {y}); np.append({n}, {s})
np.choose([0, 1], [{v}[:2], {v}[:2] * 2]); np.insert({n}, 0, {k}, axis=0); np.pad({n}, 1)
np.pad({n}, 1, mode='edge'); np.select([{n} > {k}, {n} > -1.0], [{n}, {n} ** 2], 0.5)
np.real_if_close({n}); np.astype({n}, np.float32); np.fix({n}); np.sinc({n})
np.convolve({v}, {v}); np.convolve({v}, np.array([0.5, 1.0]), 'same'); np.correlate({v}, {v})
np.dot({v}, {v}); np.dot({q}, {q}); np.dot({n}, {y}); np.einsum('ij,jk->ik', {q}, {q})
np.einsum('i,i->', {v}, {v}); np.einsum('ij->j', {q}); np.inner({v}, {v})
np.linalg.matmul({q}, {q}); np.linalg.multi_dot([{q}, {q}, {q}]); np.linalg.outer({v}, {v})
np.linalg.tensordot({q}, {q}, axes=1); np.linalg.vecdot({n}, {n}); np.outer({n}, {y})
np.tensordot({q}, {q}, axes=1); np.vdot({n}, {n}); np.cumprod({n}); np.cumsum({n})
np.cumsum({n}, axis=0); np.cumulative_prod({v}); np.cumulative_sum({v}); np.nancumprod({n})
np.nancumsum({n}); np.diff({n}); np.diff({n}, axis=0); np.ediff1d({n}); np.gradient({v})
np.trapezoid({n}); np.trapezoid({v}, dx=0.5); np.unwrap({n}); np.linalg.matrix_norm({q})
np.linalg.norm({n}); np.linalg.norm({n}, axis=0); np.linalg.norm({v}, 1)
np.linalg.vector_norm({n}); np.cross({v}[:3], {v}[:3]); np.kron({n}, {n})
np.linalg.cross({v}[:3], {v}[:3] ** 2); np.linalg.det({q}); np.linalg.inv({q})
np.linalg.matrix_power({q}, 2); np.linalg.slogdet({q})[1]; np.linalg.solve({q}, {q}[:, 0])
np.linalg.trace({q}); np.trace({q})
np.interp({n}, np.array([-2.0, 0.5, 3.0]), np.array([1.0, -1.0, 2.0]))
np.interp({s}, np.array([-2.0, 0.5, 3.0]), np.array([1.0, -1.0, 2.0])); np.linspace({s}, {k}, 4)
np.linspace({s}, {s} + 2, 3); np.logspace({s}, 1.0, 3); np.polyadd({v}, {v}); np.polyder({v})
np.polyint({v}); np.polymul({v}, {v}); np.polysub({v}, {k}); np.polyval({v}, {k})
np.polyval({v}, {s}); np.polyval([1.0, 0.5, 2.0], {n}); np.vander({v}, 3)
np.bincount(np.arange(len({v})) % 2, weights={v})
np.histogram(dualak.primal({n}), bins=3, range=(-2.0, 2.0), weights={n})[0]
np.histogram2d(dualak.primal({v}), {v} > 0, bins=2, range=((-2, 2), (-2, 2)), weights={v})[0]
np.histogramdd((dualak.primal({v}),), bins=2, range=((-2, 2),), weights={v})[0]; {q} @ {q}
np.histogram({n}, bins=3, range=(-2.0, 2.0), weights={n})[0]
{v} @ {v}; {n} @ {y}; np.matmul({q}, {q}); np.vecdot({n}, {n}); np.matvec({q}, {q}[0])
np.vecmat({q}[0], {q}); {x} @ {y}; {n} * {n}.T; np.argsort({n}, axis=0); np.in1d({v}, [0.5])
"""

_LOOPS = (
    "loops.norms({j}); loops.largest({j}); loops.running(ak.flatten({j})); loops.scaled({j}, {s})"
)

_COMPARE = (
    "greater greater_equal less less_equal equal not_equal logical_and logical_or logical_xor"
)
_TEST = "isnan isinf isfinite signbit logical_not"


def _split(block: str) -> list[str]:
    return [
        one.strip() for line in block.strip().splitlines() for one in line.split(";") if one.strip()
    ]


def _named(text: str) -> str:
    """What the registry calls the function of a template."""
    head = text.partition("(")[0]
    if "(" in text and head.startswith(("ak.", "np.", "special.", "loops.")):
        return head.replace("special.", "scipy.special.")
    if text.startswith("del "):
        return "del field"
    if "] = " in text:
        return "set field"
    if text.startswith("{p}") or "{p}" in text:
        return "vector"
    for sign, name in _SIGNS:
        if sign in text:
            return name
    return "slice" if "[" in text else "operator"


_SIGNS = (
    (" if ", "if"),
    (" @ ", "np.matmul"),
    (" ** ", "np.power"),
    (" % ", "np.remainder"),
    (" // ", "np.floor_divide"),
    (" * ", "np.multiply"),
    (" / ", "np.divide"),
    ("} + ", "np.add"),
    ("} - ", "np.subtract"),
)


def _block(block: str, weight: float) -> list[Operation]:
    return [Operation(text, _named(text), weight) for text in _split(block)]


def _reducers() -> list[Operation]:
    made = []
    for names, room in ((_REDUCERS, "ak"), (_NAN, "ak"), (_BY_NUMPY, "np"), (_NAN, "np")):
        for name in names.split():
            call, weight = f"{room}.{name}", 0.7 if room == "ak" and name in _REDUCERS else 0.25
            weight *= 0.3 if name.endswith(_SLOW) else 1.0
            more = ["{x}, axis={d}", "{x}, axis=-1", "{x}"]
            if name == "softmax":
                more = ["{x}, axis=-1"]
            elif "sort" not in name:
                more.append("{x}, axis={d}, keepdims=True")
            made += [Operation(f"{call}({one})", call, weight) for one in more]
    return made


def _domain(text: str, low: float, high: float) -> str:
    """An expression that brings any numbers into a domain, without kinks there."""
    if (low, high) == (-4.0, 4.0):
        return text
    middle, half = (low + high) / 2, round((high - low) / 2 * 0.9, 4)
    return f"{round(middle, 4)} + {half} * np.sin({text})"


def _ufuncs() -> list[Operation]:
    """Each function of the rule table, in its domain, alone and beside others."""
    made = []
    for key, rule in RULES.items():
        call = f"special.{rule.name}" if rule.library else f"np.{rule.name}"
        name = f"{rule.library}.{rule.name}" if rule.library else call
        if rule.output is not None or key == "exponent":
            continue
        made += _calls(call, name, rule, 0.06 if rule.library else 0.45)
    for key, outputs in OUTPUTS.items():
        call = f"np.{key}" if "." not in key else key.replace("scipy.", "")
        for i, rule in enumerate(outputs):
            made += [
                replaced(one, i)
                for one in _calls(call, f"np.{key}" if "." not in key else key, rule, 0.08)
            ]
    return made


def replaced(operation: Operation, output: int) -> Operation:
    return Operation(f"{operation.text}[{output}]", operation.function, operation.weight)


def _calls(call: str, name: str, rule: object, weight: float) -> list[Operation]:
    domain, partials = rule.domain, rule.partials  # type: ignore[attr-defined]
    if len(domain) == 1:
        return [Operation(f"{call}({_domain('{x}', *domain[0])})", name, weight)]
    made = []
    for letters in _LETTERS[len(domain)]:
        unknown = [partial == "?" for partial in partials]
        whole = rule.order  # type: ignore[attr-defined]
        parts = [
            "2"
            if (whole and i == 0) or (name == "np.ldexp" and i == 1)
            else f"{_between(*domain[i])}"
            if unknown[i]
            else _domain("{" + letter + "}", *domain[i])
            for i, letter in enumerate(letters)
        ]
        made.append(Operation(f"{call}({', '.join(parts)})", name, weight / 2))
    return made


def _between(low: float, high: float) -> float:
    return round(low + 0.37 * (high - low), 3)


_LETTERS = {2: ("xy", "yx", "xx"), 3: ("xyk", "kxy", "xxx"), 4: ("xkky", "kxxx")}


def _predicates() -> list[Operation]:
    two = [Operation(f"np.{name}({{x}}, {{y}})", f"np.{name}", 0.1) for name in _COMPARE.split()]
    return two + [Operation(f"np.{name}({{x}})", f"np.{name}", 0.1) for name in _TEST.split()]


@functools.cache
def operations(
    loops: bool = True, often: tuple[str, ...] = ()
) -> tuple[tuple[Operation, ...], np.ndarray]:
    """All templates, and the probability of each; some functions may be drawn more often."""
    found = [
        *_block(_ARITHMETIC, 1.4), *_block(_SLICES, 0.8), *_block(_CHANGES, 1.5),
        *_block(_RECORDS, 0.7), *_block(_VECTORS, 0.6), *_block(_UNIONS, 0.7),
        *_block(_STRUCTURE, 0.4), *_reducers(),
        *_block(_STATISTICS, 0.3), *_block(_NUMPY, 0.25), *_ufuncs(), *_predicates(),
        *(_block(_LOOPS, 0.3) if loops else ()),
    ]  # fmt: skip
    weights = np.array([one.weight * (100 if one.function in often else 1) for one in found])
    return tuple(found), weights / weights.sum()


def missing() -> list[str]:
    """The functions of the registry that are not refused and that no template calls."""
    known = {one.function for one in operations()[0]}
    text = " ".join(one.text for one in operations()[0])
    return [
        name
        for name, entry in functions().items()
        if entry.kind != "refused"
        and name not in known
        and f"{name.replace('scipy.', '')}(" not in text
    ]
