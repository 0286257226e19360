"""``python -m tests.hist.fit_job EXECUTOR``: the example's fit, and one of the function itself."""

from __future__ import annotations

import importlib.util
import json
import sys

import numpy as np
import uproot
from coffea import processor
from scipy.optimize import minimize

from tests.support import ROOT


def example():
    path = ROOT / "docs" / "examples" / "dimuons.py"
    found = importlib.util.spec_from_file_location("dimuons", path)
    module = importlib.util.module_from_spec(found)
    sys.modules["dimuons"] = module
    found.loader.exec_module(module)
    return module


def main(name):
    sys.path.insert(0, str(ROOT / "docs" / "examples"))
    dimuons = example()
    events = uproot.open(dimuons.FILE)["events"].arrays()
    observed = dimuons.spectrum({"scale": 0.004}, events).values()
    if name == "DaskExecutor":
        from distributed import Client, LocalCluster

        with (
            LocalCluster(n_workers=2, dashboard_address=":0") as cluster,
            Client(cluster) as client,
        ):
            client.run(sys.path.insert, 0, str(ROOT / "docs" / "examples"))
            executor = processor.DaskExecutor(client=client, status=False)
            found, linear = dimuons.main(executor, observed)
    else:
        found, linear = dimuons.main(getattr(processor, name)(status=False), observed)
    whole = dimuons.DiMuons().process(events)
    np.testing.assert_allclose(found["mass"].gradient(), whole["mass"].gradient(), rtol=1e-10)
    assert found["events"] == whole["events"] == len(events)

    def likelihood(point):
        pull, mu = point
        rate = mu * dimuons.spectrum({"scale": pull * dimuons.SIZE}, events).values()
        return np.sum(rate - observed * np.log(rate)) + 0.5 * pull**2

    best = minimize(likelihood, [0.0, 1.0], method="Nelder-Mead", options={"xatol": 1e-5})
    full = dict(zip(("scale", "mu"), best.x.tolist(), strict=True))
    sys.stdout.write(json.dumps([linear, full]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
