import type { LoggingMessageNotification } from '@modelcontextprotocol/client';
import { visibleText } from './elicitation.ts';

export type Log = {
  warn(about: object, message: string): void;
  info(about: object, message: string): void;
};

/** Most lines of one connection in a minute. */
const MAX_LINES = 60;
const MINUTE_MS = 60_000;
const GRAVE = new Set(['error', 'critical', 'alert', 'emergency']);

/**
 * Returns a handler that writes log messages of a server to the log of this process, up to a rate
 * limit.
 */
export function logOf(log: Log, server: string) {
  let since = Date.now();
  let lines = 0;
  return ({ level, logger, data }: LoggingMessageNotification['params']): void => {
    if (Date.now() - since > MINUTE_MS) {
      since = Date.now();
      lines = 0;
    }
    lines += 1;
    if (lines > MAX_LINES) return;
    const said = typeof data === 'string' ? data : (JSON.stringify(data) ?? '');
    const about = {
      server,
      level,
      ...(logger === undefined ? {} : { logger: visibleText(logger, 100) }),
      said: visibleText(said, 1_000),
    };
    log[GRAVE.has(level) ? 'warn' : 'info'](about, 'log message of an MCP server');
  };
}
