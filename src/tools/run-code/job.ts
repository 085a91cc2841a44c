import type { Json } from '../../json/json.ts';
import { firstBytes } from '../../text/truncate.ts';

/** The largest stdout that is kept, and the largest result, both in bytes of UTF-8. */
export const STDOUT_BYTES = 16_384;
export const RESULT_BYTES = 32_768;

export type CodeLimits = { timeout_ms: number; memory_mb: number };

export type CodeJob = CodeLimits & {
  code: string;
  /** The value of the variable `data`. */
  data: Json;
  /** The files in the scratch folder at the start. */
  files: readonly CodeFile[];
};

/** A file of the scratch folder. `type` is set if the code stated one. */
export type CodeFile = { name: string; bytes: Uint8Array; type?: string };

/**
 * A failed job:
 *
 * - `threw`: The code is wrong, or needs something that does not exist.
 * - `time`, `memory`, `stack`: The code was stopped at a limit.
 * - `result`: The result is too large or not JSON.
 * - `files`: The files in the scratch folder cannot be returned.
 * - `lost`: The sandbox ended, probably not because of the code.
 */
export type CodeFault = {
  fault: 'threw' | 'time' | 'memory' | 'stack' | 'result' | 'files' | 'lost';
  message: string;
  line?: number | undefined;
  column?: number | undefined;
};

/**
 * The report of a job. `result` is JSON as text. `stdout` is always present, up to the limit and as
 * far as it was received.
 */
export type CodeReport = { stdout: string } & (CodeEnd | CodeFault);

/** The result as JSON, and the files that the code wrote. */
export type CodeEnd = { result: string; files: readonly CodeFile[] };

/** Truncates a text to a number of UTF-8 bytes. A truncated text ends with a line that says so. */
export function truncateOutput(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  return `${firstBytes(text, bytes)}\n[cut off after ${bytes} bytes]`;
}
