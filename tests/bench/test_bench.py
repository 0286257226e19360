"""The benchmark itself: peers agree on every case, wrong answers are caught, reports render."""

from __future__ import annotations

import json

import awkward as ak
import pytest

from bench import __main__ as command
from bench import gpu, jacobian, loops, report, runner
from bench.cases import CASES
from bench.peers import PEERS, Disagreement, check, reference, same_lists

EVENTS = 200


@pytest.fixture(autouse=True)
def double():
    """JAX has double precision here, and afterwards what it had before."""
    try:
        import jax
    except ImportError:
        yield
        return
    before = jax.config.read("jax_enable_x64")
    with jax.enable_x64(True):
        yield
    jax.config.update("jax_enable_x64", before)


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request):
    return request.param


@pytest.mark.one_in(3)
@pytest.mark.parametrize("peer", PEERS)
def test_peer_agrees(case, peer):
    x, t = case.build(EVENTS)
    check(peer, PEERS[peer](case.func, x, t), reference(case.func, x, t))


# what a broken peer might answer, made from the right (value, tangent)
WRONG = {
    "value off": lambda y, dy: (y * 1.000001, dy),
    "tangent zero": lambda y, dy: (y, dy * 0.0),
    "tangent of the wrong sign": lambda y, dy: (y, -dy),
    "tangent off": lambda y, dy: (y, dy * 1.001),
    "tangent NaN": lambda y, dy: (y, dy * float("nan")),
    "one element lost": lambda y, dy: (y, dy[:-1]),
    "one level too deep": lambda y, dy: (y, ak.Array([dy])),
}


@pytest.mark.one_in(4)
@pytest.mark.parametrize("wrong", WRONG)
def test_check_catches(case, wrong):
    x, t = case.build(EVENTS)
    right = reference(case.func, x, t)
    with pytest.raises(Disagreement, match="broken peer: "):
        check("broken peer", WRONG[wrong](right.value, right.tangent), right)


def test_cases_keep_away_from_cuts(case):
    x, t = case.build(EVENTS)
    right = reference(case.func, x, t)
    assert same_lists(right.value, right.tangent)


def test_points_are_reproducible(case):
    first, second = case.build(EVENTS)[0], case.build(EVENTS)[0]
    assert all(
        ak.array_equal(a, b) for a, b in zip(first, second, strict=True) if isinstance(a, ak.Array)
    )


def refuses(func, x, t):
    raise TypeError("no such rule\nwith a second line")


def lies(func, x, t):
    return func(*x) + 1.0, None


@pytest.fixture(scope="module")
def rows():
    return runner.run(["W2"], [EVENTS], rounds=2, peers={**PEERS, "refuses": refuses, "lies": lies})


def test_every_peer_has_a_row(rows):
    assert [row.peer for row in rows] == [*PEERS, "refuses", "lies"]


def test_errors_are_reported_not_hidden(rows):
    errors = {row.peer: row.error for row in rows}
    assert errors["refuses"] == "TypeError: no such rule"
    assert errors["lies"].startswith("Disagreement: lies: value")
    assert not any(errors[peer] for peer in PEERS)


def test_table(rows):
    text = report.table(rows)
    assert "TypeError: no such rule" in text
    assert all(peer in text for peer in PEERS)
    assert len({len(line) for line in text.splitlines() if line.startswith("|")}) == 1


def test_json(rows, tmp_path):
    report.write_json(tmp_path / "rows.json", rows, rounds=2)
    content = json.loads((tmp_path / "rows.json").read_text())
    assert content["machine"]["cores"] >= 1
    assert [row["peer"] for row in content["rows"]] == [row.peer for row in rows]
    assert content["rows"][-1]["median"] is None


def test_plot(rows, tmp_path):
    pytest.importorskip("matplotlib")
    report.write_plot(tmp_path / "rows.png", rows)
    assert (tmp_path / "rows.png").read_bytes().startswith(b"\x89PNG")


def test_command_line(capsys):
    assert command.main(["cpu", "--cases", "W2", "--events", str(EVENTS), "--rounds", "1"]) == 0
    assert "norm of each list" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["cluster"], "cpu"),
        (["cpu", "--cases", "W9"], "W1, W2"),
        (["bridge", "--cases", "W3"], "W1, W2, W4"),
    ],
)
def test_unknown_words_say_what_exists(words, says, capsys):
    with pytest.raises(SystemExit):
        command.main(words)
    assert says in capsys.readouterr().err


# -- eight derivatives at once --------------------------------------------------------------------


@pytest.mark.in_full
def test_peers_of_the_jacobian_agree():
    calls = jacobian.peers(EVENTS)
    assert jacobian.check(calls) == {}


@pytest.mark.in_full
def test_a_wrong_jacobian_is_caught():
    calls = dict(jacobian.peers(EVENTS))
    right = calls["dualak jacfwd"]
    calls["broken"] = lambda: (right()[0], right()[1] * 1.001)
    calls["broken value"] = lambda: (right()[0] * 1.001, right()[1])
    assert set(jacobian.check(calls)) == {"broken", "broken value"}


@pytest.mark.in_full
def test_the_jacobian_command_prints_a_table(capsys, tmp_path):
    path = tmp_path / "rows.json"
    code = command.main(["jacobian", "--events", "100", "--rounds", "1", "--json", str(path)])
    assert code == 0
    assert "dualak jacfwd" in capsys.readouterr().out
    assert json.loads(path.read_text())["rows"]


# -- on a GPU: what needs none ------------------------------------------------------------------


def host_clock():
    """In place of the device: arrays stay, and time is that of the host."""

    def elapsed(calls):
        return sum(map(runner.milliseconds, calls))

    return gpu.Clock(elapsed, lambda nbytes: lambda: bytes(nbytes), lambda value: value)


@pytest.fixture(params=gpu.CASES.values(), ids=gpu.CASES)
def gpu_case(request):
    """A case, with double precision in JAX, or without JAX's ways where there is no JAX."""
    try:
        import jax
    except ImportError:
        yield request.param._replace(jax={})
        return
    with jax.enable_x64(True):
        yield request.param


@pytest.mark.one_in(4)
def test_peers_on_a_gpu_agree(gpu_case):
    rows = gpu.run_case(gpu_case, 400, 2, host_clock())
    assert [row.peer for row in rows][-2:] == [gpu.COPY, gpu.CPU]
    assert {row.peer for row in rows} >= {"dualak, kernels", "dualak, replayed", *gpu_case.jax}
    assert [row.error for row in rows] == [""] * len(rows)
    assert all(row.median > 0 for row in rows)


def test_inputs_differ_from_set_to_set(gpu_case):
    first, second = (gpu.built(gpu_case.name, 400, seed)[0] for seed in range(2))
    arrays = [one[0] if isinstance(one[0], ak.Array) else one[1].pt for one in (first, second)]
    arrays = [one.pt if one.fields else one for one in arrays]
    assert ak.all(ak.num(arrays[0]) == ak.num(arrays[1]))
    assert not ak.any(arrays[0] == arrays[1])


@pytest.mark.parametrize("wrong", [lambda y, dy: (y * 1.001, dy), lambda y, dy: (y, -dy)])
def test_a_wrong_answer_on_a_gpu_is_caught(gpu_case, wrong):
    x, t = gpu.built(gpu_case.name, 400, 0)
    known = gpu_case.known(x)
    call = gpu.replayed(CASES[gpu_case.name].func, x, t)
    expected = gpu.numbers_of(call(), known)
    assert gpu.disagreement(gpu.numbers_of(call(), known), expected, gpu.TOLERANCE) == ""
    answer = gpu.numbers_of(wrong(*call()), known)
    assert gpu.disagreement(answer, expected, gpu.TOLERANCE).startswith("Disagreement")


def test_a_peer_that_fails_on_a_gpu_is_reported(tmp_path):
    def fails(x, t):
        raise TypeError("no such kernel\nwith a second line")

    case = gpu.CASES["W2"]._replace(jax={"jax": (gpu.TOLERANCE, fails)})
    rows = gpu.run_case(case, 100, 1, host_clock())
    assert {row.peer: row.error for row in rows}["jax"] == "TypeError: no such kernel"
    text = report.table(rows, report.GPU_HEADER, report.gpu_cells)
    assert "TypeError: no such kernel" in text
    report.write_json(tmp_path / "rows.json", rows, 1, gpu="a name")
    content = json.loads((tmp_path / "rows.json").read_text())
    assert content["machine"]["gpu"] == "a name"
    assert content["rows"][0]["bandwidth"] > 0


def test_plot_of_a_gpu(tmp_path):
    pytest.importorskip("matplotlib")
    rows = gpu.run_case(gpu.CASES["W2"]._replace(jax={}), 100, 1, host_clock())
    report.write_plot(tmp_path / "gpu.png", rows, "time / time of the faster JAX", "elements")
    assert (tmp_path / "gpu.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_gpu_the_command_says_so(capsys, monkeypatch):
    monkeypatch.setattr(gpu, "why_not", lambda: "expected a CUDA device, got none")
    assert command.main(["gpu"]) == 2
    assert "expected a CUDA device, got none" in capsys.readouterr().err


# -- compiled loops -------------------------------------------------------------------------------


@pytest.mark.in_full
def test_peers_of_the_loop_agree():
    assert loops.check(loops.peers(EVENTS)) == {}


def test_a_wrong_derivative_of_the_loop_is_caught():
    calls = loops.peers(EVENTS)
    right = calls["dualak jvp"]
    calls["broken"] = lambda: (right()[0], [right()[1][0] * 1.001])
    calls["broken value"] = lambda: (right()[0] * 1.001, [])
    assert set(loops.check(calls)) == {"broken", "broken value"}


@pytest.mark.in_full
def test_the_loop_has_a_row_for_each_peer(capsys):
    assert command.main(["cpu", "--cases", "L1", "--events", str(EVENTS), "--rounds", "1"]) == 0
    said = capsys.readouterr().out
    assert all(peer in said for peer in loops.peers(EVENTS))


# -- the bridge beside JAX ------------------------------------------------------------------------


@pytest.fixture
def jitted():
    return pytest.importorskip("bench.jitted")


def scaled(answer, factor=1.001):
    """An answer that is a little off."""
    import jax

    if isinstance(answer, ak.Array):
        return answer * factor
    return jax.tree_util.tree_map(lambda one: one * factor, answer)


@pytest.mark.in_full
@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", command.JAGGED)
def test_jagged_peers_agree_and_wrong_ones_are_caught(name, jitted):
    calls = jitted.jagged_peers(name, EVENTS)
    right = calls[jitted.BASELINE["jagged"]]
    calls["broken value"] = lambda: (scaled(right()[0]), right()[1])
    calls["broken tangent"] = lambda: (right()[0], scaled(right()[1]))
    assert set(jitted.jagged_errors(name, EVENTS, calls)) == {"broken value", "broken tangent"}


def test_single_calls_agree_and_wrong_ones_are_caught(jitted):
    for calls in jitted.call_peers(20).values():
        right = calls[jitted.BASELINE["call"]]
        calls["broken"] = lambda right=right: tuple(map(scaled, right()))
        assert set(jitted.call_errors(calls)) == {"broken"}


def test_streams_agree_and_wrong_ones_are_caught(jitted, monkeypatch):
    from bench import streams

    monkeypatch.setattr(streams, "BATCHES", 3)
    calls = streams.peers(EVENTS)
    assert streams.check(calls) == {}
    calls["broken"] = lambda: calls[streams.BASELINE]() * 1.001
    assert set(streams.check(calls)) == {"broken"}


@pytest.mark.in_full
def test_the_bridge_command_prints_a_table(capsys, tmp_path, monkeypatch):
    pytest.importorskip("jax")
    from bench import streams

    monkeypatch.setattr(streams, "BATCHES", 2)
    path = tmp_path / "rows.json"
    words = ["--elements", "10", "--cases", "W2", "--events", "50", "--rounds", "1"]
    assert command.main(["bridge", *words, "--json", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "ratio to JAX" in shown
    assert "jax jvp, offsets traced" in shown
    rows = json.loads(path.read_text())["rows"]
    assert {row["case"] for row in rows} == {"call", "call of jvp", "W2", streams.CASE}
    assert all(row["median"] > 0 for row in rows)
