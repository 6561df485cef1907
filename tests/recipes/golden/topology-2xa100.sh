#!/bin/sh
# Is this machine the one that was planned: 2xa100-sxm-80gb?
# Run it on the machine before the engine: sh topology.sh
# It changes nothing. A line a check: PASS, FAIL (with what to do), SKIP (not checked) or NOTE.
# Exit status: 0 without a FAIL, 1 with one, 2 where nothing could be read.
set -u
failures=0
pass() { printf 'PASS %s\n' "$1"; }
fail() { printf 'FAIL %s\n     %s\n' "$1" "$2"; failures=$((failures + 1)); }
skip() { printf 'SKIP %s\n' "$1"; }
note() { printf 'NOTE %s\n' "$1"; }
is_number() { case "$1" in '' | *[!0-9]*) return 1 ;; esac; }
is_below() { awk -v one="$1" -v other="$2" 'BEGIN { exit !(one + 0 < other + 0) }'; }
is_older() {
  awk -v one="$1" -v other="$2" 'BEGIN {
    split(one, a, "."); n = split(other, b, ".")
    for (i = 1; i <= n; i++) if (a[i] + 0 != b[i] + 0) exit !(a[i] + 0 < b[i] + 0)
    exit 1
  }'
}
# Of a matrix of nvidia-smi: each pair of the first 2 cards, and what joins it.
pairs() {
  awk -v cards=2 '$1 ~ /^GPU[0-9]+$/ {
    i = substr($1, 4) + 0
    if (i < cards && $(i + 2) == "X") for (j = 0; j < cards; j++) if (i != j) print i, j, $(j + 2)
  }'
}

if ! command -v nvidia-smi >/dev/null 2>&1; then
  echo 'FAIL nvidia-smi: it is not on PATH'
  echo '     install a newer driver of NVIDIA, and restart the machine'
  exit 2
fi
fields=index,name,memory.total,pcie.link.gen.max,pcie.link.width.current,persistence_mode
fields=$fields,ecc.mode.current,mig.mode.current,power.limit,driver_version
if ! rows=$(nvidia-smi --query-gpu="$fields" --format=csv,noheader,nounits); then
  printf 'FAIL nvidia-smi: %s\n     install a newer driver of NVIDIA, and restart the machine\n' "$rows"
  exit 2
fi
rows=$(printf '%s\n' "$rows" | sed 's/, */,/g')

# How many cards there are, and their driver.
count=$(printf '%s\n' "$rows" | grep -c '^[0-9]')
if [ "$count" -lt 2 ]; then
  fail "cards: $count of 2" 'seat the missing card again and read dmesg; or plan for the cards that are there'
else
  pass "cards: $count, planned 2"
fi
driver=$(printf '%s\n' "$rows" | awk -F, 'NR == 1 { print $10 }')
if is_older "$driver" 580; then
  fail "driver: $driver, needed 580 or newer" 'install a newer driver of NVIDIA, and restart the machine'
else
  pass "driver: $driver, needed 580 or newer"
fi

# Each card: its name, memory, slot, and settings.
while IFS=, read -r index name memory generation lanes persistence ecc mig watts _; do
  case "$index" in
    0 | 1)
      title='A100 SXM4 80 GB' least_mib=81100 most_mib=84377 least_generation=4
      least_lanes=16 least_watts=380 wants_mig=Disabled
      wants_ecc=yes
      names='|a100|a10080|a10080gb|a10080gbsxm|a10080gbsxm4|a10080sxm|a100sxm|a100sxm4|a100sxm480gb|a100sxm80gb|'
      ;;
    *) continue ;;
  esac
  before=$failures
  plain=$(printf '%s' "$name" | tr '[:upper:]' '[:lower:]' | tr -d ' _-' |
    sed 's/nvidia//g; s/geforce//g; s/tesla//g')
  has_memory=yes
  if is_number "$memory" && [ "$memory" -lt "$least_mib" ]; then has_memory=no; fi
  case "$names" in
    *"|$plain|"*) ;;
    *)
      if [ "$has_memory" = no ] || { is_number "$memory" && [ "$memory" -gt "$most_mib" ]; }; then
        fail "card $index: it is a $name, planned is a $title" 'plan for the cards that are there, in the order of nvidia-smi'
      else
        note "card $index: $name is no name known of a $title, but has its memory"
      fi
      ;;
  esac
  if [ "$has_memory" = no ]; then
    fail "card $index: $memory MiB, planned $least_mib or more" 'plan with --on this after rightrig probe, so that the cards count as they are'
  fi
  if is_number "$generation" && [ "$generation" -lt "$least_generation" ]; then
    fail "card $index: PCIe generation $generation, planned $least_generation" 'take another slot, set it in the firmware, or write @pcie4x16 into the rig'
  fi
  if is_number "$lanes" && [ "$lanes" -lt "$least_lanes" ]; then
    fail "card $index: PCIe x$lanes, planned x$least_lanes" 'seat card and riser again, set the bifurcation in the firmware, or write @pcie4x4'
  fi
  case "$mig" in
    "$wants_mig") ;;
    Enabled) fail "card $index: MIG is on, planned is the whole card" 'nvidia-smi -i CARD -mig 0, as root, while nobody uses the card' ;;
    Disabled) fail "card $index: MIG is off, planned are instances" 'cut the cards as rightrig tenants --recipe nvidia-smi says' ;;
  esac
  if [ "$least_watts" -gt 0 ] && is_below "$watts" "$least_watts" && [ "${watts#\[}" = "$watts" ]; then
    fail "card $index: limited to $watts W, planned $least_watts or more" 'nvidia-smi -i CARD -pl WATTS, as root; or write the limit into the rig (@220w)'
  fi
  if [ "$failures" = "$before" ]; then
    pass "card $index: $name, $memory MiB, PCIe $generation x$lanes, $watts W"
  fi
  if [ "$persistence" = Disabled ]; then note "card $index: persistence is off: the first start after a pause takes longer"; fi
  if [ "$wants_ecc$ecc" = yesDisabled ]; then note "card $index: error correction is off: errors of memory go unseen"; fi
done <<EOF
$rows
EOF

# Memory errors that were not corrected.
errors=$(nvidia-smi --query-gpu=index,ecc.errors.uncorrected.volatile.total \
  --format=csv,noheader,nounits 2>/dev/null | awk -F', *' '$2 + 0 > 0 { print $1 }' | tr '\n' ' ')
if [ -n "$errors" ]; then
  fail "memory errors on card $errors" 'nvidia-smi -q -d ECC; reset the card, replace it if they come again'
else
  pass 'memory errors: none counted since the driver was loaded'
fi

# NVLinks that are up.
links=$(nvidia-smi nvlink -s 2>/dev/null | awk '
  /^GPU [0-9]+:/ { card = $2 + 0; up[card] += 0 }
  /Link [0-9]+: [0-9.]+ GB\/s/ { up[card]++ }
  END { for (card in up) print card, up[card] }' | sort -n)
while read -r card wants; do
  up=$(printf '%s\n' "$links" | awk -v card="$card" '$1 == card { print $2 }')
  if [ "${up:-0}" -lt "$wants" ]; then
    fail "NVLink: card $card has ${up:-0} of $wants links up" 'nvidia-smi nvlink -e shows errors; seat the bridge or board again, reset the card'
  else
    pass "NVLink: card $card has $up of $wants links up"
  fi
done <<EOF
0 12
1 12
EOF

# What joins the cards.
joined=$(nvidia-smi topo -m 2>/dev/null | pairs)
apart=$(printf '%s\n' "$joined" | awk '$3 !~ /^NV/ && $1 < $2 { printf "%s-%s=%s ", $1, $2, $3 }')
if [ -z "$joined" ]; then
  fail 'paths: nvidia-smi topo -m shows no pair of the planned cards' 'see that the bridge is seated, and that nvidia-fabricmanager runs on a board of SXM'
elif [ -n "$apart" ]; then
  fail "paths: without NVLink: $apart" 'see that the bridge is seated, and that nvidia-fabricmanager runs on a board of SXM'
else
  pass 'paths: every pair is joined by NVLink'
fi

# Whether one card may read another.
peers=$(nvidia-smi topo -p2p r 2>/dev/null | pairs)
barred=$(printf '%s\n' "$peers" | awk '$3 != "OK" && $1 < $2 { printf "%s-%s=%s ", $1, $2, $3 }')
if [ -z "$peers" ]; then
  skip 'peers: this driver has no nvidia-smi topo -p2p'
elif [ -n "$barred" ]; then
  fail "peers: not allowed: $barred" 'turn ACS or the IOMMU off in the firmware, or write @no-p2p into the rig'
else
  pass 'peers: every pair may read each other'
fi

# What an all-reduce of 256 MiB reaches; nccl-tests, once built, says it.
tool=${ALL_REDUCE_PERF:-all_reduce_perf}
if ! command -v "$tool" >/dev/null 2>&1; then
  skip 'all-reduce: build nccl-tests of NVIDIA and set ALL_REDUCE_PERF to its all_reduce_perf'
else
  rate=$("$tool" -b 256M -e 256M -g 2 2>/dev/null | awk -F: '/Avg bus bandwidth/ { print $2 + 0 }')
  if [ -z "$rate" ]; then
    fail 'all-reduce: all_reduce_perf ended without a figure' 'run it by hand with NCCL_DEBUG=INFO; NCCL_P2P_DISABLE=1 tells whether peers are why'
  elif is_below "$rate" 139.8; then
    fail "all-reduce: $rate GB/s on the bus, at least 139.8 is predicted" 'look at links and slots above; set NCCL_DEBUG=INFO to see which way NCCL takes'
  else
    pass "all-reduce: $rate GB/s on the bus, at least 139.8 is predicted"
  fi
fi

# What a copy between two cards reaches; p2pBandwidthLatencyTest of NVIDIA's CUDA samples says it.
tool=${P2P_TEST:-p2pBandwidthLatencyTest}
if ! command -v "$tool" >/dev/null 2>&1; then
  skip 'copies: set P2P_TEST to p2pBandwidthLatencyTest of the CUDA samples'
else
  rate=$("$tool" 2>/dev/null | awk -v cards=2 '
    /^Unidirectional P2P=Enabled/ { on = 1; next }
    on && /D.D/ { next }
    on && $1 ~ /^[0-9]+$/ {
      for (j = 2; j <= NF && j < cards + 2; j++)
        if (j - 2 != $1 && $1 < cards) if (least == "" || $j + 0 < least) least = $j + 0
      next
    }
    on { on = 0 }
    END { print least }')
  if [ -z "$rate" ]; then
    skip 'copies: p2pBandwidthLatencyTest gave no figures'
  elif is_below "$rate" 180.0; then
    fail "copies: $rate GB/s between the slowest two cards, 180.0 at least" 'look at links and slots above; set NCCL_DEBUG=INFO to see which way NCCL takes'
  else
    pass "copies: $rate GB/s between the slowest two cards, 180.0 at least"
  fi
fi

if [ "$failures" -gt 0 ]; then
  echo "$failures of the checks failed: what was predicted does not hold for this machine"
  exit 1
fi
echo 'this machine is as planned, as far as was checked'
