/*
 * core/test_pbuf.c refuses to build without window scaling, since its packets are bigger than 64 KB; lwip_unittests.c asks for
 * its suite all the same. This one is empty. The checks of pbuf run under all other options.
 */
#include "core/test_pbuf.h"

Suite *pbuf_suite(void) {
  return suite_create("PBUF");
}
