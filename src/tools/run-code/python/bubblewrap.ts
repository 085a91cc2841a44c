import type { CodeLimits } from '../job.ts';
import { FILES_BYTES } from '../scratch.ts';
import { PYTHON_PROGRAM, SCRATCH } from './python-program.ts';

/** Where the report comes out, and where the filter of system calls goes in. */
export const REPORT_FD = 3;
export const FILTER_FD = 4;
/** Of the scratch folder: what is given, what comes back, and the pages these do not fill. */
export const SCRATCH_BYTES = 2 * FILES_BYTES + 1024 * 1024;

/**
 * The arguments of bwrap for one job: programs and libraries of the system to read, nothing to write but a folder in memory, no network, no other
 * process, no variable, and one process without threads, whose memory is therefore the memory of the job.
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
    // one more than may come back: what is cut off there is seen to be too large
    ...[`--fsize=${FILES_BYTES + 1}`, `--cpu=${Math.ceil(timeout_ms / 1000) + 1}`],
    ...['/usr/bin/python3', '-I', '-c', PYTHON_PROGRAM],
  ];
}
