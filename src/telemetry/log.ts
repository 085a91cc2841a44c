import { type Logger, type LoggerOptions as OptionsOfPino, pino } from 'pino';
import type { TelemetrySettings } from '../settings/telemetry-settings.ts';
import type { LogRedaction } from './log-redaction.ts';
import { OutageLines, type Outages } from './outage-lines.ts';
import { prettyLine } from './pretty-line.ts';

type HookOfPino = NonNullable<NonNullable<OptionsOfPino['hooks']>['logMethod']>;

/** The level `warn` of pino. Lines below it tell of no failure. */
const WARN = 40;

/** The destination of log lines. Tests pass their own. */
export type Sink = { write(line: string): unknown };

export type LoggerOptions = Pick<TelemetrySettings, 'logLevel' | 'logFormat'> & {
  redaction: LogRedaction;
  /** True when the log goes to a terminal. */
  isTty: boolean;
  isColoured: boolean;
  /** Tells outages of the database, whose repeated lines are left out. */
  outages?: Outages | undefined;
};

/**
 * Creates a structured log: one JSON object per line, or one readable line. The log goes to stderr,
 * because stdout belongs to results. Every line passes through the redaction, including errors of
 * other packages.
 */
export function createLog(options: LoggerOptions, sink: Sink = pino.destination(2)): Logger {
  const { logLevel, redaction, isTty, isColoured } = options;
  const format = options.logFormat ?? (isTty ? 'pretty' : 'json');
  const lines =
    options.outages &&
    new OutageLines(options.outages, (outage) => log.warn(outage, 'the database answers again'));
  const log: Logger = pino(
    {
      level: logLevel,
      base: { pid: process.pid },
      hooks: {
        streamWrite: (line) => redaction.clean(line),
        ...(lines && { logMethod: hookOf(lines) }),
      },
    },
    format === 'json'
      ? sink
      : { write: (line: string) => sink.write(prettyLine(line, isColoured)) },
  );
  return log;
}

/** Returns the hook that leaves out lines which repeat that the database is away. */
function hookOf(lines: OutageLines): HookOfPino {
  return function logUnlessRepeated(args, write, level) {
    const [first, message] = args as unknown as [unknown, unknown];
    if (level < WARN) return write.apply(this, args);
    const about = (typeof first === 'object' && first) || {};
    const text = typeof message === 'string' ? message : typeof first === 'string' ? first : '';
    const repeated = lines.admit(text, [...Object.values(about), first, text]);
    if (repeated === null) return;
    if (repeated === 0) return write.apply(this, args);
    write.call(this, { ...about, repeated }, text);
  };
}
