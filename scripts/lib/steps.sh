# Steps with headings, timings and one summary at the end. Sourced, not run.
# shellcheck shell=bash

STEPS_BEGAN=$SECONDS
STEPS_SUMMARY=()
STEPS_FAILED=0
TESTS_PASSED=0
TESTS_FAILED=0
TESTS_SKIPPED=0
STEP_JOB=
JOB_STATUS=0

# A colour only where a person looks.
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  BOLD=$'\e[1m' RED=$'\e[31m' GREEN=$'\e[32m' PLAIN=$'\e[0m'
else
  BOLD='' RED='' GREEN='' PLAIN=''
fi

heading() {
  printf '\n%s==> %s%s\n' "$BOLD" "$1" "$PLAIN"
}

die() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit "${2:-1}"
}

have() {
  command -v "$1" >/dev/null 2>&1
}

# run_job COMMAND...: runs it in a process group of its own, so that a signal to this script can end all of it: bash
# would otherwise see the signal only after the command has ended by itself. Leaves the outcome in JOB_STATUS and always
# succeeds: behind `||` or `if`, bash would ignore `set -e` in the whole command.
run_job() {
  JOB_STATUS=0
  set -m
  "$@" </dev/null &
  STEP_JOB=$!
  set +m
  wait "$STEP_JOB" || JOB_STATUS=$?
  STEP_JOB=
}

# Ends what run_job started, if it still runs.
stop_job() {
  [[ -n $STEP_JOB ]] || return 0
  kill -TERM -- "-$STEP_JOB" 2>/dev/null || true
  for _ in {1..50}; do
    kill -0 -- "-$STEP_JOB" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL -- "-$STEP_JOB" 2>/dev/null || true
  STEP_JOB=
}

# step TITLE COMMAND...: runs the command under a heading and keeps its result, in JOB_STATUS and for the summary.
step() {
  local title=$1 began=$SECONDS
  shift
  heading "$title"
  run_job "$@"
  local took=$((SECONDS - began))
  if ((JOB_STATUS == 0)); then
    STEPS_SUMMARY+=("$(printf '%sok%s    %5ds  %s' "$GREEN" "$PLAIN" "$took" "$title")")
  else
    STEPS_SUMMARY+=("$(printf '%sFAIL%s  %5ds  %s (exit %d)' "$RED" "$PLAIN" "$took" "$title" "$JOB_STATUS")")
    STEPS_FAILED=$((STEPS_FAILED + 1))
  fi
}

# count_tests LOG: adds up the closing lines of nextest, cargo test and pytest.
count_tests() {
  local counts p f s
  [[ -f $1 ]] || return 0
  counts=$(sed 's/\x1b\[[0-9;]*m//g' "$1" | awk '
    function take(word,   i) {
      for (i = 2; i <= NF; i++) if ($i ~ "^" word) return $(i - 1) + 0
      return 0
    }
    /^ *Summary \[/            { p += take("passed"); f += take("failed") + take("timed"); s += take("skipped") }
    /^test result: /           { p += take("passed"); f += take("failed"); s += take("ignored") }
    /^=+ .*(passed|failed|error|skipped).* in [0-9.]+s/ { p += take("passed"); f += take("failed") + take("error"); s += take("skipped") }
    END                        { print p + 0, f + 0, s + 0 }')
  read -r p f s <<<"$counts"
  TESTS_PASSED=$((TESTS_PASSED + p)) TESTS_FAILED=$((TESTS_FAILED + f)) TESTS_SKIPPED=$((TESTS_SKIPPED + s))
}

summary() {
  heading "Summary ($((SECONDS - STEPS_BEGAN)) s)"
  printf '%s\n' "${STEPS_SUMMARY[@]}"
  # A step that broke before it counted a test must not read as a success.
  if ((STEPS_FAILED > 0 && TESTS_FAILED == 0)); then TESTS_FAILED=$STEPS_FAILED; fi
  printf '\n%d passed, %d failed, %d skipped\n' "$TESTS_PASSED" "$TESTS_FAILED" "$TESTS_SKIPPED"
}
