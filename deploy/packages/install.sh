# Sourced by deploy/quickstart and tests/run: installs the packages of lists, those missing only.
#
#     tributary_install LIST.txt...
#
# Says what it does on standard output. Fails with advice when it may not install.

tributary_missing_packages() { # LIST.txt...
    local package
    sed -e 's/#.*//' "$@" | tr -s '[:space:]' '\n' | sort -u | while read -r package; do
        [ -z "$package" ] && continue
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
            printf '%s\n' "$package"
    done
}

tributary_install() { # LIST.txt...
    local missing=() log result=0
    mapfile -t missing < <(tributary_missing_packages "$@")
    [ "${#missing[@]}" -eq 0 ] && return 0
    if ! command -v apt-get >/dev/null; then
        echo "these packages are missing, and there is no apt-get here: ${missing[*]}" >&2
        return 1
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        echo "run this as root, or install first: apt-get install ${missing[*]}" >&2
        return 1
    fi
    echo "installing ${#missing[@]} packages: ${missing[*]}"
    log=$(mktemp)
    tributary_apt "$log" "${missing[@]}" || result=$?
    if [ "$result" -ne 0 ] && [ "$result" -ne 130 ]; then
        tail -n 20 "$log" >&2
        echo "installing failed; try it by hand: apt-get install ${missing[*]}" >&2
    fi
    rm -f "$log"
    return "$result"
}

# In a process of its own, so that what it puts down for the time is taken away however it ends.
# Freshly installed, the broker's package would start one on the default port: Debian's service
# scripts ask policy-rc.d first.
tributary_apt() ( # LOG PACKAGE...
    log=$1
    shift
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get
        -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 -y -qq --no-install-recommends)
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        trap '"${as_root[@]}" rm -f $policy' EXIT
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
        "${as_root[@]}" chmod 755 $policy
    fi
    # The lists have a lock of their own, which apt-get does not wait for.
    for attempt in $(seq 60); do
        "${apt[@]}" update >"$log" 2>&1 && break
        grep -q 'Could not get lock' "$log" || break # offline lists may still do
        [ "$attempt" -eq 1 ] && echo "waiting for another apt to finish"
        sleep 5
    done
    # Ctrl-C may end the downloading ...
    "${apt[@]}" install --download-only "$@" >>"$log" 2>&1 || true # installing says why
    # ... but not what follows: packages torn in the middle would be in everybody's way.
    tributary_unbroken "${apt[@]}" install "$@" && exit 0
    grep -q 'dpkg was interrupted' "$log" || exit 1
    tributary_unbroken "${as_root[@]}" dpkg --configure -a # somebody else's Ctrl-C
    tributary_unbroken "${apt[@]}" install "$@"
)

# A command that Ctrl-C does not reach, in a process group of its own. If it was pressed, 130 once
# the command has ended.
tributary_unbroken() { # COMMAND...; appends to $log
    local pid result=0 pressed=
    trap 'pressed=yes; echo "finishing the packages at hand first"' INT TERM HUP
    set -m
    "$@" </dev/null >>"$log" 2>&1 &
    set +m
    pid=$!
    while true; do # a signal ends the waiting, not the command
        wait "$pid" && result=0 || result=$?
        kill -0 "$pid" 2>/dev/null || break
    done
    trap - INT TERM HUP
    [ -z "$pressed" ] || exit 130
    return "$result"
}
