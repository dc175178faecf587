#!/usr/bin/python3
"""Plants one breach of each kind in a small tree, and sees that source.py finds that and no other."""
import pathlib
import subprocess
import sys
import tempfile

CHECKER = pathlib.Path(__file__).with_name("source.py")
LONG = "int f(void) {\n" + "    ;\n" * 70 + "}\n"
CLEAN = {
    "common/CMakeLists.txt": "foreach(room base crypto nn)\n",
    "cloud/CMakeLists.txt": "foreach(room api app)\n",
    "edge/CMakeLists.txt": "foreach(room app)\n",
    "common/base/a.h": "/* strcpy(a, b); goto */\n",
    "docs/limits.md": "A_MAX\n",
    "common/nn/b.c": '#include "common/base/a.h"\nconst char *t = "gets(x)";\n',
    "cloud/api/c.c": '#include "common/nn/b.h"\n', "common/nn/b.h": "/* b */\n",
    "edge/app/d.h": "/* d */\n", "cloud/app/e.h": "/* e */\n",
    "tests/tidy/long.txt": "",
}
PLANTED = [
    ("arrows", {"common/base/x.c": '#include "common/nn/b.h"\n'}, "the other way"),
    ("arrows", {"cloud/api/x.c": '#include "cloud/app/e.h"\n'}, "the other way"),
    ("arrows", {"cloud/api/x.c": '#include "edge/app/d.h"\n'}, "never meet"),
    ("arrows", {"edge/app/x.c": '#include "cloud/app/e.h"\n'}, "never meet"),
    ("arrows", {"common/base/x.c": '#include "cloud/app/e.h"\n'}, "neither edge nor cloud"),
    ("arrows", {"common/nn/x.c": '#include "b.h"\n'}, "root of the tree"),
    ("arrows", {"common/nn/x.c": '#include "common/nn/none.h"\n'}, "no such file"),
    ("arrows", {"common/new/x.c": '#include "common/base/a.h"\n'}, "no CMakeLists.txt order"),
    ("arrows", {"common/nn/x.c": "#include <openssl/evp.h>\n"}, "only common/crypto"),
    ("arrows", {"edge/app/x.c": "#include <MQTTAsync.h>\n"}, "only common/mqtt"),
    ("arrows", {"cloud/app/x.c": "#include <sqlite3.h>\n"}, "only common/database"),
    ("arrows", {"common/nn/x.c": "#include <pthread.h>\n"}, "no operating system"),
    ("headers", {"common/nn/x.h": "int x;\n"}, "no opening comment"),
    ("headers", {"common/nn/x.h": "/* x */\nint f(int a);\n"}, "not a word on threads"),
    ("headers", {"common/nn/x.h": "/* threads pure */\nTRIB_MUST_CHECK int f(int a);\n"},
     "not a word on what fails"),
    ("headers", {"common/nn/x.h": "/* threads one */\nint x_create(int a);\n"},
     "not a word on who owns what"),
    ("limits", {"common/nn/x.c": "enum { A_MAX = 1, B_MAX = 2 };\n"}, "B_MAX does not stand"),
    ("lengths", {"common/nn/x.c": LONG}, "72 lines, 70"),
    ("lengths", {"common/nn/x.c": "\n" * 801}, "801 lines, 800"),
    ("lengths", {"tests/tidy/long.txt": "common/nn/b.c 900\n"}, "take it off the list"),
    ("calls", {"common/nn/x.c": "void f(char *a) { strcpy(a, a); }\n"}, "strcpy"),
    ("calls", {"common/nn/x.c": "void f(void) { goto end; end:; }\n"}, "goto"),
]


def breaches(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        done = subprocess.run([sys.executable, CHECKER, folder], capture_output=True, text=True,
                              check=False)
        return done.returncode, [line for line in done.stdout.splitlines() if ": " in line], done


def main():
    failed = 0
    for check, planted, said in [(None, {}, "")] + PLANTED:
        result, found, done = breaches({**CLEAN, **planted})
        right = (not found and result == 0) if check is None else \
            (result == 1 and len(found) == 1 and found[0].startswith(check) and said in found[0])
        if not right:
            print(f"planted {planted}: {found} {done.stderr}")
            failed += 1
    print(f"{len(PLANTED) + 1} trees, {failed} judged wrongly")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
