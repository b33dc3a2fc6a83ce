"""A flame graph as text, from what `perf script` prints.

    perf record --freq 2000 --call-graph dwarf,32768 metalith metadata resolve FEATURE
    perf script --no-inline --fields comm,ip,sym | flame.py

Each line is a function with its share of all samples, those that it calls below it. What is left
out: machinery that only calls on (runtimes, closures, iterators), and shares below `--least`.
"""

import argparse
import re
import sys
from collections import Counter, defaultdict

# What says something about the work; everything else is how it is called.
TELLING = re.compile(
    r"^(metalith|parquet|arrow|datafusion|md5|xxhash|sha2|snap|zstd|buoyant_kernel|deltalake|clap"
    r"|__memmove|__memset|clear_page|exc_page_fault|.*sys_(read|write|pread|mmap|munmap|madvise))"
)
# Layers that stand above everything they call.
MACHINERY = re.compile(
    r"(::run(_here|_parts)?$|^metalith_cli::|^metalith::|execute_stream|poll_next|coalesce|"
    r"RecordBatchStream|::next$|::spawn|made_ahead|ReceiverStream|tracing|Instrumented)"
)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--least", type=float, default=1.0, help="per cent; 1 unless told")
    parser.add_argument("--depth", type=int, default=6)
    args = parser.parse_args()
    stacks = Counter(map(tuple, map(telling, samples(sys.stdin))))
    show(stacks, sum(stacks.values()), args)


def samples(lines):
    """Stacks of functions, the outermost first."""
    stack = []
    for line in lines:
        words = line.split(None, 1)
        if not words:
            if stack:
                yield stack[::-1]
            stack = []
        elif line[0].isspace() and len(words) == 2:
            stack.append(named(words[1].strip()))


def named(function):
    """A function without types, hashes and closures."""
    text = function.replace("{{closure}}", "").replace("::::", "::")
    text = re.sub(r"^<(.+?) as .+>::", r"\1::", text)
    while (shorter := re.sub(r"::<[^<>]*>|<[^<>]*>", "", text)) != text:
        text = shorter
    return text.rstrip(":").lstrip("&_ ") if not text.startswith("__") else text


def telling(stack):
    kept = []
    for function in stack:
        says = TELLING.match(function) and not MACHINERY.search(function)
        if says and (not kept or kept[-1] != function):
            kept.append(function)
    return kept


def show(stacks, total, args, level=0):
    """The functions that come next in these stacks, those with the largest share first."""
    below = defaultdict(Counter)
    for stack, count in stacks.items():
        if stack:
            below[stack[0]][stack[1:]] += count
    shares = {name: 100 * sum(rest.values()) / total for name, rest in below.items()}
    for name in sorted(shares, key=shares.get, reverse=True):
        if shares[name] < args.least:
            break
        print(f"{shares[name]:5.1f} % {'  ' * level}{name}")
        if level + 1 < args.depth:
            show(below[name], total, args, level + 1)


if __name__ == "__main__":
    main()
