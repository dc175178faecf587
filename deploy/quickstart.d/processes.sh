# Sourced by deploy/quickstart: starting processes and stopping exactly those.
#
# Each is a job in a process group of its own (set -m), so that stopping it stops what it started,
# and Ctrl-C reaches this script alone, which then stops them in order.

declare -A process_of=() # name -> process id, of what runs
started=()               # names, in the order of starting

start() { # NAME LOG COMMAND...
    local name=$1 log=$2
    shift 2
    set -m
    "$@" >>"$log" 2>&1 </dev/null 9>&- &
    set +m
    process_of[$name]=$!
    started+=("$name")
    printf '%s\n' "$!" >"$run/$name.pid"
}

# Waits for one command that shows its output here. Its exit status; 130 once we are to stop.
# `wait` is what a signal interrupts; a plain command would hold the signal back until its end.
attend() { # NAME COMMAND...
    local name=$1 result=0
    shift
    set -m
    "$@" </dev/null 9>&- &
    set +m
    process_of[$name]=$!
    started+=("$name")
    while kill -0 "${process_of[$name]}" 2>/dev/null; do
        check_alive "$name"
        sleep 0.2 &
        wait $! || true
    done
    wait "${process_of[$name]}" || result=$?
    unset "process_of[$name]"
    return "$result"
}

# A program that has ended although nobody stopped it ends the quickstart, with its last words.
check_alive() { # [NAME OF WHAT MAY END]
    local name
    for name in "${!process_of[@]}"; do
        if [ "$name" != "${1:-}" ] && ! kill -0 "${process_of[$name]}" 2>/dev/null; then
            unset "process_of[$name]"
            printf '\n' >&2
            tail -n 8 "$logs/$name.log" >&2
            fail "$name has ended by itself; everything it said is in $logs/$name.log"
        fi
    done
}

stop() { # NAME: asks, waits up to 10 s, then insists
    local pid=${process_of[$1]:-} tries
    [ -n "$pid" ] || return 0
    unset "process_of[$1]"
    rm -f "$run/$1.pid"
    kill -TERM -- "-$pid" 2>/dev/null || kill -TERM "$pid" 2>/dev/null || return 0
    for ((tries = 0; tries < 100; tries++)); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    say "$1 does not stop when asked: killing it"
    kill -KILL -- "-$pid" 2>/dev/null || true
}

# The last started first; gateways go together.
stop_all() {
    local i name pid
    for name in "${!process_of[@]}"; do
        case $name in
        broker | cloud | kafka | objects) ;;
        *) kill -TERM -- "-${process_of[$name]}" 2>/dev/null || true ;;
        esac
    done
    for ((i = ${#started[@]} - 1; i >= 0; i--)); do
        stop "${started[i]}"
    done
}

# What a quickstart that was killed outright could not stop. A number in a file may be another's by
# now: only a process that was started on this very folder is meant.
stop_leftovers() {
    local file pid name
    for file in "$run"/*.pid; do
        [ -e "$file" ] || continue
        pid=$(<"$file") name=$(basename "$file" .pid)
        rm -f "$file"
        if is_ours "$pid"; then
            say "stopping $name, left by an earlier run"
            process_of[$name]=$pid
            started+=("$name")
        fi
    done
    stop_all
    started=()
}

is_ours() { # PID
    [[ $1 =~ ^[0-9]+$ ]] && [ -r "/proc/$1/cmdline" ] &&
        tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null | grep -qF " $run/"
}

# A port on the loopback interface that nothing listens on, below those that the system hands out.
free_port() {
    local port tries
    for ((tries = 0; tries < 200; tries++)); do
        port=$((20000 + RANDOM % 12000))
        if ! listens "$port"; then
            printf '%s\n' "$port"
            return 0
        fi
    done
    fail "no free port between 20000 and 32000"
}

listens() { # PORT
    (exec 8<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

wait_until() { # SECONDS WHAT COMMAND...
    local tries=$(($1 * 5)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        check_alive
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || {
            tail -q -n 4 "$logs/broker.log" "$logs/cloud.log" >&2 || true
            fail "$what does not come up; see $logs"
        }
        sleep 0.2 &
        wait $! || true
    done
}
