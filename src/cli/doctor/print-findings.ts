import { type CliIo, paintResult } from '../output/output.ts';
import type { Finding } from './finding.ts';

/**
 * Prints each finding with its fix. A finding that is not wrong but has a fix is a note, such as a
 * model that only other machines can use.
 */
export function printFindings(io: CliIo, findings: readonly Finding[]): void {
  for (const { check, ok, found, fix } of findings) {
    const result = ok ? (fix ? 'note' : 'ok') : 'BAD';
    const word = paintResult(io, ok ? 'cyan' : 'red', result.padEnd(4));
    io.out(`${word} ${check.padEnd(11)} ${found}`);
    if (fix) io.out(`     ${''.padEnd(11)} ${fix}`);
  }
}
