#!/bin/bash
# Trains a study with a Slurm job array, without a Ray cluster: the store is the queue of trials.
#
#   sbatch --array=0-7 --gres=gpu:1 docker/slurm.sh my.yaml --store /shared/store --data /shared/data
#
# Each task of the array trains the trials that no other task trains or has finished. A task that
# comes near its time limit, or is preempted, saves its trials and is put into the queue again. The
# task that ends last writes the report.
#SBATCH --job-name=catsweep
#SBATCH --cpus-per-task=4
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append

unfinished=75 # The exit code of a run that ended before its trials did.
most_restarts=100

catsweep run "$@" --no-wait &
run=$!
trap 'kill -s USR1 "$run" 2>/dev/null' USR1 TERM
wait "$run"
code=$?
while kill -s 0 "$run" 2>/dev/null; do # A signal ends `wait`, not the run.
  wait "$run"
  code=$?
done

if [ "$code" = "$unfinished" ] && [ "${SLURM_RESTART_COUNT:-0}" -lt "$most_restarts" ]; then
  # The job of an array's last task has the number of the whole array.
  scontrol requeue "${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}"
fi
exit "$code"
