import { parseJson } from '../../../json/parse-json.ts';
import { firstCharacters } from '../../../text/truncate.ts';
import { type CodeEnd, type CodeFault, type CodeJob, RESULT_BYTES } from '../job.ts';
import { MAX_FILES, Scratch } from '../scratch.ts';

/** The faults that a report may contain. */
const FAULTS = ['threw', 'memory', 'result', 'files'];

/** The report that the code may have written. */
type Report = { [field in 'result' | 'files' | 'message' | 'line' | 'column']: unknown } & {
  fault: CodeFault['fault'];
};

/**
 * Parses the report. The code may have written any other bytes in its place; these give undefined.
 */
export function reportIn(report: Buffer, job: CodeJob): CodeEnd | CodeFault | undefined {
  const line = report.indexOf('\n');
  const end = line < 0 ? report.length : line;
  try {
    const parsed = parseJson<Report>(report.subarray(0, end).toString('utf8'));
    if (typeof parsed.result === 'string') {
      parseJson(parsed.result);
      return Buffer.byteLength(parsed.result) <= RESULT_BYTES
        ? endOf(parsed.result, parsed.files, report.subarray(end + 1), job)
        : undefined;
    }
    const { fault, message, line: row, column } = parsed;
    return FAULTS.includes(fault) && typeof message === 'string'
      ? {
          fault,
          message: firstCharacters(message, 4_000),
          line: placeIn(row),
          column: placeIn(column),
        }
      : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads the files after the report. Returns undefined when their lengths do not match. Names and
 * limits are checked as in every scratch folder.
 */
function endOf(
  result: string,
  files: unknown,
  content: Buffer,
  job: CodeJob,
): CodeEnd | CodeFault | undefined {
  if (!Array.isArray(files) || files.length > 2 * MAX_FILES) return undefined;
  const inputs = new Map(job.files.map((file) => [file.name, file.bytes]));
  const scratch = new Scratch([]);
  let from = 0;
  for (const { name, bytes: length } of files) {
    if (typeof name !== 'string' || !Number.isSafeInteger(length) || length < 0) return undefined;
    const bytes = content.subarray(from, from + length);
    from += length;
    if (from > content.length) return undefined;
    if (inputs.get(name) && Buffer.compare(inputs.get(name) as Uint8Array, bytes) === 0) continue;
    try {
      scratch.write({ name, bytes });
    } catch (error) {
      return { fault: 'files', message: (error as Error).message };
    }
  }
  return from === content.length ? { result, files: scratch.made } : undefined;
}

function placeIn(value: unknown): number | undefined {
  return Number.isSafeInteger(value) ? (value as number) : undefined;
}
