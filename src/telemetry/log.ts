import { type Logger, pino } from 'pino';
import type { TelemetrySettings } from '../settings/telemetry-settings.ts';
import type { LogRedaction } from './log-redaction.ts';
import { prettyLine } from './pretty-line.ts';

/** The destination of log lines. Tests pass their own. */
export type Sink = { write(line: string): unknown };

export type LoggerOptions = Pick<TelemetrySettings, 'logLevel' | 'logFormat'> & {
  redaction: LogRedaction;
  /** True when the log goes to a terminal. */
  isTty: boolean;
  isColoured: boolean;
};

/**
 * Creates a structured log: one JSON object per line, or one readable line. The log goes to stderr,
 * because stdout belongs to results. Every line passes through the redaction, including errors of
 * other packages.
 */
export function createLog(options: LoggerOptions, sink: Sink = pino.destination(2)): Logger {
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
