#!/usr/bin/env bash
# All work that needs a GPU, in less than nine minutes: the throughput of the loop, then the runs on real CelebA.
#
#     VAELIB_DATA=packed OUT=results bash release/gpu.sh
#
# VAELIB_DATA holds CelebA, in full or as release/pack_images.py packs it. Only the packages of pyproject.toml are needed.
# OUT gets at most eight files of at most 16 MB. NAME.tar for each of RUNS holds its small form, as release/ship.py makes
# it, with the metrics of `vaelib evaluate`. records.tar holds the throughput, the ablation, the small forms of RECORDS
# without their weights, and a log of everything. Packed images have 64 pixels, so celeba128 among the RECORDS needs the
# original CelebA.
# Every one of RUNS gets a pixel flow of DETAIL_STEPS steps, so that models with detail are compared fairly.
# Runs train at the same time, because a network of this size does not fill a large GPU.
# For CIFAR-10: DATASETS=cifar10 RUNS=cifar10 RECORDS= EPOCHS=60 ABLATION_EPOCHS=0.
set -uo pipefail
cd "$(dirname "$0")/.."
: "${VAELIB_DATA:?must name the folder with the data}" "${OUT:?must name the folder for the results}"
: "${RUNS:=celeba64 celeba64-ae celeba64-common-recipe celeba64-beta-0.1}"
: "${RECORDS=celeba64-beta-0.01}"
: "${DATASETS:=celeba}" "${EPOCHS:=80}" "${TRAINING_LIMIT:=330}" "${ABLATION_EPOCHS:=10}" "${ABLATION_LIMIT:=420}" "${DETAIL_STEPS:=9000}"
export VAELIB_DATA PYTHONPATH=. PYTHONUNBUFFERED=1 OMP_NUM_THREADS=2
PYTHON=${PYTHON:-python3}
work=$(mktemp -d)
mkdir -p "$OUT" "$work/records"

one() {  # train, evaluate and pack; further arguments are passed to release.ship
  local name=$1 run=$work/$1 place=$2
  shift 2
  timeout "$TRAINING_LIMIT" "$PYTHON" -m vaelib train "$name" --set epochs="$EPOCHS" --set detail_steps="$DETAIL_STEPS" --out "$run" &&
    "$PYTHON" -m vaelib evaluate "$run" &&
    "$PYTHON" -m release.ship "$run" "$place/$name" --note "The GPU trained other models at the same time." "$@"
}

{
  for name in $DATASETS; do
    "$PYTHON" -m vaelib prepare "$name"
    for compile in false true; do  # before the training runs, while the machine does nothing else
      "$PYTHON" -m benchmarks.throughput --experiment "${name/celeba/celeba64}" --dataset "$name" \
        --set compile="$compile" --batches 100 --rounds 3 \
        --output "$work/records/throughput-$name-compile-$compile.json"
    done
  done
  [[ " $RECORDS " == *128* ]] && "$PYTHON" -m vaelib prepare celeba --size 128
  for name in $RUNS; do
    { one "$name" "$work/small" && tar -cf "$OUT/$name.tar" -C "$work/small" "$name"; } > "$work/$name.log" 2>&1 &
  done
  for name in $RECORDS; do one "$name" "$work/records" --record-only > "$work/$name.log" 2>&1 & done
  if ((ABLATION_EPOCHS > 0)); then
    timeout "$ABLATION_LIMIT" "$PYTHON" -m benchmarks.ablation --epochs "$ABLATION_EPOCHS" --seeds 0 1 \
      --output "$work/records/ablation.json" > "$work/ablation.log" 2>&1 &
  fi
  wait
  tail -n 8 "$work"/*.log
} 2>&1 | tee "$work/records/log.txt"
tar -cf "$OUT/records.tar" -C "$work/records" .
rm -rf "$work"
