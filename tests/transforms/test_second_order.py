"""Second order in every nesting, of functions that look at their numbers on the way.

Forward over reverse, reverse over forward and the like are one matrix of second derivatives, with a
look, without one, and through what dualak does not compute itself.
"""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from scipy import special

import dualak

X = ak.Array([[1.5, 2.5], [], [0.7]])
T = ak.Array([[1.0, -0.5], [], [2.0]])
NOISE = ak.Array([[0.3, -1.2], [], [0.8]])


@dualak.custom_jvp
def cubed(x):
    return x**3


cubed.defjvps(lambda t, y, x: 3 * x**2 * t)

INNER = {
    "gammaln": special.gammaln,
    "erf": special.erf,
    "jv": lambda x: special.jv(1.5, x),
    "exp": np.exp,
    "random constants": lambda x: np.sin(x * NOISE) + NOISE,
}
LOOKS = {
    "none": lambda z: z,
    "mask": lambda z: z[z > -9],
    "primal": lambda z: (dualak.primal(z), z)[1],
    "printed": lambda z: (str(z), z)[1],
    "sorted": lambda z: ak.sort(z, axis=-1),
}
OUTER = {
    "squares of sums": lambda z: ak.sum(ak.sum(z, axis=-1) ** 2),
    "products of sums": lambda z: ak.sum(ak.sum(z, axis=-1) * ak.sum(z * 2, axis=-1)),
    "squares": lambda z: ak.sum(z**2),
}


def nestings(f):
    """The product of the second derivatives with a direction, in each nesting."""
    jvp, grad = dualak.jvp, dualak.grad
    return {
        "jvp of grad": jvp(grad(f), X, T)[1],
        "grad of jvp": grad(lambda x: jvp(f, x, T)[1])(X),
        "grad of grad": grad(lambda x: ak.sum(grad(f)(x) * T))(X),
    }


@pytest.mark.one_in(4)
@pytest.mark.parametrize("outer", OUTER.values(), ids=OUTER)
@pytest.mark.parametrize("inner", INNER)
def test_all_nestings_agree_with_and_without_a_look(inner, outer):
    found = {
        (look, name): np.asarray(ak.flatten(one))
        for look in LOOKS
        for name, one in nestings(lambda x, look=look: outer(LOOKS[look](INNER[inner](x)))).items()
    }
    step = 1e-5

    def slope(x):
        return dualak.grad(lambda x: outer(INNER[inner](x)))(x)

    differences = (slope(X + step * T) - slope(X - step * T)) / (2 * step)
    for name, one in found.items():
        np.testing.assert_allclose(
            one, ak.flatten(differences), rtol=1e-6, atol=1e-6, err_msg=str(name)
        )


@pytest.mark.parametrize("look", LOOKS)
def test_the_hessian_agrees_with_its_products(look):
    def f(x):
        z = LOOKS[look](special.gammaln(x))
        return np.sum(np.sum(z) ** 2 * z)

    x, t = np.array([1.5, 2.5, 0.7]), np.array([1.0, -0.5, 2.0])
    want = np.asarray(dualak.hessian(f)(x)) @ t
    np.testing.assert_allclose(dualak.jvp(dualak.grad(f), x, t)[1], want, rtol=1e-10)
    np.testing.assert_allclose(dualak.jvp(lambda x: dualak.jvp(f, x, t)[1], x, t)[1], t @ want)


@pytest.mark.parametrize("look", LOOKS)
def test_a_rule_of_the_users_is_differentiated_twice(look):
    def second(inner):
        f = lambda x: ak.sum(ak.sum(LOOKS[look](inner(x)), axis=-1) ** 2)  # noqa: E731
        return dualak.jvp(lambda x: dualak.jvp(f, x, T)[1], X, T)[1]

    np.testing.assert_allclose(second(cubed), second(lambda x: x**3), rtol=1e-12)
