import type { ServerContext } from '@modelcontextprotocol/server';
import type { RunEvent } from '../caller.ts';

/**
 * Creates a function that reports the progress of a call to a client that asked for it. If the run
 * is one tool, the progress is that of the tool. Otherwise, the progress is the steps, and the
 * progress of a tool lies between two steps. The reported value never falls.
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
    const report = isOneTool ? ofTool(event) : ofRun(event, steps);
    if (!report || report.progress <= last) return;
    last = report.progress;
    await ctx.mcpReq
      .notify({ method: 'notifications/progress', params: { progressToken, ...report } })
      .catch(() => {}); // a client that has disconnected gets nothing
  };
}

type Progress = { progress: number; total?: number; message?: string };

function ofTool(event: RunEvent): Progress | undefined {
  if (event.type !== 'note' || event.note.type !== 'progress') return undefined;
  const { progress, total, message } = event.note;
  return {
    progress,
    ...(total !== undefined && { total }),
    ...(message !== undefined && { message }),
  };
}

function ofRun(event: RunEvent, steps: number): Progress | undefined {
  if (event.type === 'step') {
    const { seq, kind, name } = event;
    return { progress: seq, message: [kind, name].filter(Boolean).join(' ') };
  }
  const report = ofTool(event);
  if (!report?.total || event.type !== 'note') return undefined;
  const { tool } = event.note;
  const { progress, total, message } = report;
  const share = Math.min(Math.max(progress / total, 0.01), 0.99);
  const far = message ?? `${progress} of ${total}`;
  return { progress: steps + share, message: `${tool}: ${far}` };
}
