/* What lwIP's own C core is known not to stand. The Rust core has no such
 * allowance.
 *
 * - A segment that acknowledges and brings data, and a sent callback that ends
 *   the connection: the data leak. FUZZ_SENT_MAY_END 0 keeps C from that, so
 *   that the run over the pools is a control of the fuzzer: no failure.
 * - Under AddressSanitizer: an option's length read one octet past the packet,
 *   and rcv_ann_wnd of a PCB that was freed when refused data came again. That
 *   run is told, and passes all the same. */
#ifdef TEST_RUST
#define FUZZ_SENT_MAY_END 1
#define FUZZ_TELL 5u
#define fuzz_verdict(failed) ((failed) != 0)
#else
#define FUZZ_SENT_MAY_END 0
#define FUZZ_TELL 2u
#ifdef VNET_HEAP
#define fuzz_verdict(failed) (0 * (int)(failed))
#else
#define fuzz_verdict(failed) ((failed) != 0)
#endif
#endif
