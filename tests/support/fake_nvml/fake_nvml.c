/* A stand-in for libnvidia-ml.so.1, so that tests take the path of the real nvidia-ml-py.
 *
 * It answers from the file that FAKE_NVML_STATE names, read anew at every call, so that a test can
 * change a machine while a program looks at it. One KEY=VALUE a line, in the units of NVML:
 *
 *   count=8  driver=550.54.15  cuda=12040  init=18        (init: the error of nvmlInit)
 *   gpu*.name=NVIDIA H100 80GB HBM3                        (of every card)
 *   gpu3.lost=1                                            (NVML_ERROR_GPU_IS_LOST from all)
 *   gpu3.error.nvmlDeviceGetEccMode=3                      (one function of one card)
 *   gpu2.hang=nvmlDeviceGetClockInfo                       (never comes back)
 *   gpu0.link5=0  pair.0.1.level=20  pair.0.1.p2p=1
 *
 * A card's own key counts before gpu*. What is not named is not supported (NVML_ERROR 3).
 * With -DOLD_DRIVER functions of newer drivers are not in the library.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long long u64;
typedef struct { int card, part; } device;
enum { CARDS = 16, PARTS = 8, NOT_SUPPORTED = 3, NOT_FOUND = 6, LOST = 15 };
static device cards[CARDS], parts[CARDS][PARTS];

static int text(const char *key, char *out, size_t size) {
  const char *path = getenv("FAKE_NVML_STATE");
  FILE *file = path ? fopen(path, "r") : 0;
  char line[512];
  int found = 0;
  size_t length = strlen(key);
  if (!file) return 0;
  while (!found && fgets(line, sizeof line, file))
    if (!strncmp(line, key, length) && line[length] == '=') {
      line[strcspn(line, "\r\n")] = 0;
      snprintf(out, size, "%s", line + length + 1);
      found = 1;
    }
  fclose(file);
  return found;
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

static int entered(const char *function, const device *d) {
  char value[160], name[160];
  if (or_else(d, "lost", 0)) return LOST;
  if (of_card(d, "hang", value, sizeof value) && !strcmp(value, function))
    for (;;) pause();
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

static long long system_number(const char *key, long long otherwise) {
  char value[64];
  return text(key, value, sizeof value) ? strtoll(value, 0, 0) : otherwise;
}

int nvmlInit_v2(void) { return (int)system_number("init", 0); }
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
  ENTER(d); out[0] = (unsigned)or_else(d, "utilisation", 0); out[1] = 0; return 0;
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
int nvmlDeviceGetTotalEccErrors(device *d, unsigned kind, unsigned counter, u64 *out) {
  (void)counter; ENTER(d); *out = (u64)or_else(d, kind ? "ecc_uncorrected" : "ecc_corrected", 0); return 0;
}
int nvmlDeviceGetRemappedRows(device *d, unsigned *corr, unsigned *unc, unsigned *pending, unsigned *failed) {
  ENTER(d);
  *corr = (unsigned)or_else(d, "rows_corrected", 0);
  *unc = (unsigned)or_else(d, "rows_uncorrected", 0);
  *pending = (unsigned)or_else(d, "rows_pending", 0);
  *failed = (unsigned)or_else(d, "rows_failed", 0);
  return 0;
}

#ifndef OLD_DRIVER
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
