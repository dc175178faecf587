/* TRIB_CLONES: compile a kernel for several instruction sets and choose when the program loads.
 *
 * Every clone gives the same bits: multiplication and addition are IEEE 754 in each, contraction
 * is off, and the order of operations is written out in the source. Sanitizers run before the
 * choice can be made, so they get the plain version, as firmware does.
 *
 * A clone is a static function with a name that no other file of the program uses for one: clang
 * makes the symbol that chooses a global one.
 */
#ifndef TRIB_BASE_VECTORISE_H
#define TRIB_BASE_VECTORISE_H

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define TRIB_NO_CLONES
#endif
#endif

#if defined(__x86_64__) && defined(__linux__) && !defined(TRIB_FREESTANDING) &&                    \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(TRIB_NO_CLONES)
#define TRIB_CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define TRIB_CLONES
#endif

#endif
