"""Two spectra of real events with derivatives by five nuisance parameters, and the fit of these.

``python -m dualak.demo`` reads muons chunk by chunk, fills histograms of the masses and momenta of
pairs, and differentiates each bin twice by all parameters in the same pass.  The histograms of the
chunks are added up; difference quotients must agree with the derivatives; pseudo-data are fitted by
the Taylor series of the bins, and a figure shows all of it.
"""
