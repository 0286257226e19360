"""From events to a fit: the mass of two muons, whose energy scale is a nuisance parameter."""

import sys

import awkward as ak
import hist
import numpy as np
import pyhf
import skhep_testdata
import uproot
from coffea import processor
from coffea.nanoevents import BaseSchema

import dualak.hist as dh

FILE = skhep_testdata.data_path("uproot-HZZ.root")
SIZE = 0.01  # one standard deviation of the energy scale


class DiMuons(processor.ProcessorABC):
    """Written once; the decorator gives each bin its derivative by the scale."""

    @dh.systematics({"scale": 0.0})
    def process(self, p, events):
        return {"mass": spectrum(p, events), "events": len(events)}

    def postprocess(self, accumulator):
        return accumulator


def spectrum(p, events):
    muons = ak.zip({name: events[f"Muon_{name}"] for name in ("Px", "Py", "Pz", "E")})
    opposite = (ak.num(muons) == 2) & (ak.sum(events.Muon_Charge, axis=1) == 0)
    pairs = muons[opposite]
    px, py, pz, energy = (ak.sum(pairs[name], axis=1) for name in ("Px", "Py", "Pz", "E"))
    mass = (1 + p["scale"]) * np.sqrt(energy**2 - px**2 - py**2 - pz**2)
    axis = hist.axis.Regular(12, 76, 106, name="mass")
    return dh.Histogram(axis, kernel=dh.Gaussian(1.5), smooth="both").fill(mass)


def main(executor, observed):
    runner = processor.Runner(executor=executor, schema=BaseSchema, chunksize=700)
    found = runner({"ZZ": {"files": {FILE: "events"}}}, processor_instance=DiMuons())
    spec = dh.to_pyhf(
        {"muons": {"ZZ": found["mass"]}},
        {"muons": observed},
        sizes={"scale": SIZE},
        factors={"ZZ": "mu"},
        staterror=False,
    )
    workspace = pyhf.Workspace(spec)
    fitted = pyhf.infer.mle.fit(workspace.data(model := workspace.model()), model)
    return found, dict(zip(model.config.par_order, np.asarray(fitted).tolist(), strict=True))


if __name__ == "__main__":
    shifted = spectrum({"scale": 0.004}, uproot.open(FILE)["events"].arrays()).values()
    name = sys.argv[1] if len(sys.argv) > 1 else "IterativeExecutor"
    print(main(getattr(processor, name)(), shifted)[1])
