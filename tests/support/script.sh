# Sourced by tests that are scripts: a folder that goes away, processes that are stopped, and checks
# that say what differed. TRIB_SOURCE is the source tree.

folder=$(mktemp -d)
background=()
export PATH=$PATH:/usr/sbin

script_ends() {
    local pid
    for pid in "${background[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$folder"
}
trap script_ends EXIT

skip() { # WHY
    echo "skipped: $*"
    exit 77
}

broken() { # WHAT
    echo "FAILED: $*" >&2
    exit 1
}

checks=0
finished() {
    [ "$checks" -gt 0 ] || broken "nothing was checked"
    echo "$checks checks passed"
}

in_background() { # COMMAND...
    "$@" >"$folder/background.${#background[@]}" 2>&1 &
    background+=($!)
}

until_true() { # COMMAND...: within ten seconds
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    cat "$folder"/background.* >&2
    broken "never true: $*"
}

says() { # PATTERN COMMAND...: succeeds, and its output matches
    local pattern=$1 output
    shift
    output=$("$@" 2>&1) || broken "$* failed: $output"
    grep -qE -- "$pattern" <<<"$output" || broken "$* does not say '$pattern' but: $output"
    checks=$((checks + 1))
}

refused() { # PATTERN COMMAND...: fails, and says why
    local pattern=$1 output
    shift
    ! output=$("$@" 2>&1) || broken "$* should have been refused: $output"
    grep -qE -- "$pattern" <<<"$output" || broken "$* is refused, but with: $output"
    checks=$((checks + 1))
}

equals() { # WANTED FOUND WHAT
    [ "$1" == "$2" ] || broken "$3: expected '$1', found '$2'"
    checks=$((checks + 1))
}

free_port() {
    local port
    while true; do
        port=$((20000 + RANDOM % 12000))
        (exec 8<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}
