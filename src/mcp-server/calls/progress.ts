import type { ServerContext } from '@modelcontextprotocol/server';
import type { RunEvent } from '../caller.ts';

/**
 * Tells a client that asked for it how far a call got. Of a run that is one tool this is what the tool says; of others it is the steps, and what
 * a tool says stands between two of them. What is told never falls.
 */
export function createProgress(
  ctx: ServerContext,
  isOneTool: boolean,
): (event: RunEvent) => Promise<void> {
  const progressToken = ctx.mcpReq._meta?.progressToken;
  let last = Number.NEGATIVE_INFINITY;
  let steps = 0;
  return async (event) => {
    if (progressToken === undefined) return;
    if (event.type === 'step') steps = event.seq;
    const told = isOneTool ? ofTool(event) : ofRun(event, steps);
    if (!told || told.progress <= last) return;
    last = told.progress;
    await ctx.mcpReq
      .notify({ method: 'notifications/progress', params: { progressToken, ...told } })
      .catch(() => {}); // who is gone hears nothing
  };
}

type Told = { progress: number; total?: number; message?: string };

function ofTool(event: RunEvent): Told | undefined {
  if (event.type !== 'note' || event.note.type !== 'progress') return undefined;
  const { progress, total, message } = event.note;
  return {
    progress,
    ...(total !== undefined && { total }),
    ...(message !== undefined && { message }),
  };
}

function ofRun(event: RunEvent, steps: number): Told | undefined {
  if (event.type === 'step') {
    const { seq, kind, name } = event;
    return { progress: seq, message: [kind, name].filter(Boolean).join(' ') };
  }
  const told = ofTool(event);
  if (!told?.total || event.type !== 'note') return undefined;
  const { tool } = event.note;
  const { progress, total, message } = told;
  const share = Math.min(Math.max(progress / total, 0.01), 0.99);
  const far = message ?? `${progress} of ${total}`;
  return { progress: steps + share, message: `${tool}: ${far}` };
}
