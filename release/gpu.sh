#!/usr/bin/env bash
# All work that needs a GPU, in less than ten minutes: the throughput of the loop, then the runs on real CelebA.
#
#     VAELIB_DATA=packed OUT=results bash release/gpu.sh
#     OUT=results bash release/gpu.sh --tiny      a rehearsal on a CPU: every stage on drawn faces, in some minutes
#
# VAELIB_DATA holds CelebA, in full or as release/pack_images.py packs it. Only the packages of pyproject.toml are needed.
# OUT gets at most eight files of at most 16 MB. NAME.tar for each of RUNS holds its small form, as release/ship.py makes
# it, with the metrics of `vaelib evaluate`. records.tar holds the throughput, the ablation, the small forms of RECORDS
# without their weights, and a log of everything. It is written after each stage, so that what is measured is kept if the
# time ends. Packed images have 64 pixels, so celeba128 among the RECORDS needs the original CelebA.
# An entry of RUNS or RECORDS is an experiment, or one with changed settings: celeba64+ema=0.999+epochs=300. SETTINGS are
# changed in all of them.
# Every one of RUNS gets a pixel flow of DETAIL_STEPS steps, so that models with detail are compared fairly.
# Runs train at the same time, because a network of this size does not fill a large GPU.
# For CIFAR-10: DATASETS=cifar10 RUNS=cifar10 RECORDS= EPOCHS=60 ABLATION_EPOCHS=0.
set -uo pipefail
if [[ ${1-} == --tiny ]]; then
  : "${DATASETS=faces}" "${RUNS=faces32}" "${RECORDS=faces32+ema=0.9}" "${EPOCHS:=1}" "${DETAIL_STEPS:=2}"
  : "${BATCH_SIZES:=16}" "${BATCHES:=2}" "${ROUNDS:=1}" "${COMPILE:=false}" "${ABLATION_EPOCHS:=0}"
  export ACCELERATE_USE_CPU=true
elif [[ $# -gt 0 ]]; then
  echo "gpu.sh knows one option, --tiny, and not $1." >&2
  exit 2
fi
: "${OUT:?must name the folder for the results}"
[[ ${1-} == --tiny ]] || : "${VAELIB_DATA:?must name the folder with the data}"
: "${RUNS=celeba64 celeba64-ae celeba64-common-recipe celeba64-beta-0.1}"
: "${RECORDS=celeba64-beta-0.01 celeba64+ema=0.999}"
: "${DATASETS=celeba}" "${SETTINGS=}" "${EPOCHS:=80}" "${TRAINING_LIMIT:=330}" "${DETAIL_STEPS:=9000}"
: "${BATCH_SIZES:=128 512 2048}" "${BATCHES:=20}" "${ROUNDS:=3}" "${COMPILE:=false true}"
: "${ABLATION_EPOCHS:=10}" "${ABLATION_LIMIT:=420}"
PYTHON=$(command -v "${PYTHON:-python3}") || { echo "There is no ${PYTHON:-python3}: set PYTHON." >&2; exit 2; }
mkdir -p "$OUT" && OUT=$(cd "$OUT" && pwd) || exit 2
cd "$(dirname "$0")/.."
export PYTHONPATH=. PYTHONUNBUFFERED=1 OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/records"

throughput() {  # before the training runs, while the machine does nothing else
  local experiment=$1 dataset=$2 size compile
  for size in $BATCH_SIZES; do
    for compile in $COMPILE; do
      "$PYTHON" -m benchmarks.throughput --experiment "$experiment" --dataset "$dataset" --set batch_size="$size" \
        --set compile="$compile" --batches "$BATCHES" --rounds "$ROUNDS" \
        --output "$work/records/throughput-$dataset-$size-compile-$compile.json" || return
    done
  done
}

one() {  # train, evaluate and pack; further arguments are passed to release.ship
  local entry=$1 place=$2 run=$work/$1 setting changed=()
  shift 2
  for setting in epochs="$EPOCHS" detail_steps="$DETAIL_STEPS" ${entry//+/ } $SETTINGS; do
    [[ $setting != *=* ]] || changed+=(--set "$setting")  # the experiment's name is none
  done
  timeout "$TRAINING_LIMIT" "$PYTHON" -m vaelib train "${entry%%+*}" "${changed[@]}" --out "$run" &&
    "$PYTHON" -m vaelib evaluate "$run" &&
    "$PYTHON" -m release.ship "$run" "$place/$entry" --note "The GPU trained other models at the same time." "$@"
}

keep_records() {
  tar -cf "$work/records.tar" -C "$work/records" . && mv "$work/records.tar" "$OUT/records.tar"
}

of_datasets() {
  local name experiment failed=0
  for name in $DATASETS; do
    case $name in celeba) experiment=celeba64 ;; faces) experiment=faces32 ;; *) experiment=$name ;; esac
    "$PYTHON" -m vaelib prepare "$name" && throughput "$experiment" "$name" || failed=1
  done
  return $failed
}

of_runs() {
  local entry job jobs=() failed=0
  [[ " $RECORDS " != *128* ]] || "$PYTHON" -m vaelib prepare celeba --size 128
  for entry in $RUNS; do
    { one "$entry" "$work/small" && tar -cf "$OUT/$entry.tar" -C "$work/small" "$entry"; } > "$work/$entry.log" 2>&1 &
    jobs+=($!)
  done
  for entry in $RECORDS; do
    one "$entry" "$work/records" --record-only > "$work/$entry.log" 2>&1 &
    jobs+=($!)
  done
  if ((ABLATION_EPOCHS > 0)); then
    timeout "$ABLATION_LIMIT" "$PYTHON" -m benchmarks.ablation --epochs "$ABLATION_EPOCHS" --seeds 0 1 \
      --output "$work/records/ablation.json" > "$work/ablation.log" 2>&1 &
    jobs+=($!)
  fi
  for job in "${jobs[@]}"; do wait "$job" || failed=1; done
  tail -n 8 "$work"/*.log
  return $failed
}

failed=0
for stage in of_datasets of_runs; do
  "$stage" 2>&1 | tee -a "$work/records/log.txt" || failed=1
  keep_records || failed=1
done
exit $failed
