package client

import (
	"cmp"
	"strconv"
	"time"
)

// RequestID is the job that this process works at, as its environment says it:
// STATUSD_REQUEST_ID, or the id of a scheduler's job: AWS_BATCH_JOB_ID, that of
// Slurm (of an array, <SLURM_ARRAY_JOB_ID>_<SLURM_ARRAY_TASK_ID>, or
// SLURM_JOB_ID), of SageMaker (TRAINING_JOB_NAME), of Ray
// (RAY_JOB_SUBMISSION_ID). It is empty if none says.
func RequestID(getenv func(string) string) string {
	array := ""
	if job, task := getenv("SLURM_ARRAY_JOB_ID"), getenv("SLURM_ARRAY_TASK_ID"); job != "" && task != "" {
		array = job + "_" + task
	}
	return cmp.Or(getenv("STATUSD_REQUEST_ID"), getenv("AWS_BATCH_JOB_ID"), array, getenv("SLURM_JOB_ID"),
		getenv("TRAINING_JOB_NAME"), getenv("RAY_JOB_SUBMISSION_ID"))
}

// Attempt is the number of this try at the job, as the environment says it:
// STATUSD_ATTEMPT; AWS_BATCH_JOB_ATTEMPT, which begins with 1; for a job of
// Slurm one more than SLURM_RESTART_COUNT, which is not there, or 0, the first
// time. Where nothing counts, as with Kubernetes, Ray and SageMaker, it is the
// time in epoch seconds, which grows as well.
//
// All tries at one job must be numbered in the same way: after one that was
// numbered by the time, the scheduler's second would be an old one.
func Attempt(getenv func(string) string, now time.Time) int64 {
	for _, name := range []string{"STATUSD_ATTEMPT", "AWS_BATCH_JOB_ATTEMPT"} {
		if n, err := strconv.ParseInt(getenv(name), 10, 64); err == nil && n > 0 && n <= mostNumber {
			return n
		}
	}
	if getenv("SLURM_JOB_ID") != "" {
		restarts, _ := strconv.ParseInt(getenv("SLURM_RESTART_COUNT"), 10, 64)
		return 1 + max(restarts, 0)
	}
	return now.Unix()
}
