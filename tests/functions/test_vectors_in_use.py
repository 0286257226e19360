"""Arrays of vector's vectors as analyses use them: layouts, sums, constants, classes, registration.

What each class of vector can do is in ``test_vectors``.
"""

from __future__ import annotations

import itertools
import math
import numbers as abstract
import subprocess
import sys

import awkward as ak
import numpy as np
import pytest

import dualak
from tests.functions.test_vectors import along, numbers, particles, right
from tests.support import ROOT, depth
from tests.support.layouts import accepts, assert_close, check, check_some, tree

vector = pytest.importorskip("vector")
classes = pytest.importorskip("vector.backends.awkward")

DATA = ROOT.parent / "shared" / "data"
#: Real events that may lie beside the project: the file and its collection.
EVENTS = {
    "nano_tt_v15.root": "Jet",
    "agc-dimuon-cms2012-open-data-example.root": "Muon",
}

# -- layouts --------------------------------------------------------------------------------------


def with_more_fields():
    v = particles()
    v["charge"] = ak.Array([[1, -1, 1], [], [-1, 1]])
    v["btag"] = numbers()
    v["tag"] = ak.Array([["b", "c", "b"], [], ["tau", "b"]])
    return v


def gaps():
    index = ak.index.Index64
    content = particles().layout.content
    return ak.Array(ak.contents.ListArray(index([3, 0, 1]), index([5, 3, 1]), content))


LAYOUTS = {
    "jagged": particles,
    "flat": lambda: particles()[0],
    "deep": lambda: ak.unflatten(particles(), [2, 1]),
    "regular": lambda: ak.to_regular(particles()[[0, 0]]),
    "gaps": gaps,
    "indexed": lambda: particles()[[2, 0, 2]],
    "missing vectors": lambda: ak.mask(particles(), particles().pt > 1.0),
    "missing lists": lambda: ak.mask(particles(), [True, False, True]),
    "empty": lambda: particles()[:0],
    "empty lists": lambda: particles()[:, :0],
    "more fields": with_more_fields,
    "integer mass": lambda: ak.with_field(particles(), ak.Array([[1, 2, 3], [], [4, 5]]), "mass"),
    "float32": lambda: ak.values_astype(particles(), np.float32),
}


def pairs(v):
    return ak.unzip(ak.combinations(v, 2))


def with_doubled_pt(v):
    v = ak.copy(v)
    v["pt"] = v.pt * 2.0
    return v.px


def nearest(v):
    distance = v[:, :, np.newaxis].deltaR(1.5 * v[:, np.newaxis, :])
    return v[ak.argmin(distance, axis=-1)].px


USES = {
    "px": lambda v: v.px,
    "sum": lambda v: v + v,
    "chained": lambda v: v.to_xyzt().rotateX(0.3).to_ptphietamass().boostZ(0.2).eta,
    "fewer dimensions": lambda v: (v + v).to_Vector3D() + v.to_Vector3D(),
    "rest frame": lambda v: v.boostCM_of(v + 2.0 * v),
    "rotated": lambda v: v.rotateZ(0.3),
    "scaled": lambda v: v * 2.0,
    "unit": lambda v: v.unit(),
    "pair masses": lambda v: sum(pairs(v)[1:], pairs(v)[0]).mass,
    "pairs of fields": lambda v: (lambda p: p.a + p["b"])(ak.combinations(v, 2, fields=["a", "b"])),
    "cartesian": lambda v: (lambda p: p["0"].deltaR(p["1"]))(ak.cartesian([v, v[:, :1]])),
    "selected": lambda v: v[v.pt > 0.85].mass,
    "sorted": lambda v: v[ak.argsort(v.eta, axis=-1)].px,
    "leading": lambda v: v[ak.argmax(v.pt, axis=1, keepdims=True)].mass,
    "first": lambda v: ak.firsts(v).px,
    "padded": lambda v: ak.pad_none(v, 2).mass,
    "concatenated": lambda v: ak.concatenate([v, ak.with_field(v, 2.0 * v.pt, "pt")], axis=-1).px,
    "where": lambda v: ak.where(v.pt > 1.0, v, ak.with_field(v, 2.0 * v.pt, "pt")).px,
    "nearest": nearest,
    "a new pt": with_doubled_pt,
    "in events": lambda v: ak.zip({"jets": v, "n": ak.num(v)}, depth_limit=1).jets.px,
    "one by one": lambda v: [one.px for one in v],
    "a record": lambda v: v[0, 0].to_xyz(),
    "sum of records": lambda v: (v[0, 0].to_xyzt() + v[0, 1]).mass,
    "a record to all": lambda v: (v[0, 0].deltaR(v), v + v[0, 0]),
    "its own field": lambda v: v.rotateZ(0.3).btag,
}

#: Awkward 2.14 pads other lists than it should where lists are missing.
WRONG_IN_AWKWARD = [("missing lists", "padded")]


@pytest.mark.one_in(4)
@pytest.mark.parametrize("use", USES)
def test_a_use_of_every_layout(use):
    usable = [one for one in LAYOUTS.items() if (one[0], use) not in WRONG_IN_AWKWARD]
    check_some(USES[use], usable, use, right_and_of_its_class, everyday=1)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_is_used(layout):
    v = LAYOUTS[layout]()
    right_and_of_its_class(USES["px"], v)
    right_and_of_its_class(USES["sum"], v)


def right_and_of_its_class(function, v):
    found = right(function, v)
    y, dy = dualak.jvp(function, (v,), along(v))
    assert type(y) is type(dy) is type(function(v))
    return found


REDUCERS = (ak.sum, ak.mean, ak.count, ak.count_nonzero)
AXES = (None, 0, 1, 2, -1, -2)
WAYS = ({}, {"keepdims": True}, {"mask_identity": True}, {"mask_identity": False})


@pytest.mark.one_in(13)
@pytest.mark.parametrize("reducer", REDUCERS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_reducers_of_vectors(reducer, layout):
    v = LAYOUTS[layout]()
    ways = depth.turned(itertools.product(AXES, WAYS), f"{layout} {reducer.__name__}")
    for axis, given in depth.share(ways, 5):
        if accepts(lambda v, axis=axis, given=given: reducer(v, axis=axis, **given), v):
            right(lambda v, axis=axis, given=given: (reducer(v, axis=axis, **given), v.pt), v)


def test_reducers_of_numpy():
    right(lambda v: (np.sum(v, axis=1), np.mean(v, axis=1), np.sum(v, axis=0).mass), particles())


def test_a_sum_of_another_layout_is_as_that_of_awkward():
    right(lambda v: ak.Array(ak.sum(v, axis=1, highlevel=False)).px, particles())


def test_fields_are_those_of_the_records():
    def named(x):
        nested = ak.zip({"v": x, "w": x.pt}, depth_limit=1)
        assert ak.fields(x) == x.fields == ["pt", "phi", "eta", "mass"]
        assert ak.fields(x[0, 0]) == ak.fields(ak.pad_none(x, 3)) == ak.fields(x)
        assert ak.fields(nested) == ["v", "w"]
        assert ak.fields(ak.cartesian([x, x.pt])) == ["0", "1"]
        assert ak.fields(x.pt) == x.pt.fields == []
        return x

    right(named, particles())


# -- beside constants, numbers and other vectors --------------------------------------------------

C, W, S = particles(0.3), numbers(), 0.4
OBJECT = vector.obj(px=1.0, py=0.5, pz=0.25, E=3.0)
NUMPY = vector.array({"px": [1.0, 0.5], "py": [2.0, 1.0], "pz": [0.5, 0.3], "E": [3.0, 4.0]})

BESIDE = {
    "constant + v": (lambda v: (C + v, v + C, C - v), particles()),
    "constant.method(v)": (
        lambda v: (C.deltaR(v), C.boost_p4(v), C.dot(v), C.like(v)),
        particles(),
    ),
    "v.method(constant)": (
        lambda v: (v.deltaR(C), v.boost_p4(C), v.dot(C), v.like(C)),
        particles(),
    ),
    "constant * number": (lambda s: (C * s, s * C, C / s, C.scale(s)), S),
    "constant * array": (lambda w: (C * w, w * C, C / w, C.scale(w)), W),
    "constant * one per list": (lambda w: (C * w, C.scale(w)), ak.Array([0.3, 0.5, 0.7])),
    "flat constant * jagged": (lambda w: C[0].rotateZ(w[[0, 0, 0]]), W),
    "constant boosted": (lambda s: (C.boostX(beta=s), C.boostZ(gamma=1.0 + s)), S),
    "constant rotated": (lambda s: (C.rotateZ(s), C.rotate_nautical(s, 2.0 * s, 0.1)), S),
    "constant record": (lambda s: (C[0, 0] * s, C[0, 0].scale(s), C[0, 0].boostX(beta=s)), S),
    "constant record, v": (lambda v: (C[0, 0].deltaR(v), C[0, 0].deltaR(v[0, 1])), particles()),
    "constant array, record": (lambda v: (C.deltaR(v[0, 0]), C + v[0, 0]), particles()),
    "constant array of one": (lambda s: C[0, :1].scale(s), S),
    "constant z": (lambda s: C.to_2D().to_Vector3D(z=s), S),
    "constant z of all": (lambda w: C.to_2D().to_Vector4D(z=w, mass=2.0 * w), W),
    "v and numbers": (
        lambda v, s, w: (v * s, w * v, v / s, v[0, 0] * s, s * v[0]),
        (particles(), S, W),
    ),
    "v with a new z": (lambda v, s, w: v.to_2D().to_4D(eta=w, mass=s), (particles(), S, W)),
    "NumPy's numbers": (
        lambda v: (v.scale(np.array([1.0, 2.0, 3.0])), v * np.float32(2)),
        particles(),
    ),
    "an object": (
        lambda v: (v + OBJECT, OBJECT + v, v.deltaR(OBJECT), OBJECT.deltaR(v)),
        particles(),
    ),
    "an object of a record": (lambda v: (v[0, 0] + OBJECT, OBJECT.deltaR(v[0, 0])), particles()),
    "an array of NumPy": (lambda v: (v + NUMPY, v.deltaR(NUMPY)), particles()[0, :2]),
}


@pytest.mark.one_in(6)
@pytest.mark.parametrize(("function", "x"), BESIDE.values(), ids=BESIDE)
def test_beside_others(function, x):
    right(function, *(x if isinstance(x, tuple) else (x,)))


def test_only_some_coordinates_are_differentiated():
    x = particles()
    (t,) = along(x)
    t = ak.with_field(ak.zeros_like(x), t.pt, "pt")
    for name in depth.share(("px", "mass", "rapidity", "Et", "eta"), 5):

        def function(v, name=name):
            return getattr(v + v.rotateX(0.4), name)

        check(function, x, t)
        some, all_of_them = dualak.jvp(function, x, {"pt": t.pt}), dualak.jvp(function, x, t)
        assert_close(tree(some), tree(all_of_them), 1e-14)


MADE = {
    "vector.zip": lambda v: (
        vector.zip({"px": v.pt, "py": v.phi, "pz": v.eta, "E": 3.0 * v.mass}).mass
    ),
    "vector.zip beside constants": lambda v: vector.zip({"rho": v.pt, "phi": W, "z": v.eta}).theta,
    "vector.Array": lambda v: vector.Array(ak.zip({"pt": v.pt, "phi": v.phi, "q": v.eta})).px,
    "vector.Array of vectors": lambda v: vector.Array(v).to_xyzt(),
    "vector.awk": lambda v: vector.awk(ak.zip({"x": v.pt, "y": v.phi})[0]),
    "ak.zip": lambda v: ak.zip({"pt": v.pt, "phi": v.eta}, with_name="Momentum2D").px,
    "ak.zip of a number": lambda v: ak.zip({"x": v.pt, "y": v.eta[0, 1]}, with_name="Vector2D").phi,
    "ak.with_name": lambda v: ak.with_name(ak.zip({"pt": v.pt, "phi": v.eta}), "Momentum2D").py,
    "ak.Array": lambda v: plain_class(v).px,
    "ak.Array, sum": lambda v: plain_class(v) + 2.0 * plain_class(v) * v.pt[0],
    "ak.Array, reduced": lambda v: ak.sum(plain_class(v), axis=0),
    "ak.Array, method": lambda v: plain_class(v).rotateZ(v.pt[0]).deltaphi(plain_class(v)),
}


def plain_class(v):
    """Vectors of a class that does not know that they hold duals."""
    return ak.Array({"pt": v.pt[0], "phi": v.eta[0]}, with_name="Momentum2D")


@pytest.mark.one_in(3)
@pytest.mark.parametrize("function", MADE.values(), ids=MADE)
def test_vectors_made_of_duals(function):
    right(function, particles())


# -- classes of users -----------------------------------------------------------------------------


def behavior_of_users():
    """vector's classes and one that derives from them, which nothing is registered for."""
    behavior = dict(classes.behavior)

    @ak.mixin_class(behavior)
    class Jet(classes.MomentumAwkward4D):
        @property
        def tagged_px(self):
            return self.px * self.btag

        def near(self, other, r):
            return self[self.deltaR(other) < r]

        @ak.mixin_class_method(np.subtract, {"Jet"})
        def closer(self, other):
            return self.deltaR(other)

    for sort in ("Array", "Record"):
        made = behavior["*", "Jet"] if sort == "Array" else behavior["Jet"]
        for dim in (2, 3):
            setattr(made, f"ProjectionClass{dim}D", getattr(classes, f"Momentum{sort}{dim}D"))
        made.ProjectionClass4D = made.MomentumClass = made.GenericClass = made
    behavior[np.multiply, "Jet", abstract.Real] = lambda jet, factor: jet.scale(factor)
    behavior[np.add, "Jet", "Jet"] = lambda one, other: one.add(other)
    behavior[ak.sum, "Jet"] = classes.behavior[ak.sum, "Momentum4D"]
    behavior[ak.max, "Jet"] = lambda jets, mask_identity: ak.max(jets.px, 1, mask_identity=False)
    return behavior


JETS = {
    "a property": lambda v: v.tagged_px,
    "a method": lambda v: v.near(v[:, ::-1], 2.0).mass,
    "vector's property": lambda v: v.rapidity,
    "vector's method": lambda v: v.rotateX(0.3),
    "an overload": lambda v: v - v.rotateX(0.3),
    "+": lambda v: v + v,
    "* numbers": lambda v: (v * 2.0, v * v.btag, v * v.btag[0, 0]),
    "fewer dimensions": lambda v: v.to_Vector3D().rotateX(0.2).eta,
    "a record": lambda v: (v[0, 0].tagged_px, v[0, 0].rotateZ(0.2), (v[0, 0] + v[0, 1]).mass),
    "a sum": lambda v: ak.sum(v, axis=1).mass,
    "another reducer": lambda v: ak.max(v, axis=1),
    "behind a list": lambda v: ak.combinations(v, 2, fields=["a", "b"]).a.tagged_px,
}


@pytest.mark.one_in(8)
@pytest.mark.parametrize("registered", [False, True], ids=["behavior=", "ak.behavior"])
@pytest.mark.parametrize("use", JETS)
def test_classes_of_users(use, registered, monkeypatch):
    behavior = behavior_of_users()
    if registered:
        for key in behavior.keys() - ak.behavior.keys():
            monkeypatch.setitem(ak.behavior, key, behavior[key])
    v = ak.with_name(with_more_fields(), "Jet")
    v = ak.Array(v.layout, behavior=None if registered else behavior)
    right(JETS[use], v)
    y, dy = dualak.jvp(JETS[use], (v,), along(v))
    assert list(map(type, flat(y))) == list(map(type, flat(JETS[use](v))))
    assert list(map(type, flat(dy))) == list(map(type, flat(JETS[use](v))))


def flat(result):
    return result if isinstance(result, tuple) else (result,)


# -- higher order ---------------------------------------------------------------------------------


@pytest.mark.one_in(5)
@pytest.mark.parametrize("use", ["chained", "rest frame", "pair masses", "nearest", "a record"])
def test_second_derivatives(use):
    v = particles()
    (t,) = along(v)
    check(lambda v: dualak.jvp(USES[use], v, t)[1], v, t)


OF_TWO_LEVELS = {
    "boosted": lambda v, s: (v * s).boostZ(beta=s).px,
    "beside a constant": lambda v, s: (C * s + v).deltaR(C.scale(s)),
    "summed": lambda v, s: ak.sum(C * s - v, 1).pt,
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("function", OF_TWO_LEVELS.values(), ids=OF_TWO_LEVELS)
def test_vectors_of_one_level_and_numbers_of_another(function):
    v = particles()
    (t,) = along(v)
    check(lambda s: dualak.jvp(lambda v: function(v, s), v, t)[1], S, 0.1)
    check(lambda v: dualak.jvp(lambda s: function(v, s), S, 0.1)[1], v, t)


# -- where formulas have no derivative ------------------------------------------------------------

PI = math.pi
#: Property or method, coordinates, direction, value and tangent.
SPECIAL = {
    "deltaphi over pi": ("deltaphi", {"rho": 1.0, "phi": 3.0}, {"phi": 1.0}, 6.0 - 2.0 * PI, 1.0),
    "no pt, px": ("px", {"pt": 0.0, "phi": 0.3, "eta": 0.5}, {"pt": 1.0}, 0.0, math.cos(0.3)),
    "no pt, p": ("p", {"pt": 0.0, "phi": 0.3, "eta": 0.5}, {"pt": 1.0}, 0.0, math.cosh(0.5)),
    "no pt, p along eta": ("p", {"pt": 0.0, "phi": 0.3, "eta": 0.5}, {"eta": 1.0}, 0.0, 0.0),
    "eta of 0, theta": ("theta", {"pt": 2.0, "phi": 0.3, "eta": 0.0}, {"eta": 1.0}, PI / 2.0, -1.0),
    "on the axis, rho": ("rho", {"x": 0.0, "y": 0.0, "z": 2.0}, {"z": 1.0}, 0.0, 0.0),
    "on the axis, phi": ("phi", {"x": 0.0, "y": 0.0, "z": 2.0}, {"z": 1.0}, 0.0, 0.0),
    "on the axis, theta": ("theta", {"x": 0.0, "y": 0.0, "z": 2.0}, {"z": 1.0}, 0.0, 0.0),
    "on the axis, eta": ("eta", {"x": 0.0, "y": 0.0, "z": 2.0}, {"z": 1.0}, math.inf, 0.0),
    "on the axis, mag": ("mag", {"x": 0.0, "y": 0.0, "z": 2.0}, {"z": 1.0}, 2.0, 1.0),
    "nothing, mag": ("mag", {"x": 0.0, "y": 0.0, "z": 0.0}, {}, 0.0, 0.0),
    "massless, mass": (
        "mass",
        {"px": 3.0, "py": 4.0, "pz": 0.0, "E": 5.0},
        {"E": 1.0},
        0.0,
        math.inf,
    ),
    "massless, along": (
        "mass",
        {"px": 3.0, "py": 4.0, "pz": 0.0, "E": 5.0},
        {"px": 3.0, "py": 4.0, "E": 5.0},
        0.0,
        0.0,
    ),
    "massless, mass2": (
        "mass2",
        {"px": 3.0, "py": 4.0, "pz": 0.0, "E": 5.0},
        {"E": 1.0},
        0.0,
        10.0,
    ),
    "no mass, E": ("E", {"pt": 2.0, "phi": 0.3, "eta": 0.0, "mass": 0.0}, {"mass": 1.0}, 2.0, 0.0),
    "spacelike, mass": (
        "mass",
        {"px": 5.0, "py": 0.0, "pz": 0.0, "E": 3.0},
        {"E": 1.0},
        -4.0,
        0.75,
    ),
}


@pytest.mark.parametrize(("name", "x", "t", "value", "tangent"), SPECIAL.values(), ids=SPECIAL)
def test_special_points(name, x, t, value, tangent):
    kind = "Momentum" if x.keys() & {"px", "pt"} else "Vector"
    v = ak.zip({key: ak.Array([one]) for key, one in x.items()}, with_name=f"{kind}{len(x)}D")
    dv = {key: ak.Array([t.get(key, 0.0)]) for key in x}
    other = ak.zip({"rho": ak.Array([1.0]), "phi": ak.Array([-3.0])}, with_name="Vector2D")
    function = (lambda v: v.deltaphi(other)) if name == "deltaphi" else lambda v: getattr(v, name)
    y, dy = dualak.jvp(function, v, dv)
    assert y.to_list() == function(v).to_list() == pytest.approx([value], abs=1e-15)
    assert dy.to_list() == pytest.approx([tangent], abs=1e-15)


def test_the_distance_of_a_vector_to_itself_does_not_change():
    v = particles()
    y, dy = dualak.jvp(lambda v: (v.deltaR(v), v.deltaphi(v)), (v,), along(v))
    assert tree(y) == tree(dy) == [[[0.0] * 3, [], [0.0] * 2]] * 2


# -- what is refused ------------------------------------------------------------------------------

REFUSED = {
    "an exponent": (lambda v: v ** v.pt[0, 0], "abs"),
    "exponents": (lambda v: v**v.pt, "abs"),
    "a product": (lambda v: ak.prod(v, axis=1), "no ak.prod overloads"),
    "division by a vector": (lambda v: v.pt / v, "no numpy.divide overloads"),
    "an operation of number and vector": (lambda v: v.pt + v, "no numpy.add overloads"),
    "in place": (lambda v: np.add(v, v, out=v), "without further arguments"),
    "an object of duals": (
        lambda v: vector.obj(px=v.px[0, 0], py=1.0),
        "got MomentumObject2D",
    ),
    "numbers in NumPy": (lambda v: np.asarray(v), "np.asarray"),
    "a list": (lambda v: v.to_list(), "to_list"),
    "a weighted mean": (lambda v: ak.mean(v, weight=v.pt, axis=1), "weight"),
}


@pytest.mark.parametrize(("function", "message"), REFUSED.values(), ids=REFUSED)
def test_refused(function, message):
    v = particles()
    with pytest.raises(TypeError, match=message):
        dualak.jvp(function, (v,), along(v))


def test_the_matrix_product_is_as_awkward_has_it():
    v = particles()
    with pytest.raises(NotImplementedError, match="matrix multiplication"):
        v[0] @ v[0]
    with pytest.raises(NotImplementedError, match="matrix multiplication"):
        dualak.jvp(lambda v: v[0] @ v[0], (v,), along(v))


def test_another_pass_of_vector_is_right_too(monkeypatch):
    """A later vector that does it in another way gets the leaves, with their tangents."""
    v = particles()
    known = dualak.jvp(C.deltaphi, (v,), along(v))

    class Otherwise:
        def __init__(self, func):
            self.func = func

        def __call__(self, library, *operands):
            def on_numbers(layouts, **_):
                layouts = layouts if isinstance(layouts, tuple) else (layouts,)
                if all(one.is_numpy for one in layouts):
                    result = self.func(library, *(one.data for one in layouts))
                    return ak.contents.NumpyArray(result)
                return None

            return ak.transform(on_numbers, *operands)

    monkeypatch.setattr(classes, "awkward_transform", Otherwise)
    assert tree(C.px) == tree(particles(0.3).px)
    found = dualak.jvp(C.deltaphi, (v,), along(v))
    assert all(map(ak.almost_equal, found, known))


# -- vector and dualak, one after the other -------------------------------------------------------

ORDERS = {
    "vector first": "import vector; vector.register_awkward(); import dualak",
    "dualak first": "import dualak; import vector; vector.register_awkward()",
    "registered late": """
import dualak, awkward as ak
x = ak.Array([1.5])
dualak.jvp(lambda x: ak.zip({"pt": x, "phi": x}, with_name="Momentum2D")[::-1].pt, x, x)
import vector; vector.register_awkward()
""",
    "registered inside": """
import dualak, vector
def before():
    vector.register_awkward()
""",
    "never registered": "import dualak, vector; behavior = vector.backends.awkward.behavior",
}

CHECKED = """
import awkward as ak, numpy as np
import vector.backends.awkward
before = globals().get("before", lambda: None)
behavior = globals().get("behavior", None)
pt, phi = ak.Array([[2.0, 1.0], [], [3.0]]), ak.Array([[0.5, 1.5], [], [-0.5]])
x = ak.zip({"pt": pt, "phi": phi, "q": phi}, with_name="Momentum2D", behavior=behavior)
def px(x):
    before()
    v = x[::-1]
    return v.px, v + v, ak.sum(v, axis=1), ak.firsts(v).scale(2.0).px, v[0, 0].px
(y, both, added, scaled, one), (dy, dboth, dadded, dscaled, done) = dualak.jvp(px, x, x)
wanted = (pt * np.cos(phi) - pt * np.sin(phi) * phi)[::-1]
assert ak.all(abs(dy - wanted) < 1e-14) and abs(done - wanted[0, 0]) < 1e-14
assert ak.all(abs(dscaled - 2.0 * ak.firsts(wanted)) < 1e-14)
assert ak.all(abs(dadded.x - ak.sum(wanted, axis=1)) < 1e-14)
plain = px(x)
for one, other in zip((y, both, added, scaled), plain):
    assert one.to_list() == other.to_list() and type(one) is type(other), (type(one), type(other))
assert type(dboth) is type(both) and abs(dboth.rho[0, 0] - 2.0 * 3.0) < 1e-14
"""

ABSENT = """
import sys
sys.modules["vector"] = None
import dualak, awkward as ak
pt, phi = ak.Array([[2.0, 1.0], []]), ak.Array([[0.5, 1.5], []])
x = ak.zip({"pt": pt, "phi": phi}, with_name="Momentum2D")
y, dy = dualak.jvp(lambda x: x[::-1].pt ** 2, x, x)
assert y.to_list() == [[], [4.0, 1.0]] and dy.to_list() == [[], [8.0, 2.0]]
try:
    dualak.jvp(lambda x: x + x, x, x)
except TypeError as error:
    assert "no numpy.add overloads for custom types: Momentum2D, Momentum2D" in str(error)
else:
    raise AssertionError
"""


def run(code, *options):
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.one_in(5)
@pytest.mark.parametrize("order", ORDERS)
def test_vector_is_found_whenever_it_is_registered(order):
    run(ORDERS[order] + "\n" + CHECKED, "-W", "error")


@pytest.mark.in_full
def test_vector_need_not_be_there():
    run(ABSENT)  # Numba warns that it cannot load vector, which is installed


# -- real events ----------------------------------------------------------------------------------


#: How many events are read.
FIRST = depth.everyday(600, 3000)


def particles_of(name):
    """The first events of a file."""
    uproot = pytest.importorskip("uproot")
    if not (DATA / name).exists():
        pytest.skip(f"the events are not at {DATA / name}")
    with uproot.open(DATA / name) as file:
        columns = {one: f"{EVENTS[name]}_{one}" for one in ("pt", "eta", "phi", "mass")}
        read = file["Events"].arrays(list(columns.values()), entry_stop=FIRST)
    fields = {name: ak.values_astype(read[column], np.float64) for name, column in columns.items()}
    return ak.zip(fields, with_name="Momentum4D")


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", EVENTS)
def test_masses_of_pairs_in_real_events(name):
    events = particles_of(name)
    assert ak.sum(ak.num(events)) > FIRST / 3

    def leading_mass(jets, scale):
        jets = scale * jets[jets.pt > 30.0]
        return ak.flatten(ak.max(sum_of_pairs(jets).mass, axis=1, keepdims=True))

    def masses(jets, scale):
        return sum_of_pairs(scale * jets).mass

    for function in (masses, leading_mass):
        scaled = dualak.jvp(lambda s: function(events, s), 1.0, 1.0)  # noqa: B023
        assert_close(tree(scaled[1]), tree(scaled[0]), 1e-9)  # the mass is linear in the scale

    along_pt = {"pt": 0.01 * events.pt}
    y, dy = dualak.jvp(lambda jets: masses(jets, 1.0), events, along_pt)
    step = 2.0**-7
    moved = [ak.with_field(events, events.pt * (1 + 0.01 * k * step), "pt") for k in (-2, -1, 1, 2)]
    far, near, after, last = (masses(one, 1.0) for one in moved)
    differences = (8.0 * (after - near) - (last - far)) / (12.0 * step)
    # The mass of particles side by side is a small difference of large energies.
    apart = y > 0.02 * sum_of_pairs(events).E
    assert ak.sum(apart) > FIRST / 3
    assert_close(tree(y[apart]), tree(masses(events, 1.0)[apart]), 1e-9)
    assert_close(tree(dy[apart]), tree(differences[apart]), 1e-8)


def sum_of_pairs(jets):
    one, other = pairs(jets)
    return one + other
