"""``python -m bench cpu``: time the cases, print a table, write JSON and a plot when asked.

``python -m bench bridge`` does so for compiled JAX code, ``jacobian`` for eight derivatives.

Exit code 1: some peer failed or gave a wrong answer (the table says which).
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from bench import gpu as on_gpu
from bench import loops, report, runner
from bench.cases import CASES

NAMES = [*CASES, loops.CASE]


def sizes(text):
    return [int(float(part)) for part in text.split(",")]


def case_names(text, known=NAMES):
    names = text.split(",")
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(
            f"no case {', '.join(unknown)}; there are {', '.join(known)}"
        )
    return names


CPU_OPTIONS = {
    "--events": {
        "type": sizes,
        "default": [10_000, 100_000],
        "metavar": "N,N,...",
        "help": "numbers of events (default 10000,100000)",
    },
    "--cases": {
        "type": case_names,
        "default": NAMES,
        "metavar": "W1,W2,...",
        "help": f"some of {', '.join(NAMES)} (default all)",
    },
    "--rounds": {
        "type": int,
        "default": 11,
        "metavar": "N",
        "help": "timed runs of each peer (default 11)",
    },
    "--json": {"metavar": "FILE", "help": "write machine and times here"},
    "--plot": {"metavar": "FILE", "help": "write a PNG of the ratios here"},
}


def cpu(options):
    """Run what ``options`` ask for; the exit code."""
    rows = runner.run(
        [name for name in options.cases if name in CASES], options.events, options.rounds
    )
    if loops.CASE in options.cases:
        rows += runner.run_loops(options.events, options.rounds)
    print(report.table(rows))
    if options.json:
        report.write_json(options.json, rows, options.rounds)
    if options.plot:
        report.write_plot(options.plot, rows)
    return int(any(row.error for row in rows))


def jacobian(options):
    """Run eight derivatives at once; the exit code."""
    rows = runner.run_jacobian(options.events, options.rounds)
    print(report.table(rows))
    if options.json:
        report.write_json(options.json, rows, options.rounds)
    return int(any(row.error for row in rows))


def gpu(options):
    """Run the cases on a GPU; the exit code, 2 where there is none."""
    if what := on_gpu.why_not():
        print(on_gpu.REFUSED.format(what=what), file=sys.stderr)
        return 2
    clock = on_gpu.events_clock()
    rows = on_gpu.run(options.cases, options.elements, options.rounds, clock)
    print(report.table(rows, report.GPU_HEADER, report.gpu_cells))
    if options.json:
        versions = {name: report.package_version(name) for name in report.GPU_PACKAGES}
        report.write_json(
            options.json, rows, options.rounds, gpu=on_gpu.name_of_device(), **versions
        )
    if options.plot:
        report.write_plot(options.plot, rows, "time / time of the faster JAX", "elements")
    return int(any(row.error for row in rows))


GPU_OPTIONS = {
    "--elements": {
        "type": sizes,
        "default": [100_000, 1_000_000, 10_000_000],
        "metavar": "N,N,...",
        "help": "numbers of elements, in lists of four (default 1e5,1e6,1e7)",
    },
    "--cases": {
        "type": partial(case_names, known=tuple(on_gpu.CASES)),
        "default": list(on_gpu.CASES),
        "metavar": "W1,W2,...",
        "help": f"some of {', '.join(on_gpu.CASES)} (default all)",
    },
    **{name: CPU_OPTIONS[name] for name in ("--rounds", "--json", "--plot")},
}


def bridge(options):
    """Run compiled JAX code that calls dualak beside pure JAX; the exit code."""
    if options.synchronous:
        import jax

        jax.config.update("jax_cpu_enable_async_dispatch", False)
    from bench import jitted

    rows = runner.run_bridge(options.cases, options.events, options.elements, options.rounds)
    print(report.table(rows, report.JAX_HEADER))
    for name, reason in jitted.missing().items():
        print(f"without the transport {name}: {reason}")
    if options.json:
        report.write_json(options.json, rows, options.rounds)
    return int(any(row.error for row in rows))


#: Cases that are written by hand in JAX, too.
JAGGED = ("W1", "W2", "W4")

BRIDGE_OPTIONS = {
    "--events": CPU_OPTIONS["--events"],
    "--cases": {
        "type": partial(case_names, known=JAGGED),
        "default": list(JAGGED),
        "metavar": "W1,W2,W4",
        "help": f"some of {', '.join(JAGGED)} (default all)",
    },
    "--elements": {
        "type": sizes,
        "default": [10, 1_000, 100_000, 1_000_000],
        "metavar": "N,N,...",
        "help": "numbers in the arrays of single calls (default 10,1000,100000,1000000)",
    },
    "--synchronous": {
        "action": "store_true",
        "help": "let JAX run what it is given at once, which the transport pure needs",
    },
    "--rounds": CPU_OPTIONS["--rounds"],
    "--json": CPU_OPTIONS["--json"],
}

JACOBIAN_OPTIONS = {name: CPU_OPTIONS[name] for name in ("--events", "--rounds", "--json")}

# name: (what it does, its options, its function)
COMMANDS = {
    "cpu": ("time the cases on the processor; bridge and jacobian time others", CPU_OPTIONS, cpu),
    "bridge": ("time compiled JAX code with the bridge, beside JAX", BRIDGE_OPTIONS, bridge),
    "gpu": ("time the cases on a GPU, beside JAX", GPU_OPTIONS, gpu),
    "jacobian": ("time eight derivatives at once, beside JAX", JACOBIAN_OPTIONS, jacobian),
}


def main(argv=None):
    """Parse, run the command, give back its exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Benchmarks of dualak.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (what, options, function) in COMMANDS.items():
        command = commands.add_parser(name, help=what, description=what)
        command.set_defaults(function=function)
        for flag, settings in options.items():
            command.add_argument(flag, **settings)
    options = parser.parse_args(argv)
    return options.function(options)


if __name__ == "__main__":
    sys.exit(main())
