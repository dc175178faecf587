#!/bin/bash
# Compiles the portable rooms for a Cortex-M4F, as firmware does: no heap, no streams, no system.
#     portable.sh SOURCE BUILD
# Files for hosts only say so by an include of the heap or of a host's library; they are named here,
# so that a new one is a decision.
set -euo pipefail
command -v arm-none-eabi-gcc >/dev/null || { echo "arm-none-eabi-gcc is not installed"; exit 77; }
source_dir=$1
objects=$2/portable
rm -rf "$objects"
mkdir -p "$objects"
cd "$source_dir"

host_only=(
    common/base/heap.c common/base/file.c # the heap and files
)
# The board's build brings kissfft and nanopb along; here their headers do, alone, so that no other
# header of the host is seen.
mkdir "$objects/include"
cp /usr/include/pb.h /usr/include/pb_*.h "$objects/include" 2>/dev/null || true
[ -d "$2/generated" ] || host_only+=(common/wire/wire.c) # the messages have not been generated
# Messages are compiled out, and uint32_t is a long here: formats are the hosts' business.
flags=(-std=c17 -Os -mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard
    -DTRIB_FREESTANDING -ffunction-sections -Wall -Wextra -Werror -Wdouble-promotion -Wno-format -I.
    -isystem /usr/include/kissfft -isystem "$objects/include" -isystem "$2/generated")
# Prefixes too: printf takes in vsnprintf through its own name, fopen its relatives.
forbidden=' U (malloc|calloc|realloc|free|aligned_alloc|[a-z]*printf|[a-z]*scanf|f(open|close|read|write|puts|puts?c?|seek|flush)|puts|putchar|open|read|write|close|time|clock_gettime|pthread_[a-z_]*|exit|abort|getenv|errno|__errno)$'

compiled=0
broken=0
# Of tensor, what inference and training of a last layer take: no OpenBLAS, no files.
for file in common/base/*.c common/signal/*.c common/tensor/{elementwise,kernels_reference}.c \
    common/nn/*.c common/update/*.c common/wire/*.c; do
    case " ${host_only[*]} " in *" $file "*) continue ;; esac
    [[ $file == *_test.c ]] && continue
    object=$objects/$(tr / _ <<<"${file%.c}").o
    if ! arm-none-eabi-gcc "${flags[@]}" -c "$file" -o "$object"; then
        broken=$((broken + 1))
        continue
    fi
    compiled=$((compiled + 1))
    if bad=$(arm-none-eabi-nm "$object" | grep -E "$forbidden"); then
        echo "$file uses what a microcontroller does not have:$(tr -s '\n ' ' ' <<<"$bad")"
        broken=$((broken + 1))
    fi
done
[ "$compiled" -gt 0 ] || { echo "nothing was compiled"; exit 1; }
# Together they need nothing but each other, the compiler's own helpers, plain memory and mathematics of
# the C library, and what the board's build brings along.
arm-none-eabi-ld -r "$objects"/*.o -o "$objects/all.elf"
brought=' U (__aeabi_[a-z0-9_]+|__popcountsi2|mem(cpy|set|move|cmp|chr)|str(len|cmp|ncmp|spn|chr)|kiss_fft[a-z_]*|pb_[a-z_0-9]+|(sqrt|exp|log|log2|pow|tanh|fabs|floor|ceil|sin|cos|ldexp|frexp|fmax|fmin|round|rint|llrint|lround|copysign|hypot|expm1|log1p|nan|trunc|fmod)f?)$'
if missing=$(arm-none-eabi-nm -u "$objects/all.elf" | grep -vE "$brought"); then
    echo "the portable rooms need what is not among them:$(tr -s '\n ' ' ' <<<"$missing")"
    broken=$((broken + 1))
fi
arm-none-eabi-size -t "$objects"/*.o | tail -n 1 |
    awk -v n="$compiled" '{ print n " files: text " $1 ", data " $2 ", bss " $3 " bytes" }'
[ "$broken" -eq 0 ] || { echo "$broken files are not portable"; exit 1; }
