"""A Python that has what the references need: TRIB_BENCH_PYTHON, else one in the build folder that is filled
when it is first wanted, else Debian's with whatever it has."""
import os
import subprocess
import sys

DEBIAN_PYTHON = "/usr/bin/python3"
LIMIT_S = 1800
PACKAGES = {
    "pipeline": ["numpy>=1.24,<3", "scipy>=1.10,<2"],
    "bridge": ["confluent-kafka"],
    "latency": ["confluent-kafka"],
    "train": ["torch>=2.1,<3"],  # 3 GB: it does not load without its CUDA packages
    "infer": ["numpy>=1.24,<3", "onnx>=1.15,<2", "onnxruntime>=1.16,<2"],
}


def say(text):
    print(f"== {text}", file=sys.stderr, flush=True)


def install(packages, venv):
    """False where they could not be had. What pip says is the progress; standard output is for results."""
    commands = [[venv / "bin/python3", "-m", "pip", "install", "--disable-pip-version-check", *packages]]
    if not (venv / "bin/pip").exists():
        commands.insert(0, [DEBIAN_PYTHON, "-m", "venv", "--clear", venv])
    try:
        for command in commands:
            subprocess.run(command, stdout=sys.stderr, stdin=subprocess.DEVNULL, check=True, timeout=LIMIT_S)
    except (OSError, subprocess.SubprocessError) as error:
        say(f"they could not be had: {error}")
        return False
    return True


def python_for(bench, build, may_install):
    named = os.environ.get("TRIB_BENCH_PYTHON")
    if named:
        return named
    venv = build / "bench-python"
    ready = venv / f"ready-{bench}"
    wanted = "\n".join(PACKAGES[bench])
    has = ready.exists() and ready.read_text() == wanted
    if not has and may_install:
        say(f"{bench}: installing {', '.join(PACKAGES[bench])} in {venv}, once, for {LIMIT_S // 60} minutes at most")
        has = install(PACKAGES[bench], venv)
        if has:
            ready.write_text(wanted)
    return venv / "bin/python3" if has else DEBIAN_PYTHON
