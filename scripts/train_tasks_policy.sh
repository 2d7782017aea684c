#!/usr/bin/env bash
# The policy of all eighteen tasks, from the shipped four-task policy: demonstrations, more of them for the seven tasks that
# are learned last, training in two runs (the second dwells on what the first gets wrong), evaluation. About four hours on
# two CPU cores. Interrupted runs continue where they stopped. Result: runs/tasks/second/policy, runs/tasks/evaluate.json
set -euo pipefail
cd "$(dirname "$0")/.."
dynarend="${VENV:-.venv}/bin/dynarend"
"$dynarend" collect --out data/tasks --episodes 80
"$dynarend" collect --out data/tasks --episodes 200 --tasks "insert_onto_square_peg,light_bulb_in,\
place_wine_at_rack_location,reach_and_drag,stack_cups,sweep_to_dustpan_of_size,turn_tap"
train() {  # run, what it starts from, steps, minutes, further options
  local resume=(); [ -d "runs/tasks/$1/state" ] && resume=(--resume)
  "$dynarend" finetune --data data/tasks --out "runs/tasks/$1" --preset tasks --from "$2" --steps "$3" \
    --time-limit-minutes "$4" --yaw-deg 20 --naming --workers 1 --threads "${THREADS:-1}" --json "runs/tasks/$1.json" "${resume[@]}" "${@:5}"
}
train first models/policies/small 12000 "${FIRST_MINUTES:-90}"
train second runs/tasks/first/policy 12000 "${SECOND_MINUTES:-90}" --focus
"$dynarend" evaluate --policy runs/tasks/second/policy --suite rlbench18 --episodes 25 --json runs/tasks/evaluate.json
