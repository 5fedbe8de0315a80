# A private Redis for one test run: own port, own directory, nothing kept, gone afterwards. Sourced, not run.
# shellcheck shell=bash

REDIS_DIR=
REDIS_JOB=

install_redis() {
  have apt-get || die "missing: redis-server; install it, or give --quick"
  apt_install_idle redis-server
}

# start_redis: exports ALKHUB_TEST_REDIS_URL.
start_redis() {
  local password port try began=$SECONDS
  have redis-server || die "Redis is not installed; install Debian's package redis-server, or give --quick"
  REDIS_DIR=$(mktemp -d /tmp/alkhub-redis.XXXXXX)
  password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  for try in 1 2 3 4 5; do
    port=$(free_port)
    # In a file: arguments are for everyone to see.
    cat >"$REDIS_DIR/redis.conf" <<CONF
bind 127.0.0.1
port $port
requirepass $password
save ""
appendonly no
dir $REDIS_DIR
CONF
    # Should this script be killed outright, the server goes with it.
    setpriv --pdeathsig TERM -- redis-server "$REDIS_DIR/redis.conf" >"$REDIS_DIR/server.log" 2>&1 </dev/null &
    REDIS_JOB=$!
    if redis_answers "$port" "$password"; then break; fi
    stop_redis_server
    ((try < 5)) || { cat "$REDIS_DIR/server.log" >&2; die "Redis did not start"; }
  done
  export ALKHUB_TEST_REDIS_URL="redis://:$password@127.0.0.1:$port"
  STEPS_SUMMARY+=("$(printf '%sok%s    %5ds  Private Redis' "$GREEN" "$PLAIN" "$((SECONDS - began))")")
  printf '%s on port %s\n' "$(redis-server --version | cut -d' ' -f1-3)" "$port"
}

redis_answers() {
  for _ in {1..150}; do
    kill -0 "$REDIS_JOB" 2>/dev/null || return 1
    if [[ $(REDISCLI_AUTH=$2 redis-cli -h 127.0.0.1 -p "$1" ping 2>/dev/null) == PONG ]]; then return 0; fi
    sleep 0.1
  done
  return 1
}

stop_redis_server() {
  [[ -n $REDIS_JOB ]] || return 0
  kill -KILL "$REDIS_JOB" 2>/dev/null || true
  wait "$REDIS_JOB" 2>/dev/null || true
  REDIS_JOB=
}

stop_redis() {
  stop_redis_server
  if [[ -n $REDIS_DIR ]]; then rm -rf -- "$REDIS_DIR"; fi
  REDIS_DIR=
}
