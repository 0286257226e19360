"""The rows of the table of rules for functions of ``scipy.special``; SciPy is not imported.

A row is a name, the partials, and what else ``dualak.rules.Rule`` says of the function.  Partials
name the functions of this table and NumPy's, so derivatives of any order come from the same rows.
A formula that is 0 / 0 at a point has a series around it, not a value at it, for the same reason.
Some functions are only called by partials: densities, ``zeta``, single outputs such as ``airy_1``.

The formulas are those of the NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov:
chapters 5 (gamma), 6 to 8 (integrals, error functions, incomplete gamma and beta functions), 9
(Airy), 10 (Bessel), 13, 15, 16 (hypergeometric), 18 (polynomials) and 19 (elliptic integrals).
"""

from __future__ import annotations

from functools import reduce
from typing import Any

#: Name, partials, and the further attributes of a rule; ``on`` is the domain.
Row = tuple[str, tuple[str, ...], dict[str, Any]]


def _row(name: str, *partials: str, on: Any, **more: Any) -> Row:
    return name, partials, {"on": on, **more}


def _outputs(name: str, *partials: str, on: Any = (0.1, 4.0)) -> tuple[Row, ...]:
    return tuple(_row(name, partial, on=on, output=i) for i, partial in enumerate(partials))


# -- formulas that rows share ----------------------------------------------------------------------


def _tail(w: str) -> str:
    """The series 1 + 3 w + 3 5 w ** 2 + 3 5 7 w ** 3 + ..., for a small ``w``."""
    return reduce(lambda rest, k: f"(1.0 + {k}.0 * {w} * {rest})", range(17, 1, -2), "1.0")


def _near(distance: str, series: str, elsewhere: str) -> str:
    """A formula that is 0 / 0 at a point, and one that holds around it, with all derivatives."""
    return f"select(less(absolute({distance}), 0.5), {series}, {elsewhere})"


def _of_zeros(x: str, y: str) -> str:
    """The quotient, which is 0 where both are."""
    return f"select(equal({y}, 0.0), select(equal({x}, 0.0), 0.0, {x} / {y}), {x} / {y})"


def _polynomial(partial: str) -> str:
    """The partial in the argument of a polynomial; its order is not negative."""
    return f"select(greater(x, 0.0), {partial}, select(equal(x, 0.0), 0.0, nan))"


def _beyond(partial: str) -> str:
    """The partial of a Huber loss outside the parabola; below zero it is infinite everywhere."""
    return f"select(less(x, 0.0), 0.0, {partial})"


_W = "(0.5 / (x * x))"
_LOG_RATIO = "select(less(absolute(x - y), 0.5 * y), log1p((x - y) / y), log(x) - log(y))"
_IN_POWER = _near(
    "x * y",
    "-0.5 * x * x * hyp2f1(2.0, 2.0, 3.0, -x * y)",
    "(x / (1.0 + x * y) - log1p(x * y) / y) / y",
)
_SINC = _near("x", "hyp0f1(1.5, -0.25 * x * x)", "sin(x) / x")
_SINHC = _near("x", "hyp0f1(1.5, 0.25 * x * x)", "sinh(x) / x")
#: The density of the gamma distribution, for a large shape about its mode.
_GAMMA_DENSITY = (
    "select(less(x, 20.0), exp(xlogy(x - 1.0, y) - y - gammaln(x)),"
    " (x / (2.0 * pi)) ** 0.5 / y * exp(x * (log1p((y - x) / x) - (y - x) / x)"
    " - (1.0 - (1.0 / 30.0 - (1.0 / 105.0 - 1.0 / (140.0 * x * x)) / (x * x)) / (x * x))"
    " / (12.0 * x)))"
)

# -- the rows --------------------------------------------------------------------------------------

_ANY = (-4.0, 4.0)
_POSITIVE = (0.1, 4.0)
_UNIT = (-0.9, 0.9)
_PART = (0.05, 0.95)
_SHAPE = (0.6, 6.0)
_ORDER = (0.0, 5.0)
_STEPS = "zero everywhere, also at the steps"

# fmt: off
ROWS: tuple[Row, ...] = (
    # -- error functions ------------------------------------------------------------------------
    _row("erf",         "2.0 / pi ** 0.5 * exp(-x * x)", on=_ANY),
    _row("erfc",        "-2.0 / pi ** 0.5 * exp(-x * x)", on=_ANY),
    _row("erfcx",       f"select(greater(x, 15.0), -2.0 / pi ** 0.5 * {_W} * {_tail(f'-{_W}')},"
                            " 2.0 * x * z - 2.0 / pi ** 0.5)", on=_ANY),
    _row("erfi",        "2.0 / pi ** 0.5 * exp(x * x)", on=_ANY),
    _row("dawsn",       f"select(greater(absolute(x), 15.0), -{_W} * {_tail(_W)},"
                            " 1.0 - 2.0 * x * z)", on=_ANY),
    _row("erfinv",      "0.5 * pi ** 0.5 * exp(z * z)", on=_UNIT, singular=True),
    _row("erfcinv",     "-0.5 * pi ** 0.5 * exp(z * z)", on=(0.1, 1.9), singular=True),
    _row("ndtr",        "(2.0 * pi) ** -0.5 * exp(-0.5 * x * x)", on=_ANY),
    _row("log_ndtr",    "(2.0 / pi) ** 0.5 / erfcx(-(0.5 ** 0.5) * x)", on=_ANY),
    _row("ndtri",       "(2.0 * pi) ** 0.5 * exp(0.5 * z * z)", on=_PART, singular=True),
    _row("ndtri_exp",   "(0.5 * pi) ** 0.5 * erfcx(-(0.5 ** 0.5) * z)", on=(-4.0, -0.1),
                            singular=True),
    _row("owens_t",     "-exp(-0.5 * x * x) * erf(0.5 ** 0.5 * x * y) / (8.0 * pi) ** 0.5",
                            "exp(-0.5 * x * x * (1.0 + y * y)) / (2.0 * pi * (1.0 + y * y))",
                            on=_ANY),
    # -- logistic functions, entropies, losses --------------------------------------------------
    _row("expit",       "z * expit(-x)", on=_ANY,
                            value="select(less(x, 0.0), exp(-absolute(x)), 1.0)"
                            " / (1.0 + exp(-absolute(x)))"),
    _row("log_expit",   "expit(-x)", on=_ANY,
                            value="select(less(x, 0.0), x, -0.0) - log1p(exp(-absolute(x)))"),
    _row("logit",       "1.0 / (x * (1.0 - x))", on=_PART, singular=True,
                            value="select(less(absolute(x - 0.475), 0.175), log1p(2.0 * (x - 0.5))"
                            " - log1p(-2.0 * (x - 0.5)), log(x / (1.0 - x)))"),
    _row("xlogy",       "log(y)", _of_zeros("x", "y"), on=_POSITIVE, singular=True,
                            value="select(equal(x, 0.0), select(isnan(y), y, 0.0), x * log(y))",
                            kink="at x = y = 0 the partial in y is 0"),
    _row("xlog1py",     "log1p(y)", _of_zeros("x", "(1.0 + y)"), on=_POSITIVE, singular=True,
                            value="select(equal(x, 0.0), select(isnan(y), y, 0.0), x * log1p(y))",
                            kink="at x = 0, y = -1 the partial in y is 0"),
    _row("entr",        "-log(x) - 1.0", on=_POSITIVE, singular=True,
                            value="select(greater(x, 0.0), -x * log(x), select(equal(x, 0.0), 0.0,"
                            " select(isnan(x), x, -inf)))"),
    _row("rel_entr",    f"{_LOG_RATIO} + 1.0", f"-{_of_zeros('x', 'y')}", on=_POSITIVE,
                            singular=True, kink="at x = y = 0 the partial in y is 0"),
    _row("kl_div",      _LOG_RATIO, _of_zeros("(y - x)", "y"), on=_POSITIVE,
                            singular=True, kink="at x = y = 0 the partial in y is 0"),
    _row("huber",       _beyond("select(less_equal(absolute(y), x), 0.0, absolute(y) - x)"),
                            _beyond("select(less_equal(absolute(y), x), y, copysign(x, y))"),
                            on=(_POSITIVE, _ANY)),
    _row("pseudo_huber", _beyond("(y * (y / (x + hypot(x, y)))) ** 2 / hypot(x, y)"),
                            _beyond("y * (x / hypot(x, y))"), on=(_POSITIVE, _ANY), singular=True),
    # -- powers, exponentials, angles -----------------------------------------------------------
    _row("boxcox",      "x ** (y - 1.0)",
                            "0.5 * log(x) * log(x) * hyp1f1(2.0, 3.0, y * log(x))",
                            on=(_POSITIVE, _ANY), singular=True),
    _row("boxcox1p",    "exp((y - 1.0) * log1p(x))",
                            "0.5 * log1p(x) * log1p(x) * hyp1f1(2.0, 3.0, y * log1p(x))",
                            on=(_POSITIVE, _ANY), singular=True),
    _row("inv_boxcox",  "z / (1.0 + x * y)", f"z * {_IN_POWER}", on=_POSITIVE, singular=True),
    _row("inv_boxcox1p", "(z + 1.0) / (1.0 + x * y)", f"(z + 1.0) * {_IN_POWER}", on=_POSITIVE,
                            singular=True),
    _row("powm1",       "y * x ** (y - 1.0)", "select(equal(x, 0.0), 0.0, log(x)) * x ** y",
                            on=(_POSITIVE, _ANY), singular=True, kink="as power"),
    _row("exprel",      "0.5 * hyp1f1(2.0, 3.0, x)", on=_ANY),
    _row("exp2",        "ln2 * z",          on=_ANY, value="exp2(x)"),
    _row("exp10",       "ln10 * z",         on=_ANY),
    _row("expm1",       "exp(x)",           on=_ANY, value="expm1(x)"),
    _row("log1p",       "1.0 / (1.0 + x)",  on=_UNIT, value="log1p(x)", singular=True),
    _row("cbrt",        "1.0 / (3.0 * (z * z))", on=_POSITIVE, value="cbrt(x)", singular=True),
    _row("cosm1",       "-sin(x)",          on=_ANY),
    _row("round",       "0",                on=_ANY, kink=_STEPS),
    _row("sindg",       "degree * cosdg(x)", on=_ANY),
    _row("cosdg",       "-degree * sindg(x)", on=_ANY),
    _row("tandg",       "degree * (1.0 + z * z)", on=_ANY),
    _row("cotdg",       "-degree * (1.0 + z * z)", on=_POSITIVE, singular=True),
    _row("radian",      "degree", "degree / 60.0", "degree / 3600.0", on=_ANY),
    # -- gamma and beta functions, and distributions made of them -------------------------------
    _row("gamma",       "z * psi(x)",       on=_POSITIVE),
    _row("gammaln",     "psi(x)",           on=_POSITIVE, singular=True),
    _row("loggamma",    "psi(x)",           on=_POSITIVE, singular=True),
    _row("gammasgn",    "0",                on=_ANY, kink=_STEPS),
    _row("rgamma",      "select(less(x, 0.5), gamma(1.0 - x) * cos(pi * rint(x))"
                            " * (cos(pi * (x - rint(x))) - sin(pi * (x - rint(x))) / pi"
                            " * psi(1.0 - x)), -z * psi(x))", on=_ANY),
    _row("psi",         "zeta(2.0, x)",     on=_POSITIVE),
    _row("zeta",        "?", "-x * zeta(x + 1.0, y)", on=((1.5, 4.0), _POSITIVE)),
    _row("beta",        "z * (psi(x) - psi(x + y))", "z * (psi(y) - psi(x + y))", on=_POSITIVE),
    _row("betaln",      "psi(x) - psi(x + y)", "psi(y) - psi(x + y)", on=_POSITIVE, singular=True),
    _row("gammainc",    "?", "gamma_density(x, y)", on=_SHAPE, singular=True),
    _row("gammaincc",   "?", "-gamma_density(x, y)", on=_SHAPE, singular=True),
    _row("gammaincinv", "?", "1.0 / gamma_density(x, z)", on=(_SHAPE, _PART), singular=True),
    _row("gammainccinv", "?", "-1.0 / gamma_density(x, z)", on=(_SHAPE, _PART), singular=True),
    _row("gdtr",        "u * gamma_density(y, x * u)", "?", "x * gamma_density(y, x * u)",
                            on=_SHAPE, singular=True),
    _row("gdtrc",       "-u * gamma_density(y, x * u)", "?", "-x * gamma_density(y, x * u)",
                            on=_SHAPE, singular=True),
    _row("chdtr",       "?", "0.5 * gamma_density(0.5 * x, 0.5 * y)", on=_SHAPE, singular=True),
    _row("chdtrc",      "?", "-0.5 * gamma_density(0.5 * x, 0.5 * y)", on=_SHAPE, singular=True),
    _row("chdtri",      "?", "-2.0 / gamma_density(0.5 * x, 0.5 * z)", on=(_SHAPE, _PART),
                            singular=True),
    _row("pdtr",        "0", "-gamma_density(floor(x) + 1.0, y)", on=_SHAPE, kink=_STEPS),
    _row("pdtrc",       "0", "gamma_density(floor(x) + 1.0, y)", on=_SHAPE, kink=_STEPS),
    _row("gamma_density", "?", "z * ((x - 1.0) / y - 1.0)", on=_SHAPE, singular=True,
                            value=_GAMMA_DENSITY),
    _row("betainc",     "?", "?", "beta_density(x, y, u)", on=(_SHAPE, _SHAPE, _PART),
                            singular=True),
    _row("betaincc",    "?", "?", "-beta_density(x, y, u)", on=(_SHAPE, _SHAPE, _PART),
                            singular=True),
    _row("betaincinv",  "?", "?", "1.0 / beta_density(x, y, z)", on=(_SHAPE, _SHAPE, _PART),
                            singular=True),
    _row("betainccinv", "?", "?", "-1.0 / beta_density(x, y, z)", on=(_SHAPE, _SHAPE, _PART),
                            singular=True),
    _row("fdtr",        "?", "?", "x * y / (y + x * u) ** 2"
                            " * beta_density(0.5 * x, 0.5 * y, x * u / (y + x * u))",
                            on=_SHAPE, singular=True),
    _row("fdtrc",       "?", "?", "-x * y / (y + x * u) ** 2"
                            " * beta_density(0.5 * x, 0.5 * y, x * u / (y + x * u))",
                            on=_SHAPE, singular=True),
    _row("beta_density", "?", "?", "z * ((x - 1.0) / u - (y - 1.0) / (1.0 - u))",
                            on=(_SHAPE, _SHAPE, _PART), singular=True,
                            value="exp(xlogy(x - 1.0, u) + xlog1py(y - 1.0, -u) - betaln(x, y))"),
    _row("stdtr",       "?", "student_density(x, y)", on=(_SHAPE, _ANY)),
    _row("stdtrit",     "?", "1.0 / student_density(x, z)", on=(_SHAPE, _PART), singular=True),
    _row("student_density", "?", "-z * (x + 1.0) * y / (x + y * y)", on=(_SHAPE, _ANY),
                            value="exp(-0.5 * (x + 1.0) * log1p(y * y / x) - betaln(0.5 * x, 0.5))"
                            " / sqrt(x)"),
    # -- integrals ------------------------------------------------------------------------------
    _row("expi",        "exp(x) / x",       on=_POSITIVE, singular=True),
    _row("exp1",        "-exp(-x) / x",     on=_POSITIVE, singular=True),
    _row("expn",        "?", "select(equal(x, 0.0), -z * (1.0 + 1.0 / y), -expn(x - 1.0, y))",
                            on=(_ORDER, _POSITIVE), order=True, singular=True),
    _row("spence",      _near("x - 1.0", "-hyp2f1(1.0, 1.0, 2.0, 1.0 - x)",
                            "log(x) / (1.0 - x)"), on=_POSITIVE, singular=True),
    _row("ellipk",      _near("x", "0.125 * pi * hyp2f1(1.5, 1.5, 2.0, x)",
                            "(ellipe(x) / (1.0 - x) - z) / (2.0 * x)"), on=(-4.0, 0.9),
                         singular=True),
    _row("ellipkm1",    _near("1.0 - x", "-0.125 * pi * hyp2f1(1.5, 1.5, 2.0, 1.0 - x)",
                            "(z - ellipe(1.0 - x) / x) / (2.0 * (1.0 - x))"), on=_POSITIVE,
                            singular=True),
    _row("ellipe",      _near("x", "-0.125 * pi * hyp2f1(0.5, 1.5, 2.0, x)",
                            "(z - ellipk(x)) / (2.0 * x)"), on=(-4.0, 0.9), singular=True),
    _row("ellipkinc",   "1.0 / sqrt(1.0 - y * sin(x) * sin(x))", "?", on=_UNIT, singular=True),
    _row("ellipeinc",   "sqrt(1.0 - y * sin(x) * sin(x))", "?", on=_UNIT, singular=True),
    *_outputs("sici",       _SINC, "cos(x) / x"),
    *_outputs("shichi",     _SINHC, "cosh(x) / x"),
    *_outputs("fresnel",    "sin(0.5 * pi * x * x)", "cos(0.5 * pi * x * x)", on=(-2.0, 2.0)),
    *_outputs("itj0y0",     "j0(x)", "y0(x)"),
    *_outputs("iti0k0",     "i0(x)", "k0(x)"),
    # -- Bessel and Airy functions --------------------------------------------------------------
    _row("j0",          "-j1(x)",           on=_ANY),
    _row("j1",          "0.5 * (j0(x) - jv(2.0, x))", on=_ANY),
    _row("jv",          "?", "0.5 * (jv(x - 1.0, y) - jv(x + 1.0, y))", on=_POSITIVE),
    _row("jve",         "?", "0.5 * (jve(x - 1.0, y) - jve(x + 1.0, y))", on=_POSITIVE),
    _row("y0",          "-y1(x)",           on=_POSITIVE, singular=True),
    _row("y1",          "y0(x) - z / x",    on=_POSITIVE, singular=True),
    _row("yn",          "?", "0.5 * (yv(x - 1.0, y) - yv(x + 1.0, y))", on=(_ORDER, _POSITIVE),
                            order=True, singular=True),
    _row("yv",          "?", "0.5 * (yv(x - 1.0, y) - yv(x + 1.0, y))", on=_POSITIVE,
                            singular=True),
    _row("yve",         "?", "0.5 * (yve(x - 1.0, y) - yve(x + 1.0, y))", on=_POSITIVE,
                            singular=True),
    _row("i0",          "i1(x)",            on=_ANY),
    _row("i0e",         "i1e(x) - sign(x) * z", on=_ANY, kink="0 at 0"),
    _row("i1",          "0.5 * (i0(x) + iv(2.0, x))", on=_ANY),
    _row("i1e",         "0.5 * (i0e(x) + ive(2.0, x)) - sign(x) * z", on=_ANY),
    _row("iv",          "?", "0.5 * (iv(x - 1.0, y) + iv(x + 1.0, y))", on=_POSITIVE),
    _row("ive",         "?", "0.5 * (ive(x - 1.0, y) + ive(x + 1.0, y)) - sign(y) * z",
                            on=_POSITIVE, kink="0 at 0 for the order 0"),
    _row("k0",          "-k1(x)",           on=_POSITIVE, singular=True),
    _row("k0e",         "z - k1e(x)",       on=_POSITIVE, singular=True),
    _row("k1",          "-k0(x) - z / x",   on=_POSITIVE, singular=True),
    _row("k1e",         "z * (1.0 - 1.0 / x) - k0e(x)", on=_POSITIVE, singular=True),
    _row("kn",          "?", "-0.5 * (kv(x - 1.0, y) + kv(x + 1.0, y))",
                            on=(_ORDER, _POSITIVE), order=True, singular=True),
    _row("kv",          "?", "-0.5 * (kv(x - 1.0, y) + kv(x + 1.0, y))", on=_POSITIVE,
                            singular=True),
    _row("kve",         "?", "z - 0.5 * (kve(x - 1.0, y) + kve(x + 1.0, y))", on=_POSITIVE,
                            singular=True),
    *_outputs("airy",       "airy_1(x)", "x * airy_0(x)", "airy_3(x)", "x * airy_2(x)", on=_ANY),
    # -- hypergeometric functions and polynomials -----------------------------------------------
    _row("hyp0f1",      "?", "hyp0f1(x + 1.0, y) / x", on=_POSITIVE),
    _row("hyp1f1",      "?", "?", "x / y * hyp1f1(x + 1.0, y + 1.0, u)", on=_POSITIVE),
    _row("hyp2f1",      "?", "?", "?", "x * y / u * hyp2f1(x + 1.0, y + 1.0, u + 1.0, v)",
                            on=(_SHAPE, _SHAPE, _SHAPE, _UNIT)),
    _row("hyperu",      "?", "?", "-x * hyperu(x + 1.0, y + 1.0, u)", on=_POSITIVE),
    _row("wrightomega", "z / (1.0 + z)",    on=_ANY),
    _row("eval_chebyt", "?", _polynomial("x * eval_chebyu(x - 1.0, y)"),
                            on=(_ORDER, _UNIT), order=True),
    _row("eval_chebyu", "?", _polynomial("2.0 * eval_gegenbauer(x - 1.0, 2.0, y)"),
                            on=(_ORDER, _UNIT), order=True),
    _row("eval_chebyc", "?", _polynomial("x * eval_chebys(x - 1.0, y)"),
                            on=(_ORDER, _UNIT), order=True),
    _row("eval_chebys", "?", _polynomial("eval_gegenbauer(x - 1.0, 2.0, 0.5 * y)"),
                            on=(_ORDER, _UNIT), order=True),
    _row("eval_sh_chebyt", "?", _polynomial("2.0 * x * eval_sh_chebyu(x - 1.0, y)"),
                            on=(_ORDER, _PART), order=True),
    _row("eval_sh_chebyu", "?", _polynomial("4.0 * eval_gegenbauer(x - 1.0, 2.0,"
                            " 2.0 * y - 1.0)"), on=(_ORDER, _PART), order=True),
    _row("eval_legendre", "?", _polynomial("eval_gegenbauer(x - 1.0, 1.5, y)"),
                            on=(_ORDER, _UNIT), order=True),
    _row("eval_sh_legendre", "?", _polynomial("2.0 * eval_gegenbauer(x - 1.0, 1.5,"
                            " 2.0 * y - 1.0)"), on=(_ORDER, _PART), order=True),
    _row("eval_gegenbauer", "?", "?", _polynomial("2.0 * y * eval_gegenbauer(x - 1.0,"
                            " y + 1.0, u)"), on=(_ORDER, _SHAPE, _UNIT), order=True),
    _row("eval_jacobi", "?", "?", "?", _polynomial("0.5 * (x + y + u + 1.0)"
                            " * eval_jacobi(x - 1.0, y + 1.0, u + 1.0, v)"),
                            on=(_ORDER, _SHAPE, _SHAPE, _UNIT), order=True),
    _row("eval_laguerre", "?", _polynomial("-eval_genlaguerre(x - 1.0, 1.0, y)"),
                            on=(_ORDER, _POSITIVE), order=True),
    _row("eval_genlaguerre", "?", "?", _polynomial("-eval_genlaguerre(x - 1.0, y + 1.0, u)"),
                            on=(_ORDER, _SHAPE, _POSITIVE), order=True),
    _row("eval_hermite", "?", _polynomial("2.0 * x * eval_hermite(x - 1.0, y)"),
                            on=(_ORDER, _ANY), order=True),
    _row("eval_hermitenorm", "?", _polynomial("x * eval_hermitenorm(x - 1.0, y)"),
                            on=(_ORDER, _ANY), order=True),
)
# fmt: on
