/* Where lwIP's own C core is known to fail, and why. The Rust core has no
 * such list. */
#ifndef KNOWN_C_H
#define KNOWN_C_H
/* NULL, or the reason. */
const char *known_c_fault(const char *scenario, const char *mode);
#endif
