#!/usr/bin/env bash
# The shipped policies small and pretrained, from nothing, in three hours on two CPU cores: demonstrations, a short
# pretraining, fine-tuning from it, evaluation; then a longer pretraining, to look at what it foresees and to start from.
# Interrupted runs continue where they stopped. Results: runs/small/policy, runs/small/evaluate.json, runs/pretrained/policy
set -euo pipefail
cd "$(dirname "$0")/.."
dynarend="${VENV:-.venv}/bin/dynarend"
tasks=meat_off_grill,open_drawer,push_buttons,slide_block_to_color_target

train() { # verb, run, steps, options
  local resume=()
  [ -d "runs/$2/state" ] && resume=(--resume)
  "$dynarend" "$1" --out "runs/$2" --preset small --yaw-deg 20 --steps "$3" --threads "${THREADS:-1}" \
    --json "runs/$2/training.json" "${@:4}" "${resume[@]}"
}

"$dynarend" collect --tasks "$tasks" --out data/pretraining --episodes 110 --target-views 4
train pretrain pretrained_briefly 2400 --data data/pretraining --batch-size 8
"$dynarend" collect --tasks "$tasks" --out data/val --episodes 12 --seed-start 50000
"$dynarend" collect --tasks "$tasks" --out data/train --episodes 200
train finetune small 2400 --data data/train --validation-data data/val --from runs/pretrained_briefly/policy
"$dynarend" evaluate --policy runs/small/policy --episodes 25 --json runs/small/evaluate.json
train pretrain pretrained 8000 --data data/pretraining --batch-size 8
