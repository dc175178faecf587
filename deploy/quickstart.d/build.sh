# Sourced by deploy/quickstart: the programs, from packages and source or from an existing build.

find_program() { # NAME: its path in the build folder
    local found
    found=$(find "$build" -name "$1" -type f -perm -u+x -print -quit 2>/dev/null)
    [ -n "$found" ] || fail "there is no $1 in $build: build it first"
    printf '%s\n' "$found"
}

# ninja's "[3/120] ..." lines as one line that moves, or a few lines where there is no terminal.
show_progress() {
    local line done total shown=-1
    while IFS= read -r line; do
        if [[ $line =~ ^\[([1-9][0-9]*)/([0-9]+)\] ]]; then
            done=${BASH_REMATCH[1]} total=${BASH_REMATCH[2]}
            if [ -t 1 ]; then
                printf '\r  compiled %d of %d ' "$done" "$total"
            elif [ $((done * 4 / total)) -gt "$shown" ]; then
                shown=$((done * 4 / total))
                printf '  compiled %d of %d\n' "$done" "$total"
            fi
        fi
    done
    [ ! -t 1 ] || printf '\r\033[K'
}

compile() {
    cmake -S "$source_dir" -B "$build" -G Ninja -DTRIB_TESTS=OFF >"$work/build.log" 2>&1 || return 1
    # through cmake, so that CMAKE_BUILD_PARALLEL_LEVEL may say how many compilers at once
    cmake --build "$build" 2>&1 | tee -a "$work/build.log" | show_progress
}

get_programs() {
    if [ -z "$given_build" ]; then
        tributary_install "$source_dir/deploy/packages/build.txt" \
            "$source_dir/deploy/packages/run.txt" || fail "packages are missing"
        say "building in $build (a few minutes the first time)"
        attend compile compile || {
            tail -n 15 "$work/build.log" >&2
            fail "building failed; everything it said is in $work/build.log"
        }
    fi
    tributary=$(find_program tributary)
    tributary_cloud=$(find_program tributary-cloud)
    tributary_edge=$(find_program tributary-edge)
    command -v mosquitto >/dev/null || fail "mosquitto is missing: apt-get install mosquitto"
}
