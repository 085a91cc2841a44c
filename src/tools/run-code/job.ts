import type { Json } from '../../json/json.ts';

/** Bytes, in UTF-8, of what code printed that are kept, and of what it may give as its result. */
export const STDOUT_BYTES = 16_384;
export const RESULT_BYTES = 32_768;

export type CodeLimits = { timeout_ms: number; memory_mb: number };

export type CodeJob = CodeLimits & {
  code: string;
  /** What the code sees as `data`. */
  data: Json;
  /** What it finds in its scratch folder. */
  files: readonly CodeFile[];
};

/** A file of the scratch folder; `type` where the code said one. */
export type CodeFile = { name: string; bytes: Uint8Array; type?: string };

/**
 * - `threw`: the code is wrong, or wants something that is not there
 * - `time`, `memory`, `stack`: it was stopped at a limit;  `result`: what it gives is too large or no JSON
 * - `files`: what it left in its scratch folder cannot be taken
 * - `lost`: the sandbox is gone, which is not the code's doing as far as one knows
 */
export type CodeFault = {
  fault: 'threw' | 'time' | 'memory' | 'stack' | 'result' | 'files' | 'lost';
  message: string;
  line?: number | undefined;
  column?: number | undefined;
};

/** What came of a job. `result` is JSON as text; `stdout` is there whatever happened, as far as it was heard. */
export type CodeReport = { stdout: string } & (CodeEnd | CodeFault);

/** The result as JSON, and the files that the code wrote. */
export type CodeEnd = { result: string; files: readonly CodeFile[] };

/** As much of a text as fits into so many bytes of UTF-8, and a line that says so when it is not all. */
export function kept(text: string, bytes: number): string {
  const all = Buffer.from(text);
  if (all.byteLength <= bytes) return text;
  const beginning = all
    .subarray(0, bytes)
    .toString('utf8')
    .replace(/\ufffd+$/, '');
  return `${beginning}\n[cut off after ${bytes} bytes]`;
}
