import { type Logger, pino } from 'pino';
import type { TelemetrySettings } from '../settings/telemetry-settings.ts';
import type { LogRedaction } from './log-redaction.ts';
import { prettyLine } from './pretty-line.ts';

/** Where lines go; a test gives its own. */
export type Sink = { write(line: string): unknown };

export type LogOptions = Pick<TelemetrySettings, 'logLevel' | 'logFormat'> & {
  redaction: LogRedaction;
  /** Whether a person looks at it. */
  isTty: boolean;
  isColoured: boolean;
};

/**
 * Structured logs: one JSON object per line, or one line for people. On stderr: stdout belongs to results. Whatever is in a
 * line, an error of somebody else too, goes through the redaction.
 */
export function createLog(options: LogOptions, sink: Sink = pino.destination(2)): Logger {
  const { logLevel, redaction, isTty, isColoured } = options;
  const format = options.logFormat ?? (isTty ? 'pretty' : 'json');
  return pino(
    {
      level: logLevel,
      base: { pid: process.pid },
      hooks: { streamWrite: (line) => redaction.clean(line) },
    },
    format === 'json'
      ? sink
      : { write: (line: string) => sink.write(prettyLine(line, isColoured)) },
  );
}
