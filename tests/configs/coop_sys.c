/* lwIP's port functions in virtual time.
 *
 * A transfer in a configuration with two segments of memory waits for a timer after almost each segment; by the clock
 * on the wall, 10 MB of that take hours. So time stands still while anything can run and jumps to the next deadline
 * when nothing can. With NO_SYS=0 lwIP's threads are coroutines for the same reason, and so that a failure repeats
 * exactly. The headers are those of lwIP's unix port; only sys_arch.c is replaced. */
#include "configs.h"

#include <stdlib.h>
#include <string.h>

#include "lwip/init.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"

static uint32_t now_ms = 1000;

u32_t sys_now(void) { return now_ms; }

u32_t sys_jiffies(void) { return now_ms; }

unsigned int lwip_port_rand(void) { return rnd(0); }

void sys_init(void) {}

#if SYS_LIGHTWEIGHT_PROT
/* Nothing preempts a coroutine. */
sys_prot_t sys_arch_protect(void) { return 0; }

void sys_arch_unprotect(sys_prot_t level) { (void)level; }
#endif

#if NO_SYS

void coop_lock(void) {}

void coop_unlock(void) {}

void coop_start_stack(void) { lwip_init(); }

void coop_advance(uint32_t ms) { now_ms += ms; }

static void poll_loopback(void) {
#if ENABLE_LOOPBACK && !LWIP_NETIF_LOOPBACK_MULTITHREADING
  netif_poll_all();
#endif
}

static bool loopback_pending(void) {
#if ENABLE_LOOPBACK
  struct netif *netif;
  NETIF_FOREACH(netif) {
    if (netif->loop_first != NULL) {
      return true;
    }
  }
#endif
  return false;
}

bool coop_run(configs_done_fn done, void *arg, uint32_t limit_ms) {
  const uint32_t start = now_ms;
  while (!done(arg)) {
    bool busy = wire_deliver();
    poll_loopback();
    sys_check_timeouts();
    if (busy || loopback_pending()) {
      continue;
    }
    if (now_ms - start > limit_ms) {
      return false;
    }
    uint32_t sleep = LWIP_MIN(sys_timeouts_sleeptime(), wire_next_due());
    now_ms += LWIP_MIN(LWIP_MAX(sleep, 1), 1000);
  }
  return true;
}

#else /* NO_SYS */

#include <ucontext.h>

#include "lwip/tcpip.h"

#define TASKS 8
#define TASK_STACK (256 * 1024)
#define MBOX_CAPACITY 64

struct sys_thread {
  ucontext_t context;
  lwip_thread_fn function;
  void *arg;
  bool used, ready, timed;
  uint32_t deadline;
};

static struct sys_thread tasks[TASKS];
static struct sys_thread *current;
static ucontext_t scheduler;

static bool clock_to_next_deadline(void) {
  struct sys_thread *next = NULL;
  for (size_t i = 0; i < TASKS; i++) {
    if (tasks[i].used && tasks[i].timed &&
        (next == NULL || (int32_t)(tasks[i].deadline - next->deadline) < 0)) {
      next = &tasks[i];
    }
  }
  if (next == NULL) {
    return false;
  }
  if ((int32_t)(next->deadline - now_ms) > 0) {
    now_ms = next->deadline;
  }
  next->ready = true;
  return true;
}

static void schedule(struct sys_thread *until_done) {
  size_t turn = 0;
  while (until_done->used) {
    size_t tried = 0;
    while (tried < TASKS && !(tasks[turn].used && tasks[turn].ready)) {
      turn = (turn + 1) % TASKS;
      tried++;
    }
    if (tried == TASKS) {
      if (!clock_to_next_deadline()) {
        fail("deadlock: every task waits, none with a timeout");
      }
      continue;
    }
    current = &tasks[turn];
    swapcontext(&scheduler, &current->context);
    turn = (turn + 1) % TASKS;
  }
}

static void block(bool timed, uint32_t deadline) {
  current->ready = false;
  current->timed = timed;
  current->deadline = deadline;
  swapcontext(&current->context, &scheduler);
  current->timed = false;
}

void coop_wake(void) {
  for (size_t i = 0; i < TASKS; i++) {
    tasks[i].ready = tasks[i].used;
  }
}

void coop_wait(uint32_t ms) { block(true, now_ms + ms); }

void coop_sleep(uint32_t ms) {
  const uint32_t deadline = now_ms + ms;
  do {
    block(true, deadline);
  } while ((int32_t)(deadline - now_ms) > 0);
}

void coop_advance(uint32_t ms) { coop_sleep(ms); }

static void task_entry(void) {
  current->function(current->arg);
  current->used = false;
  swapcontext(&current->context, &scheduler);
}

sys_thread_t sys_thread_new(const char *name, lwip_thread_fn function, void *arg, int stacksize, int prio) {
  (void)name, (void)stacksize, (void)prio;
  for (size_t i = 0; i < TASKS; i++) {
    struct sys_thread *task = &tasks[i];
    if (task->used) {
      continue;
    }
    if (task->context.uc_stack.ss_sp == NULL) {
      void *stack = malloc(TASK_STACK);
      if (stack == NULL) {
        fail("no memory for a stack");
      }
      getcontext(&task->context);
      task->context.uc_stack.ss_sp = stack;
      task->context.uc_stack.ss_size = TASK_STACK;
    }
    task->function = function;
    task->arg = arg;
    task->used = task->ready = true;
    task->timed = false;
    makecontext(&task->context, task_entry, 0);
    return task;
  }
  fail("more than %d tasks", TASKS);
}

struct sys_sem {
  unsigned count;
};

struct sys_mbox {
  void *messages[MBOX_CAPACITY];
  unsigned first, used, capacity;
};

/* Waits once for anything to change; false when the timeout (0 for none) since `start` is over. */
static bool wait_change(uint32_t start, uint32_t timeout) {
  if (timeout != 0 && now_ms - start >= timeout) {
    return false;
  }
  block(timeout != 0, start + timeout);
  return true;
}

err_t sys_sem_new(sys_sem_t *sem, u8_t count) {
  *sem = calloc(1, sizeof **sem);
  if (*sem == NULL) {
    return ERR_MEM;
  }
  (*sem)->count = count;
  return ERR_OK;
}

void sys_sem_free(sys_sem_t *sem) {
  free(*sem);
  *sem = NULL;
}

void sys_sem_signal(sys_sem_t *sem) {
  (*sem)->count++;
  coop_wake();
}

u32_t sys_arch_sem_wait(sys_sem_t *sem, u32_t timeout) {
  const uint32_t start = now_ms;
  while ((*sem)->count == 0) {
    if (!wait_change(start, timeout)) {
      return SYS_ARCH_TIMEOUT;
    }
  }
  (*sem)->count--;
  return now_ms - start;
}

/* The port's header makes both pointers to structures of the port's choice. */
err_t sys_mutex_new(sys_mutex_t *mutex) { return sys_sem_new((sys_sem_t *)mutex, 1); }

void sys_mutex_free(sys_mutex_t *mutex) { sys_sem_free((sys_sem_t *)mutex); }

void sys_mutex_lock(sys_mutex_t *mutex) { sys_arch_sem_wait((sys_sem_t *)mutex, 0); }

void sys_mutex_unlock(sys_mutex_t *mutex) { sys_sem_signal((sys_sem_t *)mutex); }

err_t sys_mbox_new(sys_mbox_t *mbox, int size) {
  *mbox = calloc(1, sizeof **mbox);
  if (*mbox == NULL) {
    return ERR_MEM;
  }
  (*mbox)->capacity = size > 0 && size < MBOX_CAPACITY ? (unsigned)size : MBOX_CAPACITY;
  return ERR_OK;
}

void sys_mbox_free(sys_mbox_t *mbox) {
  free(*mbox);
  *mbox = NULL;
}

err_t sys_mbox_trypost(sys_mbox_t *mbox, void *msg) {
  struct sys_mbox *box = *mbox;
  if (box->used == box->capacity) {
    return ERR_MEM;
  }
  box->messages[(box->first + box->used++) % MBOX_CAPACITY] = msg;
  coop_wake();
  return ERR_OK;
}

err_t sys_mbox_trypost_fromisr(sys_mbox_t *mbox, void *msg) { return sys_mbox_trypost(mbox, msg); }

void sys_mbox_post(sys_mbox_t *mbox, void *msg) {
  while (sys_mbox_trypost(mbox, msg) != ERR_OK) {
    block(false, 0);
  }
}

u32_t sys_arch_mbox_tryfetch(sys_mbox_t *mbox, void **msg) {
  struct sys_mbox *box = *mbox;
  if (box->used == 0) {
    return SYS_MBOX_EMPTY;
  }
  void *taken = box->messages[box->first];
  box->first = (box->first + 1) % MBOX_CAPACITY;
  box->used--;
  if (msg != NULL) {
    *msg = taken;
  }
  coop_wake();
  return 0;
}

u32_t sys_arch_mbox_fetch(sys_mbox_t *mbox, void **msg, u32_t timeout) {
  const uint32_t start = now_ms;
  while (sys_arch_mbox_tryfetch(mbox, msg) == SYS_MBOX_EMPTY) {
    if (!wait_change(start, timeout)) {
      if (msg != NULL) {
        *msg = NULL;
      }
      return SYS_ARCH_TIMEOUT;
    }
  }
  return now_ms - start;
}

#if LWIP_NETCONN_SEM_PER_THREAD
static sys_sem_t thread_sems[TASKS];

sys_sem_t *sys_arch_netconn_sem_get(void) {
  sys_sem_t *sem = &thread_sems[current - tasks];
  if (*sem == NULL) {
    sys_sem_new(sem, 0);
  }
  return sem;
}

void sys_arch_netconn_sem_alloc(void) { sys_arch_netconn_sem_get(); }

void sys_arch_netconn_sem_free(void) { sys_sem_free(&thread_sems[current - tasks]); }
#endif

static struct sys_thread *lock_holder, *tcpip_task;

#if LWIP_TCPIP_CORE_LOCKING

static unsigned lock_waiters;

void sys_lock_tcpip_core(void) {
  lock_waiters++;
  while (lock_holder != NULL) {
    block(false, 0);
  }
  lock_waiters--;
  lock_holder = current;
}

void sys_unlock_tcpip_core(void) {
  CHECK(lock_holder == current);
  lock_holder = NULL;
  coop_wake();
  if (lock_waiters > 0) {
    /* Without preemption lwIP's thread, busy with packets, would take it back before anyone else runs. */
    block(true, now_ms);
  }
}

void coop_lock(void) { LOCK_TCPIP_CORE(); }

void coop_unlock(void) { UNLOCK_TCPIP_CORE(); }

#else /* LWIP_TCPIP_CORE_LOCKING */

/* lwIP's thread waits here, and so lends its right to call the core to whoever asked. */
static void lend_core(void *arg) {
  lock_holder = arg;
  coop_wake();
  while (lock_holder != NULL) {
    block(false, 0);
  }
}

void coop_lock(void) {
  CHECK(tcpip_callback(lend_core, current) == ERR_OK);
  while (lock_holder != current) {
    block(false, 0);
  }
}

void coop_unlock(void) {
  CHECK(lock_holder == current);
  lock_holder = NULL;
  coop_wake();
}

#endif /* LWIP_TCPIP_CORE_LOCKING */

void sys_mark_tcpip_thread(void) { tcpip_task = current; }

void sys_check_core_locking(void) {
  if (tcpip_task != NULL) {
    CHECK(LWIP_TCPIP_CORE_LOCKING || lock_holder != NULL ? lock_holder == current : tcpip_task == current);
  }
}

bool coop_run(configs_done_fn done, void *arg, uint32_t limit_ms) {
  const uint32_t start = now_ms;
  for (;;) {
    coop_lock();
    const bool is_done = done(arg);
    coop_unlock();
    if (is_done) {
      return true;
    }
    if (now_ms - start > limit_ms) {
      return false;
    }
    coop_sleep(20);
  }
}

static void stack_started(void *arg) { *(bool *)arg = true; }

void coop_start_stack(void) {
  bool started = false;
  tcpip_init(stack_started, &started);
  while (!started) {
    block(false, 0);
  }
}

extern int configs_main(void);
static int exit_status;

static void main_task(void *arg) {
  (void)arg;
  exit_status = configs_main();
}

int coop_main(void) {
  schedule(sys_thread_new("main", main_task, NULL, 0, 0));
  return exit_status;
}

#endif /* NO_SYS */
