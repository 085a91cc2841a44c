import type { CodeLimits } from '../job.ts';
import { FILES_BYTES } from '../scratch.ts';
import { PYTHON_PROGRAM, SCRATCH } from './python-program.ts';

/** The file descriptors of the report and of the filter of system calls. */
export const REPORT_FD = 3;
export const FILTER_FD = 4;
/**
 * The size of the scratch folder: the files at the start, the files at the end, and partly filled
 * pages.
 */
export const SCRATCH_BYTES = 2 * FILES_BYTES + 1024 * 1024;

/**
 * Builds the arguments of bwrap for one job. The job can read programs and libraries of the system
 * and write only to a folder in memory. It has no network, no other process and no environment
 * variables of the worker. It is one process without threads, so the memory of the process is the
 * memory of the job.
 */
export function bubblewrapArguments({ timeout_ms, memory_mb }: CodeLimits): string[] {
  return [
    ...[
      '--unshare-all',
      '--unshare-user',
      '--disable-userns',
      '--die-with-parent',
      '--new-session',
    ],
    ...['--clearenv', '--setenv', 'PATH', '/usr/bin', '--setenv', 'LANG', 'C.UTF-8'],
    ...['--setenv', 'OMP_NUM_THREADS', '1', '--setenv', 'OPENBLAS_NUM_THREADS', '1'],
    ...['--ro-bind', '/usr/bin', '/usr/bin', '--ro-bind', '/usr/lib', '/usr/lib'],
    ...['--ro-bind-try', '/usr/lib64', '/usr/lib64'],
    ...['--ro-bind-try', '/usr/share/zoneinfo', '/usr/share/zoneinfo'],
    ...['--symlink', 'usr/lib', '/lib', '--symlink', 'usr/lib64', '/lib64'],
    ...['--symlink', 'usr/bin', '/bin'],
    ...['--dev-bind', '/dev/null', '/dev/null', '--dev-bind', '/dev/urandom', '/dev/urandom'],
    ...['--size', String(SCRATCH_BYTES), '--tmpfs', SCRATCH, '--chdir', SCRATCH],
    ...['--remount-ro', '/', '--cap-drop', 'ALL', '--seccomp', String(FILTER_FD)],
    ...[
      '/usr/bin/prlimit',
      `--as=${memory_mb * 1024 * 1024}`,
      '--nproc=1',
      '--nofile=64',
      '--core=0',
    ],
    // one byte above the limit, so that a truncated file is detected as too large
    ...[`--fsize=${FILES_BYTES + 1}`, `--cpu=${Math.ceil(timeout_ms / 1000) + 1}`],
    ...['/usr/bin/python3', '-I', '-c', PYTHON_PROGRAM],
  ];
}
