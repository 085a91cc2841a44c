import type { ServerContext } from '@modelcontextprotocol/server';
import { LOG_LEVELS, type LogLevel } from '../../contracts/agents/tool-io.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import type { RunEvent } from '../caller.ts';

/** Default log level, for a client that has set none: only problems. */
const USUAL: LogLevel = 'warning';

/**
 * Creates a function that sends the events of the run of a call to the log of the client, from the
 * level that the client wants.
 */
export function createRunLog(
  id: string,
  ctx: ServerContext,
  least: string | null,
): (event: RunEvent) => Promise<void> {
  // Each request of this revision states its log level, and the library applies the level.
  const isModern = ctx.mcpReq.envelope !== undefined;
  const floor = LOG_LEVELS.indexOf((least ?? USUAL) as LogLevel);
  return async (event) => {
    const message = messageOf(event);
    if (!message) return;
    const { logger = LOGGER } = message;
    const data = 'own' in message ? message.own : { execution_id: id, ...message.data };
    if (isModern) {
      // A client that has disconnected gets nothing.
      await ctx.mcpReq.log(message.level, data, logger).catch(() => {});
    } else if (LOG_LEVELS.indexOf(message.level) >= floor) {
      const params = { level: message.level, logger, data };
      await ctx.mcpReq.notify({ method: 'notifications/message', params }).catch(() => {});
    }
  };
}
const LOGGER = 'howdah';

/** A log message. `own` is the data that a tool has logged itself. */
type LogMessage = { level: LogLevel; logger?: string } & ({ data: JsonObject } | { own: Json });

function messageOf(event: RunEvent): LogMessage | undefined {
  switch (event.type) {
    case 'step': {
      const { seq, kind, name, error } = event;
      return error === null
        ? { level: 'info', data: { seq, kind, name } }
        : { level: 'error', data: { seq, kind, name, error } };
    }
    case 'questions':
      return {
        level: 'notice',
        data: {
          waiting_for: 'human',
          questions: event.questions.map(({ id, kind, prompt }) => ({ id, kind, prompt })),
        },
      };
    case 'note': {
      const { note } = event;
      return note.type === 'log'
        ? { level: note.level, logger: note.tool, own: note.data }
        : undefined;
    }
    case 'limited':
      return { level: 'warning', data: { waiting_for: 'quota' } };
    default:
      return undefined;
  }
}
