#!/usr/bin/env bash
# The shipped policy, from nothing: demonstrations and training in under an hour on two CPU cores, then evaluation.
# Interrupted runs continue where they stopped. Result: runs/small/policy, runs/small/evaluate.json
set -euo pipefail
cd "$(dirname "$0")/.."
dynarend="${VENV:-.venv}/bin/dynarend"
tasks=meat_off_grill,open_drawer,push_buttons,slide_block_to_color_target
"$dynarend" collect --tasks "$tasks" --out data/val --episodes 12 --seed-start 50000
"$dynarend" collect --tasks "$tasks" --out data/train --episodes 200
resume=(); [ -d runs/small/state ] && resume=(--resume)
"$dynarend" finetune --data data/train --validation-data data/val --out runs/small --preset small \
  --yaw-deg 20 --time-limit-minutes "${MINUTES:-50}" --threads "${THREADS:-1}" --json runs/small/training.json "${resume[@]}"
"$dynarend" evaluate --policy runs/small/policy --episodes 25 --json runs/small/evaluate.json
