#!/usr/bin/python3
"""Checks of the source that a compiler does not make. Prints each breach; exit status 1 if any.

    source.py SOURCE [arrows|lengths|calls|headers|limits]...      all, if none is named

arrows   includes run from the root; a room uses only rooms above it in its CMakeLists.txt; edge and
         cloud never meet; each foreign library has one room
lengths  files over 800 lines, functions over 70: none beyond tests/tidy/long.txt, which only shrinks
calls    functions that cannot be used safely, and goto
headers  each public header says first what it is for, and of what it declares: who may call it from
         which threads, what fails, who owns what is handed over
limits   every ceiling in the code (an enumerator or define that says so in its name) stands in
         docs/limits.md, by its name or by its file's
"""
import pathlib
import re
import subprocess
import sys

FILE_LINES, FUNCTION_LINES, FUNCTION_P95 = 800, 70, 50

# What a header of a room above may be used for although its room stands below, and why.
EXCEPTIONS = {
    # The federation document embeds where its rows come from; the file is a struct and no code.
    ("common/federation", "common/recording/source_spec.h"),
}
# Which room alone may include a library's headers.
OWNERS = {
    r"mbedtls/|psa/": ("common/crypto",),
    # What S3, Azure and Google want digested and signed is nothing that Tributary itself relies on.
    r"openssl/": ("common/crypto", "cloud/object"),
    r"expat\.h": ("cloud/object",),
    r"zlib\.h": ("cloud/archive",),
    r"MQTTAsync\.h|MQTTClient\.h": ("common/mqtt",),
    r"sqlite3\.h": ("common/database",),
    r"yaml\.h": ("common/config",),
    r"cblas\.h|openblas": ("common/tensor",),
    r"curl/": ("cloud/ctl", "cloud/object"),
    r"microhttpd\.h": ("cloud/api",),
    r"kiss_fft|kiss_fftr": ("common/signal",),
    r"librdkafka/": ("edge/source", "cloud/bridge"),
}
# Firmware's rooms: nothing of an operating system in them, test or not.
PORTABLE = ("common/signal", "common/nn", "common/update", "common/fold", "common/wire", "common/round")
SYSTEM = re.compile(r"<(unistd|pthread|fcntl|dirent|poll|signal|sys/.*|netinet/.*|arpa/.*)\.h>")
CALLS = re.compile(r"\b(strcpy|strcat|strncpy|strncat|sprintf|vsprintf|gets|alloca|strtok|atoi|atol|"
                   r"atof|scanf|sscanf|fscanf|tmpnam|mktemp|system|popen)\s*\(|\b(goto)\b")
COMMENT_OR_TEXT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def sources(root):
    for part in ("common", "edge", "cloud", "firmware", "tests"):
        for path in sorted((root / part).rglob("*.[ch]")):
            yield path, path.relative_to(root).as_posix()


def is_test(name):
    return name.startswith("tests/") or name.endswith("_test.c")


def room_of(name):
    return "/".join(name.split("/")[:2])


def room_order(root):
    """The rooms of each part, in the order that its CMakeLists.txt gives."""
    order = {}
    for part in ("common", "edge", "cloud"):
        path = root / part / "CMakeLists.txt"
        listed = re.search(r"foreach\(room\s+([^)]*)\)", path.read_text()) if path.exists() else None
        for place, room in enumerate(listed.group(1).split() if listed else ()):
            order[f"{part}/{room}"] = place
    return order


def without_comments(text):
    """Comments and literals become blanks; lines stay where they are."""
    return COMMENT_OR_TEXT.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def included(text):
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r'\s*#\s*include\s+("([^"]+)"|<([^>]+)>)', line)
        if found:
            yield number, found.group(2), found.group(3)


def arrow_breach(root, order, name, header):
    here, there = room_of(name), room_of(header)
    part, other = here.split("/")[0], there.split("/")[0]
    if header.startswith(("generated/", "kissfft/")) or header.endswith(".pb.h"):
        return None if room_of(header) == header or part == "tests" or other in (part, "common", "generated") else \
            "messages of another program"
    if header.startswith(".") or "/" not in header:
        return "includes run from the root of the tree"
    if not (root / header).exists():
        return "there is no such file"
    if part == "tests" or (here, header) in EXCEPTIONS:
        return None
    if {part, other} == {"edge", "cloud"}:
        return "edge and cloud never meet"
    if part == "common" and other in ("edge", "cloud"):
        return "common knows neither edge nor cloud"
    if other == "tests" and not is_test(name):
        return "only tests use tests"
    if part == other and here != there and not is_test(name):
        if here not in order or there not in order:
            return f"{here if here not in order else there} stands in no CMakeLists.txt order"
        if order[there] > order[here]:
            return f"{here} stands above {there}: the arrow runs the other way"
    return None


def check_arrows(root):
    order = room_order(root)
    for path, name in sources(root):
        text = path.read_text()
        for number, ours, foreign in included(text):
            why = arrow_breach(root, order, name, ours) if ours else None
            for pattern, owners in OWNERS.items() if not name.startswith("tests/") else ():
                if re.match(pattern, foreign or ours or "") and room_of(name) not in owners:
                    why = f"only {' and '.join(owners)} may include it"
            if foreign and room_of(name) in PORTABLE and not is_test(name) and \
                    SYSTEM.match(f"<{foreign}>"):
                why = "a portable room knows no operating system"
            if why:
                yield f"{name}:{number}: {ours or foreign}: {why}"


def allowed_lengths(root):
    allowed = {}
    for line in (root / "tests/tidy/long.txt").read_text().splitlines():
        words = line.split("#")[0].split()
        if words:
            allowed[words[0]] = int(words[1])
    return allowed


def lengths(root):
    """(what, lines, limit) of files and functions."""
    names = []
    for path, name in sources(root):
        yield name, path.read_text().count("\n"), FILE_LINES
        names.append(name)
    listed = subprocess.run(
        ["ctags", "-x", "--_xformat=%{input}\t%{name}\t%{line}\t%{end}", "--languages=C,C++",
         "--map-C=+.h", "--kinds-C=f", "-L", "-"],
        input="\n".join(names), capture_output=True, text=True, check=True, cwd=root)
    for line in listed.stdout.splitlines():
        name, function, begin, end = line.split("\t")
        if end.isdigit():
            yield f"{name}:{function}", int(end) - int(begin) + 1, FUNCTION_LINES


def check_lengths(root):
    allowed, needed, functions = allowed_lengths(root), set(), []
    for what, lines, limit in lengths(root):
        if limit == FUNCTION_LINES:
            functions.append(lines)
        if lines > limit:
            needed.add(what)
            if lines > allowed.get(what, limit):
                yield f"{what}: {lines} lines, {allowed.get(what, limit)} are allowed"
    functions.sort()
    if functions:
        longish = functions[len(functions) * 95 // 100]
        print(f"{len(functions)} functions, half within {functions[len(functions) // 2]} lines, "
              f"95 % within {longish}")
        if longish > FUNCTION_P95 and len(functions) >= 100:
            yield f"95 % of functions within {longish} lines: at most {FUNCTION_P95}"
    for what in sorted(set(allowed) - needed):
        yield f"tests/tidy/long.txt: {what} is short enough now: take it off the list"


def check_calls(root):
    for path, name in sources(root):
        if is_test(name):
            continue
        for number, line in enumerate(without_comments(path.read_text()).splitlines(), 1):
            found = CALLS.search(line)
            if found:
                yield f"{name}:{number}: {found.group(1) or found.group(2)}"


def is_public(name):
    return name.endswith(".h") and not is_test(name) and not name.endswith(("_fixture.h", "inside.h"))


def check_headers(root):
    for path, name in sources(root):
        text = path.read_text()
        if not is_public(name) or re.search(r"[Pp]rivate to the room|[Ii]nside this room", text[:900]):
            continue
        opening = re.match(r"/\*.*?\*/", text, re.S)
        if not opening:
            yield f"{name}: no opening comment that says what it is for"
            continue
        declares = re.search(r"^[a-z_ ]+\**[a-z_0-9]+\([^)]*\)", without_comments(text), re.M)
        if declares and not re.search(r"\bthreads?\b", opening.group()):
            yield f"{name}: not a word on threads"
        if "TRIB_MUST_CHECK" in text and not re.search(r"TRIB_E_|\berrors?\b|TRIB_OK", text):
            yield f"{name}: not a word on what fails"
        if re.search(r"_create\(", without_comments(text)) and \
                not re.search(r"_destroy|_close|_deinit|owns|owned|[Tt]akes|Free|appended", text):
            yield f"{name}: not a word on who owns what"


LIMIT = re.compile(r"\b([A-Z][A-Z0-9_]*)\s*=|^#define\s+([A-Z][A-Z0-9_]*)\s", re.M)
# How far an algorithm goes on by itself: nobody meets them.
INNER = {"MOST_TERMS", "MOST_ROWS", "MOST_COLUMNS"}
SAYS_LIMIT = re.compile(r"(^|_)(MAX|MOST|CEILING|LIMIT|LONGEST|CAPACITY)(_|$)")


def check_limits(root):
    told = (root / "docs/limits.md").read_text()
    for path, name in sources(root):
        if is_test(name) or "_fixture." in name or name.split("/")[0] not in ("common", "edge", "cloud"):
            continue
        file = pathlib.PurePosixPath(name)
        for found in LIMIT.finditer(without_comments(path.read_text())):
            limit = found.group(1) or found.group(2)
            if SAYS_LIMIT.search(limit) and limit not in INNER and limit not in told and file.name not in told:
                yield f"{name}: {limit} does not stand in docs/limits.md"


CHECKS = {"arrows": check_arrows, "lengths": check_lengths, "calls": check_calls,
          "headers": check_headers, "limits": check_limits}


def main():
    root = pathlib.Path(sys.argv[1])
    breaches = 0
    for check in sys.argv[2:] or CHECKS:
        for breach in CHECKS[check](root):
            print(f"{check}: {breach}")
            breaches += 1
    seen = sum(1 for _ in sources(root))
    if seen == 0:
        print("no source was found: is that the root of the tree?")
        return 1
    print(f"{seen} files, {breaches} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
