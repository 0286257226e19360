"""Vectors of scikit-hep's vector: all that its classes have, in all coordinates, on duals.

The tables below are held against vector's own classes, so a name that it adds is noticed.
"""

from __future__ import annotations

import inspect
import itertools

import awkward as ak
import numpy as np
import pytest

from tests.support import depth
from tests.support.layouts import check, direction, each_leaf

vector = pytest.importorskip("vector")
classes = pytest.importorskip("vector.backends.awkward")
vector.register_awkward()

# -- coordinates ----------------------------------------------------------------------------------

AZIMUTHAL = (("x", "y"), ("rho", "phi"))
LONGITUDINAL = (("z",), ("theta",), ("eta",))
TEMPORAL = (("t",), ("tau",))
PARTS = {2: (AZIMUTHAL,), 3: (AZIMUTHAL, LONGITUDINAL), 4: (AZIMUTHAL, LONGITUDINAL, TEMPORAL)}
SYSTEMS = [sum(parts, ()) for dim in PARTS for parts in itertools.product(*PARTS[dim])]
ALIASES = {"x": ["px"], "y": ["py"], "rho": ["pt"], "z": ["pz"]}
ALIASES |= {"t": ["E", "e", "energy"], "tau": ["mass", "m", "M"]}
KINDS = ("Vector", "Momentum")


def particles(turn=0.0):
    """Massive particles that fly in all directions, in lists; ``turn`` gives others."""
    pt = ak.Array([[1.1, 1.6, 0.8], [], [1.2, 0.9]])
    phi = ak.Array([[0.4, -2.2, 2.5], [], [-0.9, 1.7]])
    eta = ak.Array([[0.3, -0.7, 0.8], [], [-0.6, 0.5]])
    mass = ak.Array([[1.9, 1.3, 1.7], [], [1.1, 1.4]])
    fields = {"pt": pt * (1.0 + turn), "phi": phi * 0.7 + turn, "eta": eta - turn, "mass": mass}
    return ak.zip(fields, with_name="Momentum4D")


def vectors(kind, system, turn=0.0):
    """The particles in a coordinate system, momenta under one of the other names."""
    base, fields = particles(turn), {}
    for name in system:
        names = ALIASES.get(name, [name]) if kind == "Momentum" else [name]
        fields[names[SYSTEMS.index(system) % len(names)]] = getattr(base, name)
    return ak.zip(fields, with_name=f"{kind}{len(system)}D")


def numbers():
    return ak.Array([[0.3, 0.45, 0.2], [], [0.35, 0.25]])


def along(*x):
    """A direction short enough for differences: there are singular functions among the formulas."""
    return tuple(
        short(direction(one, i)) if isinstance(one, ak.Array) else 0.1 for i, one in enumerate(x)
    )


def short(t):
    layout = each_leaf(lambda data: (data * 0.125).astype(data.dtype), t.layout)
    return ak.Array(layout, behavior=t.behavior)


def right(function, *x):
    return check(function, x, along(*x))


EVERY = [
    pytest.param(kind, system, id=f"{kind} {' '.join(system)}")
    for kind in KINDS
    for system in SYSTEMS
]

# -- what classes have ----------------------------------------------------------------------------

#: Names that vector and users of its classes need to put vectors together, but compute nothing.
PLUMBING = {"azimuthal", "longitudinal", "temporal", "lib", "GenericClass", "MomentumClass"}
PLUMBING |= {f"ProjectionClass{dim}D" for dim in PARTS}


def public(cls):
    return {name for name in set(dir(cls)) - set(dir(ak.Array)) if not name.startswith("_")}


def properties(cls):
    found = {name for name in public(cls) if isinstance(getattr(cls, name), property)}
    return sorted(found - PLUMBING)


def conversions(cls):
    return sorted(name for name in public(cls) if name.startswith("to_"))


#: A function of a vector, another one and numbers, in how many dimensions it is tried, by name.
METHODS = {
    "add": ("234", lambda v, w: v.add(w)),
    "subtract": ("234", lambda v, w: v.subtract(w)),
    "dot": ("234", lambda v, w: v.dot(w)),
    "scale": ("234", lambda v, s: (v.scale(s), v.scale(-s))),
    "scale2D": ("234", lambda v, s: (v.scale2D(s), v.scale2D(-s))),
    "scale3D": ("34", lambda v, s: (v.scale3D(s), v.scale3D(-s))),
    "scale4D": ("4", lambda v, s: (v.scale4D(s), v.scale4D(-s))),
    "unit": ("234", lambda v: v.unit()),
    "like": ("234", lambda v, w: (v.like(w), v.like(w.to_2D()))),
    "cross": ("3", lambda v, w: v.cross(w)),
    "deltaphi": ("234", lambda v, w: v.deltaphi(w)),
    "deltaeta": ("34", lambda v, w: v.deltaeta(w)),
    "deltaangle": ("34", lambda v, w: v.deltaangle(w)),
    "deltaR": ("34", lambda v, w: v.deltaR(w)),
    "deltaR2": ("34", lambda v, w: v.deltaR2(w)),
    "deltaRapidityPhi": ("4", lambda v, w: v.deltaRapidityPhi(w)),
    "deltaRapidityPhi2": ("4", lambda v, w: v.deltaRapidityPhi2(w)),
    "rotateX": ("34", lambda v, s: v.rotateX(s)),
    "rotateY": ("34", lambda v, s: v.rotateY(s)),
    "rotateZ": ("234", lambda v, s: v.rotateZ(s)),
    "rotate_axis": ("34", lambda v, w, s: v.rotate_axis(w.to_3D(), s)),
    "rotate_euler": ("34", lambda v, s: v.rotate_euler(s, 2 * s, s * s, order="zyx")),
    "rotate_nautical": ("34", lambda v, s: v.rotate_nautical(s, 2 * s, s * s)),
    "rotate_quaternion": ("34", lambda v, s: v.rotate_quaternion(s, 2 * s, s * s, 0.7)),
    "transform2D": ("234", lambda v, s: v.transform2D(matrix("xy", s))),
    "transform3D": ("34", lambda v, s: v.transform3D(matrix("xyz", s))),
    "transform4D": ("4", lambda v, s: v.transform4D(matrix("xyzt", s))),
    "boost": ("4", lambda v, w: (v.boost(w), v.boost(w.to_beta3()))),
    "boost_p4": ("4", lambda v, w: v.boost_p4(w)),
    "boost_beta3": ("4", lambda v, w: v.boost_beta3(w.to_beta3())),
    "boostCM_of": ("4", lambda v, w: (v.boostCM_of(w), v.boostCM_of(w.to_beta3()))),
    "boostCM_of_p4": ("4", lambda v, w: v.boostCM_of_p4(v + w)),
    "boostCM_of_beta3": ("4", lambda v, w: v.boostCM_of_beta3(w.to_beta3())),
    "boostX": ("4", lambda v, s: (v.boostX(beta=s), v.boostX(gamma=1.0 + s))),
    "boostY": ("4", lambda v, s: (v.boostY(beta=s), v.boostY(gamma=1.0 + s))),
    "boostZ": ("4", lambda v, s: (v.boostZ(beta=s), v.boostZ(gamma=1.0 + s))),
    # -- discrete
    "equal": ("234", lambda v, w: (v.equal(w), v.equal(v), v.rho)),
    "not_equal": ("234", lambda v, w: (v.not_equal(w), v.not_equal(v), v.rho)),
    "isclose": ("234", lambda v, w: (v.isclose(w), v.isclose(v), v.rho)),
    "allclose": ("234", lambda v, w: (v.allclose(w), v.allclose(v), v.rho)),
    "is_parallel": ("234", lambda v, w: (v.is_parallel(w), v.is_parallel(w, 2.0), v.rho)),
    "is_antiparallel": ("234", lambda v, w, s: (v.is_antiparallel(w, tolerance=s), v.rho)),
    "is_perpendicular": ("234", lambda v, w: (v.is_perpendicular(w, 2.0), v.rho)),
    "is_timelike": ("4", lambda v: (v.is_timelike(), v.rho)),
    "is_spacelike": ("4", lambda v: (v.is_spacelike(), v.rho)),
    "is_lightlike": ("4", lambda v: (v.is_lightlike(), v.rho)),
}


def matrix(axes, s):
    """Numbers for each pair of axes, as vector's transformations take them."""
    pairs = enumerate(itertools.product(axes, repeat=2))
    return {one + other: s * (i - 1.5) + (one == other) for i, (one, other) in pairs}


OPERATORS = {
    "+": lambda v, w: v + w,
    "-": lambda v, w: v - w,
    "-v": lambda v: -v,
    "+v": lambda v: +v,
    "* array": lambda v, s: (v * s, s * v, v * 2, 2.5 * v, v * np.float64(1.5)),
    "* scalar": lambda v, s: (v * s[0, 0], s[0, 0] * v),
    "/": lambda v, s: (v / s, v / s[0, 1], v / 2),
    "**": lambda v: (v**2, v**3, v**-0.5),
    "abs": lambda v: abs(v),
    "np.square": lambda v: np.square(v),
    "np.sqrt": lambda v: np.sqrt(v),
    "np.cbrt": lambda v: np.cbrt(v),
    "== and !=": lambda v, w, s: (v == w, v != v, s),
}

OF_DIM = [
    pytest.param(system, name, id=f"{' '.join(system)} {name}")
    for name, (dims, _) in METHODS.items()
    for system in SYSTEMS
    if str(len(system)) in dims
]


def another(system):
    """A coordinate system of as many dimensions, other than the given one."""
    same = [one for one in SYSTEMS if len(one) == len(system)]
    return same[(same.index(system) * 5 + 7) % len(same)]


@pytest.mark.parametrize("dim", PARTS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sort", ["Array", "Record"])
def test_all_that_a_class_has_is_tried(kind, dim, sort):
    cls = getattr(classes, f"{kind}{sort}{dim}D")
    methods = {name for name, (dims, _) in METHODS.items() if str(dim) in dims}
    methods |= {"cross"} if dim == 4 else set()  # which raises
    tried = {*properties(cls), *conversions(cls), *methods}
    assert public(cls) - tried == {name for name in PLUMBING if hasattr(cls, name)}
    assert tried - public(cls) == ({"allclose"} if sort == "Record" else set())


def test_every_ufunc_that_vector_overloads_is_tried():
    overloaded = {key[0] for key in classes.behavior if isinstance(key, tuple)}
    ufuncs = {one.__name__ for one in overloaded if isinstance(one, np.ufunc)}
    tried = {"add", "subtract", "multiply", "divide", "negative", "positive", "matmul", "power"}
    assert ufuncs == tried | {"absolute", "square", "sqrt", "cbrt", "equal", "not_equal"}


@pytest.mark.one_in(8)
@pytest.mark.parametrize(("kind", "system"), EVERY)
def test_properties(kind, system):
    v = vectors(kind, system)
    names = depth.share(depth.turned(properties(type(v)), f"{kind} {system}"), 4)
    right(lambda v: {name: getattr(v, name) for name in names}, v)


@pytest.mark.one_in(7)
@pytest.mark.parametrize(("kind", "system"), depth.share(EVERY, 3))
def test_properties_of_a_record(kind, system):
    v = vectors(kind, system)
    names = depth.share(depth.turned(properties(type(v)), f"{kind} {system}"), 4)
    right(lambda v: {name: getattr(v[2, 1], name) for name in names}, v)


@pytest.mark.one_in(10)
@pytest.mark.parametrize("system", SYSTEMS, ids=" ".join)
def test_conversions(system):
    v = vectors("Momentum", system)
    names = depth.share(depth.turned(conversions(type(v)), " ".join(system)), 6)
    right(lambda v: {name: getattr(v, name)() for name in names}, v)
    names = [name for name in names if not any(map(name.count, ("px", "pt", "energy", "mass")))]
    right(lambda v: {name: getattr(v[0, 2], name)() for name in names}, vectors("Vector", system))


@pytest.mark.one_in(48)
@pytest.mark.parametrize(("system", "name"), depth.share(OF_DIM, 4))
def test_methods(system, name):
    method = METHODS[name][1]
    right_with(method, vectors("Vector", system), vectors("Vector", system, turn=0.3))
    if "w" in inspect.signature(method).parameters:
        other = vectors("Momentum", another(system), turn=0.3)
        right_with(method, vectors("Vector", system), other)


@pytest.mark.one_in(15)
@pytest.mark.parametrize(("system", "name"), depth.share(itertools.product(SYSTEMS, OPERATORS), 3))
def test_operators(system, name):
    other = vectors("Momentum", another(system), turn=0.3)
    right_with(OPERATORS[name], vectors("Vector", system), other)
    if name in "+-":
        right_with(OPERATORS[name], vectors("Momentum", system), vectors("Vector", system, 0.3))


def test_every_name_of_a_coordinate_is_tried():
    fields = {name for system in SYSTEMS for name in vectors("Momentum", system).fields}
    assert fields == {"phi", "theta", "eta"}.union(*ALIASES.values())


def right_with(function, v, w):
    """Right for those of the vectors and numbers that the function takes."""
    given = {"v": v, "w": w, "s": numbers()}
    right(function, *(given[name] for name in inspect.signature(function).parameters))
