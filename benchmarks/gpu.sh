#!/usr/bin/env bash
# For whoever has an NVIDIA GPU: the GPU tests, then what gpu.py measures, as it is and as on a T4.
# It takes at most 20 minutes, asks no network, and appends a section for RESULTS.md to FILE.
#
#     python -m pip install -e ".[test]" accelerate
#     benchmarks/gpu.sh [--out FILE] [--data DIR]
#
# In a cell of Colab, with a GPU under "Runtime, Change runtime type":
#
#     !git clone --depth 1 URL sklearn-bert
#     !cd sklearn-bert && pip install -q -e ".[test]" accelerate && bash benchmarks/gpu.sh
set -euo pipefail
options=()
while (($#)); do
    case $1 in
        --out | --data) options+=("$1" "$(realpath -m "$2")") && shift 2 ;;
        *) echo "usage: benchmarks/gpu.sh [--out FILE] [--data DIR]" >&2 && exit 2 ;;
    esac
done
cd "$(dirname "$0")/.."
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=true
export CUDA_VISIBLE_DEVICES=${CUDA_VISIBLE_DEVICES:-0} # the Trainer would use all of them
CUDA_VISIBLE_DEVICES=${CUDA_VISIBLE_DEVICES%%,*}
python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' || {
    echo "torch has no CUDA device here: it needs an NVIDIA GPU and a build of torch for CUDA" >&2
    exit 1
}
nvidia-smi >&2 || true

failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
timeout 240 python -m pytest -q -n 0 -p no:cacheprovider -m gpu 2>&1 | tee "$log" >&2 || failed=1
note="\`pytest -m gpu\`: $(tail -n 1 "$log")"
measure() { # for so many seconds, the last one at the latest
    timeout "$1" python benchmarks/gpu.py --minutes $(($1 / 60 - 1)) "${@:2}" "${options[@]}"
}
if python -c 'import sys, torch; sys.exit(torch.cuda.get_device_capability() < (8, 0))'; then
    measure 540 --note "$note" || failed=1
    # A T4 has no TF32, either; cuBLAS reads this when it starts.
    NVIDIA_TF32_OVERRIDE=0 measure 420 --as-t4 || failed=1
else
    measure 960 --note "$note" || failed=1
fi
exit $failed
