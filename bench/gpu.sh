#!/bin/sh
# What needs a GPU, on a bare machine, in under eight minutes, the cheapest first:
#
#     sh bench/gpu.sh [BUNDLE [RESULTS]]
#
# The Python in use ($PYTHON, or python3) has jax for CUDA, cupy, numba-cuda and pytest. BUNDLE is
# what `make gpu-bundle` made (build/gpu): wheels of what else is needed, and NVVM. Each stage has a
# limit of its own and writes RESULTS/gpu-STAGE.txt as it goes (RESULTS is bench/results); those of
# the benchmark write JSON. STAGES="contact some" runs these alone.
# Exit code: 0 if all was right, 2 if the first contact failed, then nothing else is tried.
set -u
cd "$(dirname "$0")/.."
bundle=${1:-}
results=${2:-bench/results}
python=${PYTHON:-python3}
stages=${STAGES:-contact some first all whole bridge rest}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$results"

# A virtual environment made from another one sees nothing of it, so that packages go to a folder.
if [ -n "$bundle" ]; then
  "$python" -m pip install -q --no-index --no-deps --no-compile --disable-pip-version-check \
    --target "$work/site" "$bundle"/wheels/*.whl || exit 2
  if [ -e "$bundle/nvvm.zip" ] && [ ! -d "${CUDA_HOME:-/usr/local/cuda}/nvvm/lib64" ]; then
    "$python" -m zipfile -e "$bundle/nvvm.zip" "$work/cuda" || exit 2
    export CUDA_HOME="$work/cuda"
  fi
fi
export PYTHONPATH="$PWD:$work/site${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
export DUALAK_CACHE_DIR="$work/kernels" XLA_PYTHON_CLIENT_PREALLOCATE=false
code=0

# stage NAME SECONDS COMMAND...: what it prints goes to a file at once, its end to the screen.
stage() {
  name=$1 seconds=$2
  shift 2
  case " $stages " in *" $name "*) ;; *) return 0 ;; esac
  began=$(date +%s)
  timeout -k 5 "$seconds" "$@" >"$results/gpu-$name.txt" 2>&1
  came=$?
  echo "exit code $came after $(($(date +%s) - began)) s" >>"$results/gpu-$name.txt"
  echo "== $name"
  grep -E '^(FAILED|ERROR|E  )' "$results/gpu-$name.txt" | head -20
  tail -n 12 "$results/gpu-$name.txt"
  [ "$came" -eq 0 ] || code=1
  return "$came"
}

# Tests of a selection, in a share of the cases such as 0/4.
tests() {
  echo "DUALAK_SHARD=$1 '$python' -m pytest -q -m gpu -p no:cacheprovider -k '$2' \
    tests/executors/test_gpu.py"
}

cases=test_the_device_gives_what_the_cpu_gives
of_jax="bridge or jax or libraries"
bench() { # WHAT ROUNDS CASES ELEMENTS
  echo "'$python' -m bench gpu --rounds $2 --cases $3 --elements $4 --json '$results/gpu-$1.json'"
}

# Kernels compile on the host: four processes share the cases.
shards=
for shard in 0 1 2 3; do
  shards="$shards $(tests "$shard/4" "$cases") & p$shard=\$!;"
done
shards="$shards all=0; for p in \$p0 \$p1 \$p2 \$p3; do wait \$p || all=1; done; exit \$all"

stage contact 40 "$python" -m bench.contact || exit 2
stage some 60 sh -c "$(tests 0/12 "$cases")"
stage first 60 sh -c "$(bench first 3 W1,W2 1e6)"
stage all 120 sh -c "$shards"
stage whole 100 sh -c "$(bench whole 7 W1,W2,W4,W5 1e5,1e6,1e7)"
stage bridge 30 sh -c "$(tests 0/1 "$of_jax")"
stage rest 60 sh -c "$(tests 0/1 "not $cases and not ($of_jax)")"
exit "$code"
