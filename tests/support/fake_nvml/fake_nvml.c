/* A stand-in for libnvidia-ml.so.1, so that tests take the path of the real nvidia-ml-py.
 *
 * It answers from the file that FAKE_NVML_STATE names, read anew whenever it was changed, so that a
 * test can change a machine while a program looks at it. One KEY=VALUE a line, in the units of NVML:
 *
 *   count=8  driver=550.54.15  cuda=12040  init=18        (init: the error of nvmlInit)
 *   driver_error=9                                         (of every function: the driver is away)
 *   gpu*.name=NVIDIA H100 80GB HBM3                        (of every card)
 *   gpu3.lost=1                                            (NVML_ERROR_GPU_IS_LOST from all)
 *   gpu3.error.nvmlDeviceGetEccMode=3                      (one function of one card)
 *   gpu2.hang=nvmlDeviceGetClockInfo                       (does not come back while it is so)
 *   gpu0.link5=0  gpu0.link5.replay=7  pair.0.1.level=20  pair.0.1.p2p=1
 *   gpu*.energy_grows=1                                    (1 mJ a millisecond, beyond energy)
 *   gpu0.xid.1=79  gpu0.xid.2=48                           (events in order, numbered by the test)
 *   gpu0.process0=4242:1073741824  process.4242=/usr/bin/python3
 *
 * A card's own key counts before gpu*. What is not named is not supported (NVML_ERROR 3).
 * With -DOLD_DRIVER functions of newer drivers are not in the library.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef unsigned long long u64;
typedef struct { int card, part; } device;
enum { CARDS = 16, PARTS = 8, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT = 7, LOST = 15 };
static device cards[CARDS], parts[CARDS][PARTS];

enum { SLOTS = 4096, LONGEST = 1 << 18 };
static struct { const char *key, *value; } slots[SLOTS];
static char content[LONGEST];
static struct stat seen;
static long long looked_ms;
static unsigned version;

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static unsigned slot_of(const char *key) {
  unsigned hash = 2166136261u;
  for (; *key; key++) hash = (hash ^ (unsigned char)*key) * 16777619u;
  return hash % SLOTS;
}

/* Read the file if it is not the one that was read last; look at most once a millisecond, so that
 * what a program costs is not the cost of this. */
static void refresh(void) {
  const char *path;
  struct stat now;
  if (now_ms() == looked_ms) return;
  looked_ms = now_ms();
  path = getenv("FAKE_NVML_STATE");
  if (!path || stat(path, &now)) { memset(slots, 0, sizeof slots); memset(&seen, 0, sizeof seen); return; }
  if (now.st_ino == seen.st_ino && now.st_size == seen.st_size &&
      now.st_mtim.tv_sec == seen.st_mtim.tv_sec && now.st_mtim.tv_nsec == seen.st_mtim.tv_nsec) return;
  FILE *file = fopen(path, "r");
  if (!file) return;
  content[fread(content, 1, LONGEST - 1, file)] = 0;
  fclose(file);
  seen = now;
  version++;
  memset(slots, 0, sizeof slots);
  for (char *line = strtok(content, "\r\n"); line; line = strtok(0, "\r\n")) {
    char *equals = strchr(line, '=');
    if (!equals) continue;
    *equals = 0;
    unsigned slot = slot_of(line);
    while (slots[slot].key) slot = (slot + 1) % SLOTS;
    slots[slot].key = line;
    slots[slot].value = equals + 1;
  }
}

static int text(const char *key, char *out, size_t size) {
  refresh();
  for (unsigned slot = slot_of(key); slots[slot].key; slot = (slot + 1) % SLOTS)
    if (!strcmp(slots[slot].key, key)) {
      snprintf(out, size, "%s", slots[slot].value);
      return 1;
    }
  return 0;
}

static int of_card(const device *d, const char *key, char *out, size_t size) {
  char name[160];
  snprintf(name, sizeof name, "gpu%d.%s", d->card, key);
  if (text(name, out, size)) return 1;
  snprintf(name, sizeof name, "gpu*.%s", key);
  return text(name, out, size);
}

static int number(const device *d, const char *key, long long *out) {
  char value[64];
  if (!of_card(d, key, value, sizeof value)) return NOT_SUPPORTED;
  *out = strtoll(value, 0, 0);
  return 0;
}

static long long or_else(const device *d, const char *key, long long otherwise) {
  long long value;
  return number(d, key, &value) ? otherwise : value;
}

static long long system_number(const char *key, long long otherwise) {
  char value[64];
  return text(key, value, sizeof value) ? strtoll(value, 0, 0) : otherwise;
}

static int entered(const char *function, const device *d) {
  char value[160], name[160];
  int away = (int)system_number("driver_error", 0);
  if (away) return away;
  if (or_else(d, "lost", 0)) return LOST;
  while (of_card(d, "hang", value, sizeof value) && !strcmp(value, function)) usleep(10000);
  snprintf(name, sizeof name, "error.%s", function);
  return (int)or_else(d, name, 0);
}

#define ENTER(d) do { int e = entered(__func__, d); if (e) return e; } while (0)
#define UINT(function, key) \
  int function(device *d, unsigned *out) { \
    long long v; ENTER(d); int e = number(d, key, &v); if (!e) *out = (unsigned)v; return e; }
#define ULONG(function, key) \
  int function(device *d, u64 *out) { \
    long long v; ENTER(d); int e = number(d, key, &v); if (!e) *out = (u64)v; return e; }
#define TEXT(function, key) \
  int function(device *d, char *out, unsigned size) { \
    ENTER(d); return of_card(d, key, out, size) ? 0 : NOT_SUPPORTED; }

int nvmlInit_v2(void) { return (int)system_number("init", system_number("driver_error", 0)); }
int nvmlInitWithFlags(unsigned flags) { (void)flags; return nvmlInit_v2(); }
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int e) { return e == LOST ? "GPU is lost" : "an error"; }
int nvmlSystemGetDriverVersion(char *out, unsigned n) { return text("driver", out, n) ? 0 : 3; }
int nvmlSystemGetCudaDriverVersion(int *out) { *out = (int)system_number("cuda", 0); return 0; }
int nvmlDeviceGetCount_v2(unsigned *out) { *out = (unsigned)system_number("count", 0); return 0; }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, device **out) {
  if (index >= CARDS) return NOT_FOUND;
  cards[index].card = (int)index;
  cards[index].part = -1;
  ENTER(&cards[index]);
  *out = &cards[index];
  return 0;
}

int nvmlDeviceGetName(device *d, char *out, unsigned size) {
  char key[32];
  ENTER(d);
  if (d->part >= 0) {
    snprintf(key, sizeof key, "mig%d.name", d->part);
    return of_card(d, key, out, size) ? 0 : NOT_SUPPORTED;
  }
  return of_card(d, "name", out, size) ? 0 : NOT_SUPPORTED;
}
TEXT(nvmlDeviceGetUUID, "uuid")

typedef struct {
  char legacy[16]; unsigned domain, bus, device, id, subsystem; char bus_id[32];
} pci;

static int filled_pci(const device *d, const char *key, pci *out) {
  memset(out, 0, sizeof *out);
  return of_card(d, key, out->bus_id, sizeof out->bus_id) ? 0 : NOT_SUPPORTED;
}
int nvmlDeviceGetPciInfo_v3(device *d, pci *out) { ENTER(d); return filled_pci(d, "bus_id", out); }

typedef struct { u64 total, free, used; } memory;
int nvmlDeviceGetMemoryInfo(device *d, memory *out) {
  char key[32] = "memory";
  long long total;
  ENTER(d);
  if (d->part >= 0) snprintf(key, sizeof key, "mig%d.memory", d->part);
  if (number(d, key, &total)) return NOT_SUPPORTED;
  out->total = (u64)total;
  out->used = (u64)or_else(d, "memory_used", 0);
  out->free = out->total - out->used;
  return 0;
}

int nvmlDeviceGetCudaComputeCapability(device *d, int *major, int *minor) {
  char value[16];
  ENTER(d);
  if (!of_card(d, "capability", value, sizeof value)) return NOT_SUPPORTED;
  return sscanf(value, "%d.%d", major, minor) == 2 ? 0 : NOT_SUPPORTED;
}

static int bits(const device *d, const char *key, unsigned count, u64 *out) {
  char value[128], *next = value;
  if (!of_card(d, key, value, sizeof value)) return NOT_SUPPORTED;
  memset(out, 0, count * sizeof *out);
  while (*next) { /* 0-15,32-47 */
    unsigned first = (unsigned)strtoul(next, &next, 10), last = first;
    if (*next == '-') last = (unsigned)strtoul(next + 1, &next, 10);
    for (; first <= last && first < 64 * count; first++) out[first / 64] |= 1ULL << first % 64;
    if (*next == ',') next++;
  }
  return 0;
}
int nvmlDeviceGetCpuAffinity(device *d, unsigned count, u64 *out) {
  ENTER(d); return bits(d, "cpus", count, out);
}

int nvmlDeviceGetEccMode(device *d, unsigned *now, unsigned *pending) {
  long long v; ENTER(d);
  int e = number(d, "ecc", &v);
  if (!e) *now = *pending = (unsigned)v;
  return e;
}
int nvmlDeviceGetUtilizationRates(device *d, unsigned *out) {
  ENTER(d);
  out[0] = (unsigned)or_else(d, "utilisation", 0);
  out[1] = (unsigned)or_else(d, "memory_busy", 0);
  return 0;
}
UINT(nvmlDeviceGetPersistenceMode, "persistence")
ULONG(nvmlDeviceGetCurrentClocksThrottleReasons, "reasons")

UINT(nvmlDeviceGetPowerManagementLimit, "power_limit")
UINT(nvmlDeviceGetPowerManagementDefaultLimit, "power_default")
UINT(nvmlDeviceGetEnforcedPowerLimit, "power_limit")
UINT(nvmlDeviceGetPowerUsage, "power")

static int a_clock(device *d, unsigned kind, unsigned *out, const char *most) {
  char key[32]; long long v;
  snprintf(key, sizeof key, "%s%s", kind == 2 ? "memory_clock" : "sm_clock", most);
  int e = number(d, key, &v);
  if (!e) *out = (unsigned)v;
  return e;
}
int nvmlDeviceGetClockInfo(device *d, unsigned k, unsigned *o) { ENTER(d); return a_clock(d, k, o, ""); }
int nvmlDeviceGetMaxClockInfo(device *d, unsigned k, unsigned *o) { ENTER(d); return a_clock(d, k, o, "_most"); }

UINT(nvmlDeviceGetCurrPcieLinkGeneration, "pcie_generation")
UINT(nvmlDeviceGetCurrPcieLinkWidth, "pcie_lanes")
UINT(nvmlDeviceGetMaxPcieLinkGeneration, "pcie_generation_most")
UINT(nvmlDeviceGetMaxPcieLinkWidth, "pcie_lanes_most")
UINT(nvmlDeviceGetPcieReplayCounter, "pcie_replays")

static int link_key(const device *d, unsigned link, const char *end, char *out, size_t size) {
  snprintf(out, size, "link%u%s", link, end);
  return link < (unsigned)or_else(d, "links", 0);
}
int nvmlDeviceGetNvLinkState(device *d, unsigned link, unsigned *up) {
  char key[32]; ENTER(d);
  if (!link_key(d, link, "", key, sizeof key)) return NOT_SUPPORTED;
  *up = (unsigned)or_else(d, key, 1);
  return 0;
}
int nvmlDeviceGetNvLinkVersion(device *d, unsigned link, unsigned *out) {
  (void)link; ENTER(d); *out = (unsigned)or_else(d, "link_version", 4); return 0;
}
int nvmlDeviceGetNvLinkRemotePciInfo_v2(device *d, unsigned link, pci *out) {
  char key[32]; ENTER(d);
  link_key(d, link, ".remote", key, sizeof key);
  return filled_pci(d, key, out);
}

int nvmlDeviceGetTopologyCommonAncestor(device *a, device *b, unsigned *out) {
  char key[48]; ENTER(a);
  snprintf(key, sizeof key, "pair.%d.%d.level", a->card, b->card);
  *out = (unsigned)system_number(key, system_number("pair.level", 50));
  return 0;
}

/* What explains that a card is slow. */
int nvmlDeviceGetTemperature(device *d, unsigned sensor, unsigned *out) {
  long long v; (void)sensor; ENTER(d);
  int e = number(d, "temperature", &v);
  if (!e) *out = (unsigned)v;
  return e;
}
int nvmlDeviceGetTotalEccErrors(device *d, unsigned kind, unsigned ever, u64 *out) {
  char key[32]; ENTER(d);
  snprintf(key, sizeof key, "ecc_%scorrected%s", kind ? "un" : "", ever ? "_ever" : "");
  *out = (u64)or_else(d, key, 0);
  return 0;
}
int nvmlDeviceGetRemappedRows(device *d, unsigned *corr, unsigned *unc, unsigned *pending, unsigned *failed) {
  ENTER(d);
  *corr = (unsigned)or_else(d, "rows_corrected", 0);
  *unc = (unsigned)or_else(d, "rows_uncorrected", 0);
  *pending = (unsigned)or_else(d, "rows_pending", 0);
  *failed = (unsigned)or_else(d, "rows_failed", 0);
  return 0;
}
int nvmlDeviceGetTemperatureThreshold(device *d, unsigned kind, unsigned *out) {
  long long v; ENTER(d);
  int e = kind == 1 ? number(d, "slowdown", &v) : NOT_SUPPORTED;
  if (!e) *out = (unsigned)v;
  return e;
}
static const char *const HELD[] = {"held_power", "held_thermal", 0, "held_board", 0, "held_reliability"};
typedef struct { u64 reference, violation; } violation;
int nvmlDeviceGetViolationStatus(device *d, unsigned policy, violation *out) {
  long long v; ENTER(d);
  int e = policy < 6 && HELD[policy] ? number(d, HELD[policy], &v) : NOT_SUPPORTED;
  if (!e) { out->reference = 0; out->violation = (u64)v; }
  return e;
}
int nvmlDeviceGetRetiredPages(device *d, unsigned cause, unsigned *count, u64 *out) {
  long long v; ENTER(d);
  if (number(d, cause ? "retired_uncorrected" : "retired_corrected", &v)) return NOT_SUPPORTED;
  for (long long n = 0; out && n < v; n++) out[n] = 0x1000ull * (u64)(n + 1);
  *count = (unsigned)v;
  return out || !v ? 0 : INSUFFICIENT;
}
UINT(nvmlDeviceGetRetiredPagesPendingStatus, "retired_pending")
int nvmlDeviceGetNvLinkErrorCounter(device *d, unsigned link, unsigned counter, u64 *out) {
  static const char *const NAMES[] = {".replay", ".recovery", ".crc_flit", ".crc_data"};
  char key[48]; ENTER(d);
  if (counter > 3 || !link_key(d, link, NAMES[counter], key, sizeof key)) return NOT_SUPPORTED;
  *out = (u64)or_else(d, key, 0);
  return 0;
}

/* Programs. */
typedef struct { unsigned pid; u64 used; unsigned instance, compute; } process;
int nvmlDeviceGetComputeRunningProcesses_v2(device *d, unsigned *count, process *out) {
  char key[32], value[64]; unsigned n = 0; ENTER(d);
  for (; snprintf(key, sizeof key, "process%u", n), of_card(d, key, value, sizeof value); n++)
    if (out && n < *count) {
      char *end;
      out[n].pid = (unsigned)strtoul(value, &end, 10);
      out[n].used = strtoull(*end ? end + 1 : end, 0, 10);
    }
  *count = n;
  return out || !n ? 0 : INSUFFICIENT;
}
int nvmlSystemGetProcessName(unsigned pid, char *out, unsigned size) {
  char key[32];
  snprintf(key, sizeof key, "process.%u", pid);
  return text(key, out, size) ? 0 : NOT_FOUND;
}

/* Events: those that a test adds after a card was registered, each once. */
enum { XID = 8, TIMED_OUT = 10, POLL_MS = 50 };
typedef struct { int listens[CARDS]; } event_set;
typedef struct { device *card; u64 type, value; unsigned instance, compute; } event;
static int last_event[CARDS];

static int next_xid(const device *d, long long *out) {
  char key[32];
  snprintf(key, sizeof key, "xid.%d", last_event[d->card] + 1);
  return !number(d, key, out);
}
int nvmlEventSetCreate(event_set **out) {
  *out = calloc(1, sizeof **out);
  return (int)system_number("driver_error", 0);
}
int nvmlEventSetFree(event_set *set) { free(set); return 0; }
int nvmlDeviceGetSupportedEventTypes(device *d, u64 *out) {
  ENTER(d); *out = or_else(d, "no_events", 0) ? 0 : XID; return 0;
}
int nvmlDeviceRegisterEvents(device *d, u64 types, event_set *set) {
  static int known[CARDS];
  long long ignored; (void)types; ENTER(d);
  while (!known[d->card] && next_xid(d, &ignored)) last_event[d->card]++;
  known[d->card] = set->listens[d->card] = 1;
  return 0;
}
static int look(const event_set *set, event *out) {
  long long xid;
  int away = (int)system_number("driver_error", 0), lost = 0;
  if (away) return away;
  for (int n = 0; n < CARDS; n++) {
    if (!set->listens[n]) continue;
    if (next_xid(&cards[n], &xid)) {
      last_event[n]++;
      memset(out, 0, sizeof *out);
      out->card = &cards[n]; out->type = XID; out->value = (u64)xid;
      return 0;
    }
    lost |= or_else(&cards[n], "lost", 0) != 0;
  }
  return lost ? LOST : TIMED_OUT; /* one lost card ends the wait for all */
}
int nvmlEventSetWait_v2(event_set *set, event *out, unsigned milliseconds) {
  long long end = now_ms() + milliseconds, left;
  unsigned looked_at = version - 1;
  for (;;) {
    int answer = TIMED_OUT;
    refresh();
    if (looked_at != version) answer = look(set, out);
    looked_at = version;
    left = end - now_ms();
    if (answer != TIMED_OUT || left <= 0) return answer;
    usleep((unsigned)(left < POLL_MS ? left : POLL_MS) * 1000);
  }
}

#ifndef OLD_DRIVER
int nvmlDeviceGetComputeRunningProcesses_v3(device *d, unsigned *count, process *out) {
  return nvmlDeviceGetComputeRunningProcesses_v2(d, count, out);
}
typedef struct { unsigned version; u64 total, reserved, free, used; } memory_v2;
int nvmlDeviceGetMemoryInfo_v2(device *d, memory_v2 *out) {
  memory whole; /* whose use counts what the driver keeps */
  int e = nvmlDeviceGetMemoryInfo(d, &whole);
  if (e) return e;
  out->total = whole.total;
  out->reserved = (u64)or_else(d, "memory_reserved", 0);
  out->used = whole.used - out->reserved;
  out->free = whole.free;
  return 0;
}
typedef struct { unsigned version; int margin; } margin;
int nvmlDeviceGetMarginTemperature(device *d, margin *out) {
  long long v; ENTER(d);
  int e = number(d, "margin", &v);
  if (!e) out->margin = (int)v;
  return e;
}

/* Counters by number. */
static const struct { unsigned id; const char *key; } FIELDS[] = {
  {3, "ecc_corrected"}, {4, "ecc_uncorrected"}, {5, "ecc_corrected_ever"}, {6, "ecc_uncorrected_ever"},
  {29, "retired_corrected"}, {30, "retired_uncorrected"}, {31, "retired_pending"}, {74, "held_power"},
  {75, "held_thermal"}, {77, "held_board"}, {79, "held_reliability"}, {82, "memory_temperature"},
  {83, "energy"}, {94, "pcie_replays"}, {142, "rows_corrected"}, {143, "rows_uncorrected"},
  {144, "rows_pending"}, {145, "rows_failed"}, {230, "recovery_action"},
};
typedef struct {
  unsigned id, scope; long long timestamp, latency; unsigned type; int error; u64 value;
} field;
int nvmlDeviceGetFieldValues(device *d, int count, field *out) {
  ENTER(d);
  for (int n = 0; n < count; n++) {
    long long v;
    out[n].error = NOT_SUPPORTED;
    out[n].type = 3; /* unsigned long long */
    for (size_t k = 0; k < sizeof FIELDS / sizeof *FIELDS; k++)
      if (FIELDS[k].id == out[n].id && !(out[n].error = number(d, FIELDS[k].key, &v)))
        out[n].value = (u64)v + (out[n].id == 83 && or_else(d, "energy_grows", 0) ? (u64)now_ms() : 0);
  }
  return 0;
}

/* Performance counters: shares between an older and a newer sample of one card. */
typedef struct { const device *card; int order; } sample;
typedef struct { unsigned id; int error; double value; const char *names[3]; } metric;
typedef struct { unsigned version, count; sample *older, *newer; metric metrics[]; } metrics;
typedef struct { unsigned version, is_supported; } support;
int nvmlGpmQueryDeviceSupport(device *d, support *out) {
  char value[32]; ENTER(d);
  out->is_supported = (unsigned)of_card(d, "gpm_2", value, sizeof value);
  return 0;
}
int nvmlGpmSampleAlloc(sample **out) { *out = calloc(1, sizeof **out); return 0; }
int nvmlGpmSampleFree(sample *one) { free(one); return 0; }
int nvmlGpmSampleGet(device *d, sample *out) {
  static int order;
  ENTER(d);
  out->card = d;
  out->order = ++order;
  return 0;
}
int nvmlGpmMetricsGet(metrics *out) {
  if (out->older->card != out->newer->card || out->older->order >= out->newer->order) return 2;
  for (unsigned n = 0; n < out->count; n++) {
    char key[32], value[32];
    snprintf(key, sizeof key, "gpm_%u", out->metrics[n].id);
    out->metrics[n].error = of_card(out->newer->card, key, value, sizeof value) ? 0 : NOT_SUPPORTED;
    if (!out->metrics[n].error) out->metrics[n].value = strtod(value, 0);
  }
  return 0;
}

UINT(nvmlDeviceGetMemoryBusWidth, "bus_bits")
UINT(nvmlDeviceGetGpuMaxPcieLinkGeneration, "pcie_generation_card")
ULONG(nvmlDeviceGetCurrentClocksEventReasons, "reasons")
ULONG(nvmlDeviceGetTotalEnergyConsumption, "energy")

int nvmlDeviceGetMemoryAffinity(device *d, unsigned count, u64 *out, unsigned scope) {
  (void)scope; ENTER(d); return bits(d, "node", count, out);
}
int nvmlDeviceGetMigMode(device *d, unsigned *now, unsigned *pending) {
  long long v; ENTER(d);
  int e = number(d, "mig", &v);
  if (!e) *now = *pending = (unsigned)v;
  return e;
}
int nvmlDeviceGetMaxMigDeviceCount(device *d, unsigned *out) { ENTER(d); *out = PARTS - 1; return 0; }
int nvmlDeviceGetMigDeviceHandleByIndex(device *d, unsigned index, device **out) {
  char key[32], value[8];
  ENTER(d);
  snprintf(key, sizeof key, "mig%u.memory", index);
  if (index >= PARTS || !of_card(d, key, value, sizeof value)) return NOT_FOUND;
  parts[d->card][index].card = d->card;
  parts[d->card][index].part = (int)index;
  *out = &parts[d->card][index];
  return 0;
}
typedef struct { unsigned sms, copies, decoders, encoders, jpegs, ofas, slices, computes; u64 mb; } attributes;
int nvmlDeviceGetAttributes_v2(device *d, attributes *out) {
  char key[32]; ENTER(d);
  memset(out, 0, sizeof *out);
  snprintf(key, sizeof key, "mig%d.sms", d->part);
  out->sms = (unsigned)or_else(d, key, 0);
  return 0;
}
typedef struct { unsigned char cluster[16]; unsigned status, clique; unsigned char state; } fabric;
int nvmlDeviceGetGpuFabricInfo(device *d, fabric *out) {
  long long v; ENTER(d);
  int e = number(d, "fabric", &v);
  if (!e) { memset(out, 0, sizeof *out); out->state = (unsigned char)v; }
  return e;
}
int nvmlDeviceGetNvLinkRemoteDeviceType(device *d, unsigned link, unsigned *out) {
  char key[32]; ENTER(d);
  link_key(d, link, ".type", key, sizeof key);
  *out = (unsigned)or_else(d, key, or_else(d, "link_type", 255));
  return 0;
}
int nvmlDeviceGetP2PStatus(device *a, device *b, unsigned index, unsigned *out) {
  char key[48]; (void)index; ENTER(a);
  snprintf(key, sizeof key, "pair.%d.%d.p2p", a->card, b->card);
  *out = (unsigned)system_number(key, system_number("pair.p2p", 0));
  return 0;
}
#endif
