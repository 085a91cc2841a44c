import type { ServerContext } from '@modelcontextprotocol/server';
import type { JsonObject } from '../contracts/json.ts';
import type { RunEvent } from './caller.ts';

const LEVELS = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
] as const;
type Level = (typeof LEVELS)[number];
/** What a client hears that never said what it wants: what is wrong. */
const USUAL: Level = 'warning';

/** Writes what happens to the run of a call into the log of the client, as much of it as it wants. */
export function createRunLog(
  id: string,
  ctx: ServerContext,
  least: string | null,
): (event: RunEvent) => Promise<void> {
  const isModern = ctx.mcpReq.envelope !== undefined; // then each request says what it wants, and the library reads it
  const floor = LEVELS.indexOf((least ?? USUAL) as Level);
  return async (event) => {
    const message = messageOf(event);
    if (!message) return;
    const data = { execution_id: id, ...message.data };
    if (isModern) {
      await ctx.mcpReq.log(message.level, data, LOGGER).catch(() => {}); // who is gone hears nothing
    } else if (LEVELS.indexOf(message.level) >= floor) {
      const params = { level: message.level, logger: LOGGER, data };
      await ctx.mcpReq.notify({ method: 'notifications/message', params }).catch(() => {});
    }
  };
}
const LOGGER = 'howdah';

function messageOf(event: RunEvent): { level: Level; data: JsonObject } | undefined {
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
    case 'limited':
      return { level: 'warning', data: { waiting_for: 'quota' } };
    default:
      return undefined;
  }
}
