// System calls that Python does not need and that attacks use: other processes, mounts, keys,
// tracing, sockets, and memory that no limit counts. The numbers by processor, all in this order:
// ptrace, process_vm_readv, process_vm_writev, kcmp, perf_event_open, personality, mount, umount2,
// pivot_root, chroot, fsopen, move_mount, open_tree, mount_setattr, unshare, setns,
// name_to_handle_at, open_by_handle_at, add_key, request_key, keyctl, bpf, userfaultfd,
// io_uring_setup, io_uring_enter, io_uring_register, socket, shmget, shmat, msgget, semget,
// mq_open, memfd_create, memfd_secret, vmsplice, fanotify_init, syslog.
const FILTERS: Partial<Record<string, { arch: number; refused: number[] }>> = {
  x64: {
    arch: 0xc000003e,
    refused: [
      101, 310, 311, 312, 298, 135, 165, 166, 155, 161, 430, 429, 428, 442, 272, 308, 303, 304, 248,
      249, 250, 321, 323, 425, 426, 427, 41, 29, 30, 68, 64, 240, 319, 447, 278, 300, 103,
    ],
  },
  arm64: {
    arch: 0xc00000b7,
    refused: [
      117, 270, 271, 272, 241, 92, 40, 39, 41, 51, 430, 429, 428, 442, 97, 268, 264, 265, 217, 218,
      219, 280, 282, 425, 426, 427, 198, 194, 196, 186, 190, 180, 279, 447, 75, 262, 116,
    ],
  },
};

const LOAD = 0x20;
const IF_EQUAL = 0x15;
const IF_AT_LEAST = 0x35;
const RETURN = 0x06;
const ALLOW = 0x7fff0000;
const REFUSE = 0x00050001; // with EPERM
const KILL = 0x80000000;
const OTHER_NUMBERS = 0x40000000; // the calls of x32, which have other numbers in the same kernel

/**
 * Builds the filter of system calls for bubblewrap's --seccomp. Returns undefined for a processor
 * without numbers in this file.
 */
export function seccompFilter(processor: string): Buffer | undefined {
  const filter = FILTERS[processor];
  if (!filter) return undefined;
  const { arch, refused } = filter;
  const checks = [
    [IF_AT_LEAST, OTHER_NUMBERS] as const,
    ...refused.map((n) => [IF_EQUAL, n] as const),
  ];
  return Buffer.concat([
    instruction(LOAD, 4),
    instruction(IF_EQUAL, arch, 1, 0),
    instruction(RETURN, KILL),
    instruction(LOAD, 0),
    ...checks.map(([test, value], index) => instruction(test, value, checks.length - index, 0)),
    instruction(RETURN, ALLOW),
    instruction(RETURN, REFUSE),
  ]);
}

/**
 * Encodes one BPF instruction, with the number of instructions to skip if its test is true or
 * false.
 */
function instruction(code: number, value: number, then = 0, otherwise = 0): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(then, 2);
  bytes.writeUInt8(otherwise, 3);
  bytes.writeUInt32LE(value, 4);
  return bytes;
}
