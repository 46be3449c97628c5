/*
 * A stand-in, for bare metal, for the part of the check library's interface that lwIP's unit tests use. No processes
 * and no timeouts: tests run one after the other in the same memory, and a failed check leaves its test by longjmp.
 */
#ifndef FIRMWARE_CHECK_H
#define FIRMWARE_CHECK_H

/* As the hosted check.h does, on which tests rely. */
#include <stddef.h>
#include <string.h>

/* The interface of this version: test functions are objects that know their name. */
#define CHECK_MAJOR_VERSION 0
#define CHECK_MINOR_VERSION 15

typedef struct {
  const char *name;
  void (*run)(int index);
} TTest;
typedef void (*SFun)(void);
typedef struct TCase TCase;
typedef struct Suite Suite;
typedef struct SRunner SRunner;

enum print_output { CK_SILENT, CK_MINIMAL, CK_NORMAL, CK_VERBOSE };

#define START_TEST(test)                                                                                               \
  static void test##_run(int _i __attribute__((unused)));                                                              \
  static const TTest test##_object = { #test, test##_run };                                                            \
  static const TTest *const test = &test##_object;                                                                     \
  static void test##_run(int _i __attribute__((unused)))
#define END_TEST

Suite *suite_create(const char *name);
TCase *tcase_create(const char *name);
void tcase_add_test(TCase *tcase, const TTest *test);
void tcase_add_checked_fixture(TCase *tcase, SFun setup, SFun teardown);
void suite_add_tcase(Suite *suite, TCase *tcase);
SRunner *srunner_create(Suite *suite);
void srunner_add_suite(SRunner *runner, Suite *suite);
void srunner_set_xml(SRunner *runner, const char *file);
void srunner_run_all(SRunner *runner, enum print_output mode);
int srunner_ntests_failed(SRunner *runner);
void srunner_free(SRunner *runner);

void check_failed(const char *file, int line, const char *condition) __attribute__((noreturn));

/* The message that may follow is for people at a debugger: the place says it all. */
#define fail_unless(condition, ...) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))
#define fail_if(condition, ...) ((condition) ? check_failed(__FILE__, __LINE__, "not " #condition) : (void)0)
#define fail(...) check_failed(__FILE__, __LINE__, "fail()")

#endif
