/* Runs lwIP's unit tests on the target, and ends the emulator with the outcome. */
#include "check.h"

#include "board.h"
#include "lwip/arch.h"

#include <setjmp.h>
#include <string.h>

#define TCASES_MAX 200
#define SUITES_MAX 24

struct TCase {
  const TTest *test;
  SFun setup, teardown;
  TCase *next;
};

struct Suite {
  const char *name;
  TCase *first, *last;
};

struct SRunner {
  Suite *suites[SUITES_MAX];
  unsigned suite_count;
  int run, failed;
};

static TCase tcases[TCASES_MAX];
static unsigned tcase_count;
static Suite suites[SUITES_MAX];
static unsigned suite_count;
static SRunner the_runner;
static jmp_buf leave_test;

int main(void);
int tests_main(void);

static void *one_of(void *all, unsigned *used, unsigned available, size_t size)
{
  if (*used == available) {
    firmware_assert_failed("more tests than there is room for", __FILE__, __LINE__);
  }
  return (char *)all + size * (*used)++;
}

Suite *suite_create(const char *name)
{
  Suite *suite = (Suite *)one_of(suites, &suite_count, SUITES_MAX, sizeof *suite);
  suite->name = name;
  return suite;
}

TCase *tcase_create(const char *name)
{
  LWIP_UNUSED_ARG(name);
  return (TCase *)one_of(tcases, &tcase_count, TCASES_MAX, sizeof(TCase));
}

/* lwIP makes a case for each test. */
void tcase_add_test(TCase *tcase, const TTest *test)
{
  tcase->test = test;
}

void tcase_add_checked_fixture(TCase *tcase, SFun setup, SFun teardown)
{
  tcase->setup = setup;
  tcase->teardown = teardown;
}

void suite_add_tcase(Suite *suite, TCase *tcase)
{
  if (suite->last == NULL) {
    suite->first = tcase;
  } else {
    suite->last->next = tcase;
  }
  suite->last = tcase;
}

SRunner *srunner_create(Suite *suite)
{
  srunner_add_suite(&the_runner, suite);
  return &the_runner;
}

void srunner_add_suite(SRunner *runner, Suite *suite)
{
  Suite **slot = (Suite **)one_of(runner->suites, &runner->suite_count, SUITES_MAX, sizeof suite);
  *slot = suite;
}

void srunner_set_xml(SRunner *runner, const char *file)
{
  LWIP_UNUSED_ARG(runner);
  LWIP_UNUSED_ARG(file);
}

void check_failed(const char *file, int line, const char *condition)
{
  console_printf("FAILED: %s:%d: %s\n", file, line, condition);
  longjmp(leave_test, 1);
}

static int passes(const TCase *tcase)
{
  volatile int good = 0;
  if (setjmp(leave_test) == 0) {
    if (tcase->setup != NULL) {
      tcase->setup();
    }
    tcase->test->run(0);
    good = 1;
  }
  /* After a failure, too, so that the next test finds the stack as it expects it. */
  if (setjmp(leave_test) == 0) {
    if (tcase->teardown != NULL) {
      tcase->teardown();
    }
  } else {
    good = 0;
  }
  return good;
}

void srunner_run_all(SRunner *runner, enum print_output mode)
{
  LWIP_UNUSED_ARG(mode);
  for (unsigned i = 0; i < runner->suite_count; i++) {
    const Suite *suite = runner->suites[i];
    /* The heap's tests free pointers that never were any, and the heap looks at what lies before them. */
    board_strict_alignment(strcmp(suite->name, "MEM") != 0);
    int failed_before = runner->failed, run_before = runner->run;
    for (const TCase *tcase = suite->first; tcase != NULL; tcase = tcase->next) {
      runner->run++;
      if (!passes(tcase)) {
        runner->failed++;
        console_printf("FAILED: %s\n", tcase->test->name);
      }
    }
    console_printf("suite %s: checks %d, failures %d\n", suite->name, runner->run - run_before,
                   runner->failed - failed_before);
  }
  console_printf("all suites: checks %d, failures %d\n", runner->run, runner->failed);
}

int srunner_ntests_failed(SRunner *runner)
{
  return runner->failed;
}

void srunner_free(SRunner *runner)
{
  LWIP_UNUSED_ARG(runner);
}

/* lwIP's main() is compiled by the name of tests_main. */
int main(void)
{
  board_init();
  return tests_main();
}
