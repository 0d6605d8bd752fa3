#!/usr/bin/env bash
# What wants a GPU, in one go of less than nine minutes: the throughput of the loop, then the runs on real CelebA.
#
#     VAELIB_DATA=packed OUT=results bash benchmarks/gpu.sh
#
# VAELIB_DATA holds CelebA, in full or as benchmarks/pack_images.py packs it; nothing needs to be installed beyond the
# packages of pyproject.toml. OUT gets throughput-DATASET.json, a log of everything, and NAME.tar for each run: its
# small form as benchmarks/ship.py makes it. Runs train side by side: a network of this size does not fill a large GPU.
# For CIFAR-10: DATASETS=cifar10 RUNS="cifar10 cifar10-ae" EPOCHS=60.
set -uo pipefail
cd "$(dirname "$0")/.."
: "${VAELIB_DATA:?must name the folder with the data}" "${OUT:?must name the folder for the results}"
: "${RUNS:=celeba64-large celeba64 celeba64-ae celeba64-common-recipe celeba64-beta-0.1 celeba64-beta-0.01}"
: "${DATASETS:=celeba}" "${EPOCHS:=80}" "${TRAINING_LIMIT:=400}"
export VAELIB_DATA PYTHONPATH=. PYTHONUNBUFFERED=1 OMP_NUM_THREADS=2
PYTHON=${PYTHON:-python3}
work=$(mktemp -d)
mkdir -p "$OUT"

one() {  # train and pack
  local name=$1 run=$work/$1
  timeout "$TRAINING_LIMIT" "$PYTHON" -m vaelib train "$name" --set epochs="$EPOCHS" --out "$run" &&
    "$PYTHON" benchmarks/ship.py "$run" "$work/small/$name" && tar -cf "$OUT/$name.tar" -C "$work/small" "$name"
}

{
  for name in $DATASETS; do
    "$PYTHON" -m vaelib prepare "$name"
    "$PYTHON" benchmarks/throughput.py --experiment "${name/celeba/celeba64}" --dataset "$name" --batches 100 --rounds 5 \
      --output "$OUT/throughput-$name.json"
  done
  for name in $RUNS; do one "$name" > "$work/$name.log" 2>&1 & done
  wait
  tail -n 8 "$work"/*.log
} 2>&1 | tee "$OUT/log.txt"
rm -rf "$work"
