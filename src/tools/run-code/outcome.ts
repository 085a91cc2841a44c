import type { ToolOutcome } from '../../contracts/agents/tool.ts';
import type { Json } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import type { CodeFault, CodeLimits, CodeReport } from './job.ts';

/** Converts a report for the model: the result and the printed text, or the fault and its place. */
export function codeOutcome(report: CodeReport, limits: CodeLimits): ToolOutcome {
  const { stdout } = report;
  if ('result' in report) {
    const result = parseJson(report.result) as Json;
    return { ok: true, value: { result, stdout } };
  }
  const { fault, line, column } = report;
  return {
    ok: false,
    error: {
      code: fault === 'time' ? 'timeout' : 'tool_failed',
      message: sentence(report, limits),
      retryable: fault === 'lost', // the same code would fail the same way
      cause: {
        ...(line === undefined ? {} : { line }),
        ...(column === undefined ? {} : { column }),
        stdout,
      },
    },
  };
}

function sentence({ fault, message, line, column }: CodeFault, limits: CodeLimits): string {
  switch (fault) {
    case 'time':
      return `the code was stopped: it took more than ${limits.timeout_ms} ms`;
    case 'memory':
      return `the code was stopped: it needed more than ${limits.memory_mb} MB of memory`;
    case 'threw':
      return line === undefined
        ? message
        : `${message} (line ${line}${column === undefined ? '' : `, column ${column}`})`;
    case 'files':
      return message;
    case 'stack':
    case 'result':
      return `the code was stopped: ${message}`;
    case 'lost':
      return `the sandbox was lost while the code ran: ${message}`;
  }
}
