/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Helpers that read kernel memory are for GPL-compatible programs only; the sources are ours under
 * both licences. */
#include "kernel.h"

const char gpl_compatible[] SEC("license") = "Dual MIT/GPL";
