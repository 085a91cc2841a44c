import { parseJson } from '../json/parse-json.ts';
import type { Sink } from './log.ts';

type Write = (fields: Record<string, unknown>, message: string) => void;

/** The logger of a program, in the form of pino's and Fastify's: fields first, then a message. */
export type Logger = { debug: Write; info: Write; warn: Write; error: Write };

/** Levels of pino, and the methods of a logger that take lines from there on. */
const LEVELS: readonly [number, keyof Logger][] = [
  [50, 'error'],
  [40, 'warn'],
  [30, 'info'],
];

/** The fields that every line of the log has, and others. */
type LogLine = { level: number; msg?: string; [field: string]: unknown };

/** Creates a destination that passes each line of the log, redacted, to a logger. */
export function createLoggerSink(logger: Logger): Sink {
  return {
    write(line) {
      const { level, msg = '', time: _, pid: __, ...fields } = parseJson<LogLine>(line);
      const [, method] = LEVELS.find(([from]) => level >= from) ?? [0, 'debug' as const];
      logger[method](fields, msg);
    },
  };
}
