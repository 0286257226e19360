"""Functions that differentiated arrays are refused to, group by group, each with its reason.

A reason says why, and what to use instead.  A name that another module enters is not entered here.
"""

from __future__ import annotations

from dualak.functions.registry import refuse

_OUT = "it would take the numbers out and lose their tangents; return the array from the function"
_IN = "it makes an array of other data; make arrays outside, or use ak.zip, ak.concatenate"
_TEXT = "it is about strings or categories; give it their field alone"
_COMPLEX = "complex numbers are not differentiated; use products with np.cos and np.sin"
_STEPS = "it is defined for integers and booleans; use comparisons or ak.values_astype first"
_DATES = "it is about dates, which have no derivatives"
_IN_PLACE = "it writes into an array; use ak.where(condition, new, array) or np.concatenate"
_SETS = "which numbers are equal changes in jumps; use ak.sort"
_PIECES = "it calls a function piece by piece; use axis= of functions, np.select or ak.where"
_DECOMPOSED = (
    "its decomposition of a matrix has no rule; use np.linalg.inv, solve, det or norm, or give it "
    "a rule with dualak.custom_jvp"
)
_FITTED = "its roots or least squares have no rule; use np.linalg.solve, or dualak.custom_jvp"

#: Reasons, and the names they are about.
GROUPS: dict[str, str] = {
    _OUT: """
        ak.to_arrow ak.to_arrow_table ak.to_buffers ak.to_cudf ak.to_cupy ak.to_feather ak.to_jax
        ak.to_json ak.to_parquet ak.to_parquet_dataset ak.to_parquet_row_groups ak.to_raggedtensor
        ak.to_rdataframe ak.to_safetensors ak.to_tensorflow ak.to_torch
        np.save np.savetxt np.savez np.savez_compressed
    """,
    _IN: """
        ak.from_arrow ak.from_arrow_schema ak.from_avro_file ak.from_buffers ak.from_cudf
        ak.from_cupy ak.from_dlpack ak.from_feather ak.from_iter ak.from_jax ak.from_json
        ak.from_numpy ak.from_parquet ak.from_raggedtensor ak.from_rdataframe ak.from_safetensors
        ak.from_tensorflow ak.from_torch ak.metadata_from_parquet
    """,
    "it makes classes for records, not arrays": "ak.mixin_class ak.mixin_class_method",
    _TEXT: """
        ak.categories ak.from_categorical ak.strings_astype
        ak.str.capitalize ak.str.center ak.str.count_substring ak.str.count_substring_regex
        ak.str.ends_with ak.str.extract_regex ak.str.find_substring ak.str.find_substring_regex
        ak.str.index_in ak.str.is_alnum ak.str.is_alpha ak.str.is_ascii ak.str.is_decimal
        ak.str.is_digit ak.str.is_in ak.str.is_lower ak.str.is_numeric ak.str.is_printable
        ak.str.is_space ak.str.is_title ak.str.is_upper ak.str.join ak.str.join_element_wise
        ak.str.length ak.str.lower ak.str.lpad ak.str.ltrim ak.str.ltrim_whitespace
        ak.str.match_like ak.str.match_substring ak.str.match_substring_regex ak.str.repeat
        ak.str.replace_slice ak.str.replace_substring ak.str.replace_substring_regex ak.str.reverse
        ak.str.rpad ak.str.rtrim ak.str.rtrim_whitespace ak.str.slice ak.str.split_pattern
        ak.str.split_pattern_regex ak.str.split_whitespace ak.str.starts_with ak.str.swapcase
        ak.str.title ak.str.to_categorical ak.str.trim ak.str.trim_whitespace ak.str.upper
    """,
    _COMPLEX: """
        np.angle np.fft.fft np.fft.fft2 np.fft.fftn np.fft.hfft np.fft.ifft np.fft.ifft2
        np.fft.ifftn np.fft.ihfft np.fft.irfft np.fft.irfft2 np.fft.irfftn np.fft.rfft np.fft.rfft2
        np.fft.rfftn np.imag np.sort_complex
    """,
    _STEPS: """
        np.bitwise_and np.bitwise_count np.bitwise_or np.bitwise_xor np.gcd np.invert np.lcm
        np.left_shift np.right_shift np.packbits np.unpackbits np.ravel_multi_index
        np.unravel_index np.ix_
    """,
    _DATES: "np.busday_count np.busday_offset np.datetime_as_string np.is_busday np.isnat",
    _IN_PLACE: "np.copyto np.fill_diagonal np.place np.put np.put_along_axis np.putmask",
    _SETS: """
        np.intersect1d np.setdiff1d np.setxor1d np.union1d np.unique np.unique_all
        np.unique_counts np.unique_inverse np.unique_values
    """,
    "how much it cuts off changes in jumps; use a slice": "np.trim_zeros",
    "edges that move with the numbers make no histogram; use np.linspace": "np.histogram_bin_edges",
    _PIECES: "np.apply_along_axis np.apply_over_axes np.piecewise",
    _DECOMPOSED: """
        np.linalg.cholesky np.linalg.cond np.linalg.eig np.linalg.eigh np.linalg.eigvals
        np.linalg.eigvalsh np.linalg.pinv np.linalg.qr np.linalg.svd np.linalg.svdvals
        np.linalg.tensorinv np.linalg.tensorsolve
    """,
    _FITTED: "np.linalg.lstsq np.poly np.polydiv np.polyfit np.roots",
    "use scipy.special.i0, which has a rule": "np.i0",
    "use np.logspace of np.log10 of the limits": "np.geomspace",
    "numbers lie in no memory before they are computed": "np.may_share_memory np.shares_memory",
}


def register_all() -> None:
    """Enters the refusals into the registry."""
    for why, names in GROUPS.items():
        refuse(dict.fromkeys(names.split(), why))
