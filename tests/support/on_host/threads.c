/* A block's threads on one core of the host, and all that they do to memory that others see.

   Each thread has a stack of its own and runs until it comes to a barrier, in an order that may be
   turned round or shuffled.  Every access is checked before it happens: that it lies in a buffer
   of the launch, that what it reads was written, and that no other thread touches the same bytes
   without a barrier in between.  The first fault ends the launch and is told as a line of text. */

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

enum { MOST = 1024, STACK = 1 << 16, WARP = 32, MANY = 0xffff, NOBODY = 0xfffe };
enum { RUNNING, AT_BARRIER, AT_SHUFFLE, ENDED };

/* The last write and the last read of a byte: at which time between barriers, and by whom. */
struct seen { uint32_t written, read; uint16_t writer, reader; };

struct region { char *start; int64_t size; int32_t shared, known; struct seen *bytes; };

struct thread {
  jmp_buf at;
  int state, site;
  uint32_t mask;
  int32_t given[2];
  char *stack;
};

typedef void (*kernel_type)(void **);

static struct thread threads[MOST];
static struct region *regions;
static int count, grid, size, now_thread, now_block;
static uint32_t now, block_began;
static jmp_buf scheduler;
static char message[512];
static kernel_type kernel;
static void **arguments;

int host_tid(void) { return now_thread; }
int host_ctaid(void) { return now_block; }
int host_ntid(void) { return size; }
int host_nctaid(void) { return grid; }
int host_lane(void) { return now_thread % WARP; }

static void fault(const char *what, int64_t where, int number) {
  snprintf(message, sizeof message, "%s: block %d, thread %d, byte %lld of buffer %d", what,
           now_block, now_thread, (long long)where, number);
  _longjmp(scheduler, 2);
}

static int on_a_stack(const char *at) {
  const char *stack = threads[now_thread].stack;
  return at >= stack && at < stack + STACK;
}

static struct region *region_of(char *at, int length) {
  for (int i = 0; i < count; i++)
    if (at >= regions[i].start && at + length <= regions[i].start + regions[i].size)
      return &regions[i];
  char *nearest = NULL;
  int number = -1;
  for (int i = 0; i < count; i++)
    if (!nearest || llabs(at - regions[i].start) < llabs(at - nearest))
      nearest = regions[i].start, number = i;
  fault("out of bounds", at - nearest, number);
  return NULL;
}

/* Whether another thread's access is not ordered with what this one does now. */
static int races(uint32_t when, uint16_t who) {
  if (who == NOBODY) return 0;
  return (when == now && who != now_thread) || when < block_began;
}

void host_read(char *at, int length) {
  if (on_a_stack(at)) return;
  struct region *in = region_of(at, length);
  struct seen *byte = in->bytes + (at - in->start);
  for (int i = 0; i < length; i++, byte++) {
    if (byte->writer == NOBODY && !in->known)
      fault("reads what nobody wrote", at - in->start, (int)(in - regions));
    if (races(byte->written, byte->writer))
      fault("race, reads what another thread writes", at - in->start, (int)(in - regions));
    int others = byte->reader != NOBODY && byte->read == now && byte->reader != now_thread;
    byte->reader = others ? MANY : (uint16_t)now_thread;
    byte->read = now;
  }
}

void host_write(char *at, int length, int64_t value) {
  if (on_a_stack(at)) return;
  struct region *in = region_of(at, length);
  struct seen *byte = in->bytes + (at - in->start);
  int same = memcmp(at, &value, (size_t)length) == 0; /* all may say the same, as with a flag */
  for (int i = 0; i < length; i++, byte++) {
    if (races(byte->read, byte->reader))
      fault("race, writes what another thread reads", at - in->start, (int)(in - regions));
    if (!same && races(byte->written, byte->writer))
      fault("race, two threads write", at - in->start, (int)(in - regions));
    byte->writer = (uint16_t)now_thread;
    byte->written = now;
  }
}

static void pause_as(int state, int site) {
  struct thread *own = &threads[now_thread];
  own->state = state;
  own->site = site;
  if (_setjmp(own->at) == 0) _longjmp(scheduler, 1);
}

void host_barrier(int site) { pause_as(AT_BARRIER, site); }

/* Modes of the instruction shfl: 0 by index, 1 from below, 2 from above, 3 across. */
int host_shuffle(int mask, int mode, int value, int by, int clamp, int site) {
  int own = now_thread, lane = own % WARP, last = clamp & 31, part = (clamp >> 8) & 31;
  int top = (lane & part) | (last & ~part), bottom = lane & part, from = lane;
  if (mode == 0) from = bottom | (by & ~part);
  if (mode == 1) from = lane - by >= top ? lane - by : lane;
  if (mode == 2) from = lane + by;
  if (mode == 3) from = lane ^ by;
  if (mode != 1 && from > top) from = lane;
  struct thread *all = threads + (own - lane);
  all[lane].mask = (uint32_t)mask;
  all[lane].given[0] = value;
  if (!((uint32_t)mask >> lane & 1)) fault("shuffle without this thread in its mask", 0, site);
  pause_as(AT_SHUFFLE, site);
  if (!((uint32_t)mask >> from & 1)) fault("shuffle from a thread that takes no part", 0, site);
  return all[from].given[1];
}

static void body(void) {
  kernel(arguments);
  threads[now_thread].state = ENDED;
  _longjmp(scheduler, 1);
}

/* Starts a thread on its own stack; the context is left for good by the first pause. */
static void start(int number) {
  static ucontext_t fresh, back;
  getcontext(&fresh);
  fresh.uc_stack.ss_sp = threads[number].stack;
  fresh.uc_stack.ss_size = STACK;
  fresh.uc_link = NULL;
  makecontext(&fresh, body, 0);
  threads[number].state = RUNNING;
  swapcontext(&back, &fresh);
}

static void forget(int shared_only) {
  for (int i = 0; i < count; i++) {
    if (shared_only && !regions[i].shared) continue;
    for (int64_t k = 0; k < regions[i].size; k++)
      regions[i].bytes[k] = (struct seen){0, 0, NOBODY, NOBODY};
    if (regions[i].shared) memset(regions[i].start, 0xff, (size_t)regions[i].size);
  }
}

/* The threads of a warp that have all come to one shuffle go on, with what the others gave. */
static int shuffled(int first) {
  int found = 0;
  for (int t = first; t < first + WARP && t < size; t++) {
    if (threads[t].state != AT_SHUFFLE) continue;
    int all = 1;
    for (int k = 0; k < WARP; k++) {
      if (!(threads[t].mask >> k & 1)) continue;
      struct thread *other = &threads[first + k];
      all &= first + k < size && other->state == AT_SHUFFLE && other->site == threads[t].site &&
             other->mask == threads[t].mask;
    }
    if (!all) continue;
    uint32_t mask = threads[t].mask;
    for (int k = 0; k < WARP; k++)
      if (mask >> k & 1) {
        threads[first + k].state = RUNNING;
        threads[first + k].given[1] = threads[first + k].given[0];
      }
    found = 1;
  }
  return found;
}

/* Whether a thread goes on: all have come to one barrier, or some to a shuffle together. */
static int released(void) {
  int found = 0, site = -1, waiting = 0, ended = 0;
  for (int first = 0; first < size; first += WARP) found |= shuffled(first);
  if (found) return 1;
  for (int t = 0; t < size; t++) {
    ended += threads[t].state == ENDED;
    waiting += threads[t].state == AT_BARRIER;
    if (threads[t].state == AT_BARRIER && site < 0) site = threads[t].site;
  }
  if (ended == size) return 0;
  for (int t = 0; t < size; t++) {
    now_thread = t;
    if (threads[t].state == AT_SHUFFLE) fault("shuffle that not all come to", 0, threads[t].site);
    if (threads[t].state == ENDED && waiting) fault("barrier that not all come to", 0, site);
    if (threads[t].site != site) fault("threads at different barriers", 0, threads[t].site);
  }
  for (int t = 0; t < size; t++) threads[t].state = RUNNING;
  now++;
  return 1;
}

static uint32_t drawn(uint32_t *state) {
  *state ^= *state << 13, *state ^= *state >> 17, *state ^= *state << 5;
  return *state;
}

static void shuffle(int *order, int length, int how, uint32_t *state) {
  for (int i = 0; i < length; i++) order[i] = how == 1 ? length - 1 - i : i;
  if (how < 2) return;
  for (int i = length - 1; i > 0; i--) {
    int k = (int)(drawn(state) % (uint32_t)(i + 1)), kept = order[i];
    order[i] = order[k], order[k] = kept;
  }
}

static const char *block(int how, uint32_t *state) {
  static int order[MOST];
  volatile int fresh = 1, at;
  now++;
  block_began = now;
  forget(1);
  do {
    shuffle(order, size, how, state);
    for (at = 0; at < size; at++) {
      now_thread = order[at];
      if (!fresh && threads[now_thread].state != RUNNING) continue;
      int came = _setjmp(scheduler);
      if (came == 2) return message;
      if (came == 0) {
        if (fresh) start(now_thread);
        else _longjmp(threads[now_thread].at, 1);
      }
    }
    fresh = 0;
    if (_setjmp(scheduler) == 2) return message;
  } while (released());
  return NULL;
}

/* Runs a kernel; how: 0 threads and blocks in order, 1 turned round, 2 and more shuffled. */
const char *host_launch(kernel_type entry, int blocks, int block_size, void **given,
                        struct region *known, int number, int how) {
  uint32_t state = 2463534242u + (uint32_t)how;
  if (block_size > MOST) return "more threads than a block may have";
  kernel = entry, arguments = given, grid = blocks, size = block_size;
  regions = known, count = number, now = 0;
  for (int t = 0; t < size; t++)
    if (!threads[t].stack) threads[t].stack = malloc(STACK);
  for (int i = 0; i < count; i++) regions[i].bytes = malloc(sizeof(struct seen) * (size_t)(regions[i].size + 1));
  forget(0);
  const char *found = NULL;
  int *order = malloc(sizeof(int) * (size_t)grid);
  shuffle(order, grid, how, &state);
  for (int b = 0; b < grid && !found; b++) {
    now_block = order[b];
    found = block(how, &state);
  }
  for (int i = 0; i < count; i++) free(regions[i].bytes);
  free(order);
  return found;
}
