#!/usr/bin/env bash
# The shipped policy, from nothing: demonstrations, training, evaluation. Under an hour on two CPU cores.
# Interrupted runs continue where they stopped. Result: runs/small/policy, runs/small/evaluate.json
set -euo pipefail
cd "$(dirname "$0")/.."
dynarend="${VENV:-.venv}/bin/dynarend"
"$dynarend" collect --out data/val --episodes 12 --seed-start 50000
"$dynarend" collect --out data/train --episodes 150
resume=(); [ -d runs/small/state ] && resume=(--resume)
"$dynarend" finetune --data data/train --validation-data data/val --out runs/small --preset small \
  --time-limit-minutes "${MINUTES:-40}" --threads "${THREADS:-2}" --json runs/small/training.json "${resume[@]}"
"$dynarend" evaluate --policy runs/small/policy --episodes 25 --json runs/small/evaluate.json
