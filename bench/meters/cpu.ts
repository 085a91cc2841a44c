import { readdirSync, readFileSync } from 'node:fs';

// CPU time from /proc. Unlike elapsed time it does not depend on how busy the machine is.

/**
 * Microseconds of a clock tick of /proc/PID/stat. USER_HZ is 100 on all Linux platforms of Node.
 */
const TICK_US = 10_000;
const ATTEMPTS = 5;

/** CPU time of a process, and of its children that have ended (`reapedUs`). */
type Stat = { parent: number; us: number; reapedUs: number };

/**
 * Returns the microseconds of CPU that a process and its children have used so far. Children that
 * have ended are included, `excluded` children are not. For a PostgreSQL server this is the
 * postmaster with all backends and background processes. Undefined if /proc does not list the
 * process.
 */
export function readTreeCpuUs(pid: number, excluded: readonly number[] = []): number | undefined {
  for (let attempt = 1; ; attempt += 1) {
    const before = readStat(pid);
    const children = childrenOf(pid, excluded);
    const after = readStat(pid);
    if (!before || !after) return undefined;
    // A child that ends between the two readings would count twice or not at all.
    if (before.reapedUs === after.reapedUs || attempt === ATTEMPTS) {
      return after.us + after.reapedUs + children;
    }
  }
}

function childrenOf(pid: number, excluded: readonly number[]): number {
  return readdirSync('/proc')
    .map(Number)
    .filter((child) => child > 0 && !excluded.includes(child))
    .map(readStat)
    .reduce((sum, child) => sum + (child?.parent === pid ? child.us : 0), 0);
}

function readStat(pid: number): Stat | undefined {
  const text = readProc(pid, 'stat');
  if (text === undefined) return undefined;
  // The name of the program is in brackets, and may contain spaces and brackets.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = (...indexes: number[]): number =>
    indexes.reduce((sum, index) => sum + Number(fields[index]), 0) * TICK_US;
  return { parent: Number(fields[1]), us: exactUs(pid) ?? ticks(11, 12), reapedUs: ticks(13, 14) };
}

/**
 * Returns the microseconds of the main thread, which is the only thread of a PostgreSQL process.
 * Undefined if the kernel does not count them; it then reports 0.
 */
function exactUs(pid: number): number | undefined {
  const text = readProc(pid, 'schedstat');
  const [nanoseconds] = text?.split(' ') ?? [];
  const us = Number(nanoseconds) / 1_000;
  return us > 0 ? us : undefined;
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return undefined; // the process has ended, or there is no /proc
  }
}
