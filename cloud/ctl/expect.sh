# Sourced by tests of the command line, which are called with TRIBUTARY EXAMPLES: a folder of their own
# that goes away, and what the program must say. Words are patterns, unless words_are is -F.
tributary=$1
examples=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
test_name=$(basename "$0" .sh)
cd "$folder"

fail() {
    echo "$test_name: $1" >&2
    exit 1
}
expect() { # expect CODE WORDS COMMAND...: the exit code, and words somewhere in what it says
    code=$1
    words=$2
    shift 2
    set +e
    "$tributary" "$@" >said 2>&1
    got=$?
    set -e
    [ "$got" -eq "$code" ] || { cat said; fail "'$*' gave $got, not $code"; }
    [ -z "$words" ] || grep -q ${words_are:-} -- "$words" said || { cat said; fail "'$*' does not say '$words'"; }
}
