#!/usr/bin/env bash
# The shipped policies pretrained and small, from nothing: demonstrations, pretraining and fine-tuning in an hour and a half
# on two CPU cores, then evaluation. Interrupted runs continue where they stopped.
# Results: runs/pretrained/policy, runs/small/policy, runs/small/evaluate.json
set -euo pipefail
cd "$(dirname "$0")/.."
dynarend="${VENV:-.venv}/bin/dynarend"
tasks=meat_off_grill,open_drawer,push_buttons,slide_block_to_color_target

train() { # verb, run, options
  local resume=()
  [ -d "runs/$2/state" ] && resume=(--resume)
  "$dynarend" "$1" --out "runs/$2" --preset small --yaw-deg 20 --steps 2400 --threads "${THREADS:-1}" \
    --json "runs/$2/training.json" "${@:3}" "${resume[@]}"
}

"$dynarend" collect --tasks "$tasks" --out data/pretraining --episodes 110 --target-views 4
train pretrain pretrained --data data/pretraining --batch-size 8
"$dynarend" collect --tasks "$tasks" --out data/val --episodes 12 --seed-start 50000
"$dynarend" collect --tasks "$tasks" --out data/train --episodes 200
train finetune small --data data/train --validation-data data/val --from runs/pretrained/policy
"$dynarend" evaluate --policy runs/small/policy --episodes 25 --json runs/small/evaluate.json
