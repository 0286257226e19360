#!/bin/sh
# The tests and benchmarks that need a GPU, on a bare machine, in under nine minutes:
#
#     sh bench/gpu.sh [WHEELS [RESULTS]]
#
# The Python in use ($PYTHON, or python3) has jax for CUDA, cupy and numba-cuda. WHEELS is a folder
# with wheels of what else is needed (awkward, awkward-cpp, fsspec, importlib-metadata, zipp,
# packaging, pytest, iniconfig, pluggy; vector and scipy add cases); without it these have to be
# there as well. RESULTS (bench/results) gets gpu.json, gpu.png, gpu-1e8.json and gpu-tests.txt.
# Exit code: 0 if all tests passed and every peer's answer was right.
set -u
cd "$(dirname "$0")/.."
wheels=${1:-}
results=${2:-bench/results}
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$results"

if [ -n "$wheels" ]; then
  "$python" -m venv --system-site-packages "$work/venv" || exit 2
  python=$work/venv/bin/python
  "$python" -m pip install -q --no-index --find-links "$wheels" awkward pytest || exit 2
  for extra in vector scipy matplotlib; do
    "$python" -m pip install -q --no-index --find-links "$wheels" "$extra" 2>/dev/null ||
      echo "without $extra"
  done
fi

export PYTHONPATH="$PWD" DUALAK_CACHE_DIR="$work/kernels" XLA_PYTHON_CLIENT_PREALLOCATE=false
"$python" -c 'from dualak import device; device.require_device(); device.require_numba_cuda()' ||
  exit 2

# Kernels compile on the host: four processes share the cases, the first has the other tests too.
shards=4
shard=0
while [ "$shard" -lt "$shards" ]; do
  only=
  [ "$shard" -gt 0 ] && only=test_the_device_gives_what_the_cpu_gives
  (
    DUALAK_SHARD=$shard/$shards timeout 230 "$python" -m pytest -q -m gpu -p no:cacheprovider \
      -k "$only" tests/executors/test_gpu.py >"$work/tests-$shard.txt" 2>&1
    echo "exit code $?" >>"$work/tests-$shard.txt"
  ) &
  shard=$((shard + 1))
done
wait
cat "$work"/tests-*.txt >"$results/gpu-tests.txt"
grep -E '^(FAILED|ERROR|[0-9]+ |=|exit code)' "$results/gpu-tests.txt"
code=0
[ "$(grep -c '^exit code 0$' "$results/gpu-tests.txt")" -eq "$shards" ] || code=1

timeout 210 "$python" -m bench gpu --rounds 7 --json "$results/gpu.json" \
  --plot "$results/gpu.png" || code=1
timeout 80 "$python" -m bench gpu --rounds 3 --cases W1,W2 --elements 1e8 \
  --json "$results/gpu-1e8.json" || code=1
exit "$code"
